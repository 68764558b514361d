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
// asking that, or with scope fleet in all of its blueprint; Node is "" then.
type BreakerStatus struct {
	Blueprint string           `json:"blueprint"`
	Pool      string           `json:"pool"`
	Target    string           `json:"target"`
	Node      string           `json:"node"`
	Scope     blueprints.Scope `json:"scope"`
	State     BreakerState     `json:"state"`
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
			if !at.works(p) {
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
	at = home(at, p)
	s := BreakerStatus{Blueprint: at.file, Pool: p.Name, Target: t.Name, Node: at.node, Scope: p.Breaker.Scope, State: BreakerClosed}
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
	for i, s := range list {
		list[i].Drained, list[i].Breaker = b.standing(place{s.Blueprint, s.Node}, p, t, s.Health != Unknown, s.Ejected)
	}
	return list
}

// standing says whether a target is drained, and how its breaker is in an Envoy, which told
// of it or not.
func (b *breakers) standing(at place, p *blueprints.Pool, t *blueprints.Target, told, ejected bool) (drains bool, own *TargetBreaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, drains = b.drained[drained{at.file, p.Name, translate.Authority(p, t)}]
	if p.Breaker == nil || !told && !b.followed(at.file, p) {
		return drains, nil
	}
	own = &TargetBreaker{State: BreakerClosed, HalfOpens: p.HalfOpens(), Scope: p.Breaker.Scope}
	if own.HalfOpens {
		is := b.status(at, p, t)
		own.State, own.Since, own.Until, own.Reason = is.State, is.Since, is.Until, is.Reason
	}
	if own.State == BreakerClosed && ejected { // just now, or by itself
		own.State = BreakerOpen
	}
	return drains, own
}

// followed says that Envoys which cannot be asked have the breakers of the pool as well:
// those that can be work them for all.
func (b *breakers) followed(file string, p *blueprints.Pool) bool {
	return p.HalfOpens() && together(p) && !b.seen[place{file, ""}].IsZero()
}

// NodeBreakers says what of breakers a node has: numbers of pools.
type NodeBreakers struct {
	// HalfOpen are tried before they close: the node can be asked.
	HalfOpen int `json:"half_open"`
	// Followed are tried by others and the node follows: scope fleet.
	Followed int `json:"followed"`
	// Ejection are Envoy's own ejection alone.
	Ejection int `json:"ejection"`
}

// BreakerKind is how much of a breaker an Envoy has.
type BreakerKind string

// BreakerKinds are all there are, the most first, in the words of NodeBreakers.
var BreakerKinds = []BreakerKind{"half_open", "followed", "ejection"}

// Least is the kind of that breaker which is the least.
func (n NodeBreakers) Least() BreakerKind {
	switch {
	case n.Ejection > 0:
		return BreakerKinds[2]
	case n.Followed > 0:
		return BreakerKinds[1]
	}
	return BreakerKinds[0]
}

// ofNode is what a node has; nil: nothing.
func (b *breakers) ofNode(at place) *NodeBreakers {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n NodeBreakers
	asked := time.Since(b.seen[at]) < freshSight
	for _, p := range b.all(at) {
		switch {
		case p.Breaker == nil:
		case p.HalfOpens() && asked:
			n.HalfOpen++
		case b.followed(at.file, p):
			n.Followed++
		default:
			n.Ejection++
		}
	}
	if n == (NodeBreakers{}) {
		return nil
	}
	return &n
}
