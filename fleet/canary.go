package fleet

import (
	"fmt"
	"slices"
	"time"
)

// replace finds other canaries for those that are silent or gone, and says whether
// there were any.
func (r *rollout) replace(nodes []member, now time.Time) bool {
	here := map[string]member{}
	for _, n := range nodes {
		here[n.node.ID] = n
	}
	another := false
	for id := range r.on {
		n, connected := here[id]
		switch {
		case !connected:
			// It may come back at once, with what it had.
			r.lost[id] = true
			r.vanished++
			another = true
		case n.synced != r.next.version() && !now.Before(r.given(n).Add(silence)) && len(nodes) > len(r.on):
			r.log.Warn("canary does not acknowledge, another takes its place", "node", id, "version", r.next.version())
			r.lost[id] = true
			another = true
		}
	}
	switch {
	case !another:
	case r.vanished > maxLost:
		r.refuse(Verdict{Reason: fmt.Sprintf("canaries went away %d times before they acknowledged it: %s", r.vanished, joined(r.lost))}, now)
	case len(nodes) == 0:
		r.on, r.revived = map[string]bool{}, true
		r.mark(Waiting, now, "the canaries are gone")
	default:
		r.choose(nodes, r.on)
		r.mark(Canary, now, "sent to "+joined(r.on))
	}
	return another
}

// choose picks the canaries: those first that tried the last version and are well,
// then those that hold the good one without refusal, then the others.
func (r *rollout) choose(nodes []member, tried map[string]bool) {
	rank := func(n member) int {
		switch {
		case r.lost[n.node.ID]:
			return 3
		case n.refused != "" || n.synced == "":
			return 2
		case tried[n.node.ID]:
			return 0
		}
		return 1
	}
	order := slices.Clone(nodes)
	slices.SortStableFunc(order, func(a, b member) int { return rank(a) - rank(b) })
	r.on = map[string]bool{}
	for _, n := range order[:min(int(-r.plan[0]), len(order))] {
		r.on[n.node.ID] = true
		delete(r.held, n.node.ID)
	}
}
