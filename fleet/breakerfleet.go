package fleet

import (
	"fmt"
	"maps"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
)

// freshSight is how long what an Envoy said counts among what all say.
const freshSight = 3 * idleLook

// home is the place of a pool's breakers: the node's own, or with scope: fleet that of all.
func home(at place, p *blueprints.Pool) place {
	if together(p) {
		at.node = ""
	}
	return at
}

// together says that all Envoys have the breakers of the pool together.
func together(p *blueprints.Pool) bool {
	return p.Breaker != nil && p.Breaker.Scope == blueprints.ScopeFleet
}

// works says that the breakers of the pool are worked at the place.
func (at place) works(p *blueprints.Pool) bool {
	return p.HalfOpens() && (at.node == "") == together(p)
}

// parts are the Envoys of a blueprint which have breakers together. What they count is
// added up here, since one that is started anew, comes or goes must not take anything away.
type parts struct {
	since  time.Time // before idleLook is over, not all can have told
	nodes  map[string]*part
	totals map[string]tally  // by authority
	stats  map[string]uint64 // nil: none was asked for
}

// part is one of them.
type part struct {
	sight
	meters map[string]*meter
	stats  map[string]*counter // nil: not asked for yet
	flow   passage
}

// join adds what an Envoy has of a pool, and returns what all have together. A target is
// taken out when the breaker's share of the Envoys that have it took it out, and well when
// it is in one.
func (all *parts) join(br *blueprints.Breaker, node string, s sight, now time.Time) (sight, passage) {
	if all.nodes == nil {
		all.since, all.nodes, all.totals = now, map[string]*part{}, map[string]tally{}
	}
	maps.DeleteFunc(all.nodes, func(_ string, x *part) bool { return now.Sub(x.at) > blind })
	x := all.nodes[node]
	first := x == nil
	if first {
		x = &part{meters: map[string]*meter{}}
		all.nodes[node] = x
	}
	all.count(x, s, first)
	x.sight = s
	x.flow.measure(s)
	return all.sum(br, now)
}

// count adds what an Envoy counted since the time before: nothing the first time.
func (all *parts) count(x *part, s sight, first bool) {
	for authority, h := range s.hosts {
		m := x.meters[authority]
		if m == nil {
			m = &meter{}
			x.meters[authority] = m
		}
		grown, total := m.take(h), all.totals[authority]
		if !first {
			total.add(grown)
		}
		all.totals[authority] = total
	}
	maps.DeleteFunc(x.meters, func(authority string, _ *meter) bool { _, has := s.hosts[authority]; return !has })
	if s.stats == nil {
		return
	}
	if all.stats == nil {
		all.stats = map[string]uint64{}
	}
	first = x.stats == nil
	if first {
		x.stats = map[string]*counter{}
	}
	for name, value := range s.stats {
		v := x.stats[name]
		if v == nil {
			v = new(counter)
			x.stats[name] = v
		}
		if grown := v.take(value); !first {
			all.stats[name] += grown
		}
	}
}

// sum is what all Envoys have that told lately.
func (all *parts) sum(br *blueprints.Breaker, now time.Time) (sight, passage) {
	s := sight{at: now, hosts: map[string]envoy.Host{}, stats: maps.Clone(all.stats), reasons: map[string]string{}}
	flow := passage{at: now, known: true, whole: true}
	have, out := map[string]int{}, map[string]int{}
	for _, x := range all.nodes {
		if now.Sub(x.at) > freshSight {
			continue
		}
		flow.rate += x.flow.rate
		flow.known, flow.whole = flow.known && x.flow.known, flow.whole && x.flow.whole
		for authority, h := range x.hosts {
			if have[authority]++; h.Ejected {
				out[authority]++
			}
			sum := s.hosts[authority]
			active := sum.RequestsActive + h.RequestsActive
			h.Ejected = false
			if have[authority] == 1 || h.Healthy() {
				sum = h
			}
			total := all.totals[authority]
			sum.RequestsActive, sum.RequestsTotal, sum.RequestsSuccess, sum.RequestsError = active, total.requests, total.successes, total.failures
			s.hosts[authority] = sum
		}
	}
	for authority, h := range s.hosts {
		h.Ejected = now.Sub(all.since) >= idleLook && out[authority] >= quorum(br.FleetShare, have[authority])
		s.hosts[authority] = h
		s.reasons[authority] = fmt.Sprintf("its requests failed: %d of %d Envoys took it out", out[authority], have[authority])
	}
	return s, flow
}

// quorum is how many of the Envoys must see it.
func quorum(share blueprints.Share, of int) int {
	if share.Count > 0 {
		return min(share.Count, of)
	}
	n := int(share.Percent / 100 * float64(of))
	if float64(n) < share.Percent/100*float64(of) {
		n++
	}
	return max(1, n)
}
