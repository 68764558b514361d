package fleet

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// silence is how long a node may take to acknowledge before it is passed over: an
	// ACK may take a health check's timeout, and Envoy holds one back for 15 s.
	silence = 20 * time.Second
	// spreading is how long a newer version waits for the last nodes to acknowledge
	// the one before it.
	spreading = 5 * time.Second
	// maxLost is how many canaries may vanish before they acknowledged: more look as
	// if the version took them down.
	maxLost = 3
	// leastRefused is below what no per cent of the nodes falls.
	leastRefused = 2
)

// look takes a rollout as far as it may go now. It says whether nodes are to be sent
// something else, and when to look again if nothing happens; zero: then never.
func (r *rollout) look(now time.Time) (changed bool, again time.Time) {
	for {
		before := r.marks
		r.expect() // first, so that nothing happens between looking and waiting
		if again = r.advance(now); r.marks == before {
			return changed, again
		}
		changed = true
	}
}

// advance is one step of look.
//
// What can happen, by the stage:
//  1. A node connects that can be the canary.
//  2. A canary refused: all go back.
//  3. A canary is silent, or went: another takes its place.
//  4. Behind the canaries a node refused: it is held. Too many: all go back.
//  5. Every node of the step has acknowledged, is held or is silent: the step is
//     watched, then comes the next one; after the last one the version is good.
func (r *rollout) advance(now time.Time) (again time.Time) {
	nodes := r.members.of(r.file)
	r.revived = r.revived && len(nodes) == 0 && len(r.members.of(GRPCDialect.group(r.file))) == 0
	switch r.stage {
	case Waiting:
		// Nobody may ever come whom the rules of the last version fit.
		late := r.at.Add(silence)
		if r.revived = r.revived && now.Before(late); r.revived {
			return late
		}
		r.start(nil, now)
		return again
	case Canary, Stepping, Spread:
	default:
		return again
	}
	if r.refusals(nodes, now) {
		return again
	}
	if r.stage == Canary {
		if r.replace(nodes, now) {
			return again
		}
	}
	if pending := r.pending(nodes, now); len(pending) > 0 {
		if r.queued == nil {
			return r.patience(pending, now)
		}
		if late := r.at.Add(spreading); now.Before(late) {
			return late
		}
	}
	return r.watch(nodes, now)
}

// refusals sees who refused next, and says whether that ends the rollout.
func (r *rollout) refusals(nodes []member, now time.Time) bool {
	for _, n := range nodes {
		if n.refused != r.next.version() {
			continue
		}
		if _, held := r.held[n.node.ID]; held {
			continue
		}
		v := verdictOf(n)
		if r.stage == Canary {
			r.refuse(v, now)
			return true
		}
		if r.held == nil {
			r.held = map[string]hold{}
		}
		r.held[n.node.ID] = hold{on: r.good, refused: r.next.version()}
		if count, most := r.refusers(), r.mostRefused(len(nodes)); count >= most {
			v.Reason = fmt.Sprintf("%d of %d Envoys refused it, the last: %s", count, len(nodes), v.Reason)
			r.refuse(v, now)
			return true
		}
		r.log.Warn("node refused a version and is held on the one before", "node", n.node.ID, "version", n.refused, "reason", v.Reason)
	}
	return false
}

func (r *rollout) refusers() (count int) {
	for _, h := range r.held {
		if h.refused == r.next.version() {
			count++
		}
	}
	return count
}

// mostRefused is how many refusals end a rollout among so many nodes.
func (r *rollout) mostRefused(nodes int) int {
	most := r.how.of(r.next.bp).MaxRefused
	if most.Percent > 0 {
		most.Count = max(leastRefused, int(math.Ceil(most.Percent/100*float64(nodes))))
	}
	return max(1, min(most.Count, nodes))
}

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

// given is since when a node has had next.
func (r *rollout) given(n member) time.Time {
	if n.since.After(r.at) {
		return n.since
	}
	return r.at
}

// pending are the nodes that are on next and have not answered yet, without those
// that have been silent too long.
func (r *rollout) pending(nodes []member, now time.Time) (out []member) {
	for _, n := range nodes {
		if r.awaits(n.node.ID) && n.synced != r.next.version() && (now.Before(r.given(n).Add(silence)) || r.stage == Canary) {
			out = append(out, n)
		}
	}
	return out
}

// awaits says whether a node is on next.
func (r *rollout) awaits(id string) bool {
	_, held := r.held[id]
	return !held && (r.stage == Spread || r.on[id])
}

// patience is when the first of the pending nodes will have been silent too long.
func (r *rollout) patience(pending []member, now time.Time) (at time.Time) {
	for _, n := range pending {
		if late := r.given(n).Add(silence); late.After(now) {
			at = earliest(at, late)
		}
	}
	return at
}

// watch is what follows when a step has acknowledged.
func (r *rollout) watch(nodes []member, now time.Time) (again time.Time) {
	if r.acked.IsZero() {
		r.acked = now
	}
	how := r.how.of(r.next.bp)
	if r.good != nil && how.Watch > 0 && r.stage != Spread {
		if reason := r.judged(nodes, how.MaxErrors); reason != "" {
			r.refuse(Verdict{Reason: reason}, now)
			return again
		}
		if end := r.acked.Add(how.Watch); now.Before(end) {
			if how.MaxErrors > 0 {
				return earliest(end, now.Add(judgeEvery))
			}
			return end
		}
	}
	r.further(nodes, now)
	return again
}

// further begins the next step.
func (r *rollout) further(nodes []member, now time.Time) {
	if r.stage == Spread && !r.acknowledged() {
		return // nobody has acknowledged it
	}
	if r.stage == Spread {
		queued := r.queued
		r.accept(now)
		if queued != nil {
			r.queued = nil
			r.take(queued, now)
		}
		return
	}
	if r.stage == Canary {
		r.held = map[string]hold{} // what they refused before says nothing of this one
	}
	if r.step++; r.step >= len(r.plan) {
		r.mark(Spread, now, "sent to all")
		return
	}
	want := int(math.Ceil(r.plan[r.step] / 100 * float64(len(nodes))))
	for _, n := range nodes {
		if len(r.on) < want {
			r.on[n.node.ID] = true
		}
	}
	r.mark(Stepping, now, fmt.Sprintf("sent to %d of %d", len(r.on), len(nodes)))
}

// expect tells the members when to wake the pipeline.
func (r *rollout) expect() {
	if r.next == nil || r.stage == Checking || r.stage == Waiting {
		r.members.await(r.file, "", nil)
		return
	}
	r.members.await(r.file, r.next.version(), r.awaits)
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// joined are the first ids of a set, for people.
func joined(set map[string]bool) string {
	const most = 5
	list := slices.Sorted(maps.Keys(set))
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}
