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
		marks, held := r.marks, len(r.held)
		r.expect() // first, so that nothing happens between looking and waiting
		again = r.advance(now)
		if r.marks == marks && len(r.held) == held {
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
	switch r.stage {
	case Waiting, Canary, Stepping, Spread:
	default:
		return again // nothing is under way
	}
	nodes := r.members.of(r.file)
	r.revived = r.revived && len(nodes) == 0 && len(r.members.of(GRPCDialect.group(r.file))) == 0
	if r.stage == Waiting {
		// Nobody may ever come whom the rules of the last version fit.
		late := r.at.Add(silence)
		if r.revived = r.revived && now.Before(late); r.revived {
			return late
		}
		r.start(nil, now)
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
		if r.holds(n.node.ID) {
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
		if (r.stage == Spread || r.on[n.node.ID]) && !r.holds(n.node.ID) && n.synced != r.next.version() && (now.Before(r.given(n).Add(silence)) || r.stage == Canary) {
			out = append(out, n)
		}
	}
	return out
}

// holds says whether a node stays on an older release.
func (r *rollout) holds(id string) bool {
	_, held := r.held[id]
	return held
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

// expect tells the members when to wake the pipeline, when that is another moment than
// before.
func (r *rollout) expect() {
	if now := [2]int{r.marks, len(r.held)}; now != r.expected {
		r.expected = now
		r.members.await(r.file, r.awaited())
	}
}

func (r *rollout) awaited() goal {
	switch {
	case r.next == nil:
	case r.stage == Waiting:
		return goal{anyone: true}
	case r.stage == Spread:
		g := goal{version: r.next.version(), ids: map[string]bool{}, all: true}
		for id := range r.held {
			g.ids[id] = true
		}
		return g
	case r.stage == Canary, r.stage == Stepping:
		g := goal{version: r.next.version(), ids: map[string]bool{}}
		for id := range r.on {
			g.ids[id] = !r.holds(id)
		}
		return g
	}
	return goal{}
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
