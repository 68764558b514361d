package fleet

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"backworks/blueprints"
	"backworks/translate"
)

// BreakerStatus is the breaker of a target in one Envoy, as far as it is known without
// asking that.
type BreakerStatus struct {
	Blueprint string       `json:"blueprint"`
	Pool      string       `json:"pool"`
	Target    string       `json:"target"`
	Node      string       `json:"node"`
	State     BreakerState `json:"state"`
	// Since is when it came to its state; zero when it has been closed all the time.
	Since time.Time `json:"since,omitzero"`
	// Until is when an open one is tried; zero in other states.
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
	// Turns are how often it came to each state since the management server started.
	Turns map[BreakerState]uint64 `json:"-"`
}

// statuses are of all breakers that we work, in the order of blueprints, nodes, pools and
// targets.
func (b *breakers) statuses() (out []BreakerStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := range b.pools {
		for _, p := range b.all(at) {
			if !p.HalfOpens() {
				continue
			}
			done := map[string]bool{}
			for _, t := range p.Targets {
				if done[t.Name] {
					continue
				}
				done[t.Name] = true
				out = append(out, b.status(at, p, t))
			}
		}
	}
	slices.SortStableFunc(out, func(x, y BreakerStatus) int {
		return cmp.Or(cmp.Compare(x.Blueprint, y.Blueprint), cmp.Compare(x.Node, y.Node))
	})
	return out
}

func (b *breakers) status(at place, p *blueprints.Pool, t *blueprints.Target) BreakerStatus {
	s := BreakerStatus{Blueprint: at.file, Pool: p.Name, Target: t.Name, Node: at.node, State: BreakerClosed}
	if pool := b.pools[at][p.Name]; pool != nil {
		if c := pool.circuits[translate.Authority(p, t)]; c != nil {
			s.State, s.Since, s.Until, s.Reason = c.state, c.since, c.until, c.reason
			s.Turns = maps.Clone(c.turns)
		}
	}
	return s
}

// Breakers tells of the breakers that the management server works.
func (f *Fleet) Breakers() []BreakerStatus { return f.breakers.statuses() }

// beside puts the breaker of a target, and whether it is drained, into its statuses.
func (b *breakers) beside(p *blueprints.Pool, t *blueprints.Target, list []TargetStatus) []TargetStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range list {
		_, list[i].Drained = b.drained[drained{s.Blueprint, p.Name, translate.Authority(p, t)}]
		if s.Health == Unknown || p.Breaker == nil {
			continue
		}
		own := &TargetBreaker{State: BreakerClosed, HalfOpens: p.HalfOpens()}
		if own.HalfOpens {
			is := b.status(place{s.Blueprint, s.Node}, p, t)
			own.State, own.Since, own.Until, own.Reason = is.State, is.Since, is.Until, is.Reason
		}
		if own.State == BreakerClosed && s.Ejected { // just now, or by itself
			own.State = BreakerOpen
		}
		list[i].Breaker = own
	}
	return list
}
