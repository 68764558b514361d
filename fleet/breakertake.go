package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"backworks/blueprints"
	"backworks/translate"
)

// watched are the pools of a node whose breakers are ours to work.
func (b *breakers) watched(at place) []*blueprints.Pool {
	b.mu.Lock()
	defer b.mu.Unlock()
	rel := b.placed[at.file].of(at.node)
	if rel == nil {
		return nil
	}
	var out []*blueprints.Pool
	for _, p := range rel.bp.Pools {
		if p.HalfOpens() {
			out = append(out, p)
		}
	}
	return out
}

// pool is that of a node, made when it is new.
func (b *breakers) pool(at place, name string) *poolBreaker {
	if b.pools[at] == nil {
		b.pools[at] = map[string]*poolBreaker{}
	}
	if b.pools[at][name] == nil {
		b.pools[at][name] = &poolBreaker{circuits: map[string]*circuit{}}
	}
	return b.pools[at][name]
}

// asksStats are the pools of which counters are needed too.
func (b *breakers) asksStats(at place, pools []*blueprints.Pool, seen map[string]sight, now time.Time) (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range pools {
		if b.pool(home(at, p), p.Name).asksStats(p, seen[p.Name], now) {
			names = append(names, p.Name)
		}
	}
	return names
}

// take takes the breakers of a node on with what was seen of its pools, and says when to
// look again.
func (b *breakers) take(at place, pools []*blueprints.Pool, seen map[string]sight, now time.Time) (again time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[at] = now
	again = idleLook
	changed, joined := false, false
	for _, p := range pools {
		s, is := seen[p.Name]
		if !is {
			continue // the cluster is not there yet
		}
		where := home(at, p)
		pool := b.pool(where, p.Name)
		before := pool.states()
		if where == at {
			pool.step(p, s, now)
		} else {
			b.seen[where], joined = now, true
			pool.stepAll(p, at.node, s, now)
		}
		changed = b.tell(where, p, pool, before) || changed
		again = min(again, pool.pace(p, now))
	}
	b.lay(at)
	if joined && b.lay(place{at.file, ""}) {
		b.layAll(at.file) // those on another release
	}
	if changed {
		b.save()
	}
	return again
}

// trying are those of the pools that have a breaker which is not closed, if one of the node
// is half open; else all.
func (b *breakers) trying(at place, pools []*blueprints.Pool) []*blueprints.Pool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*blueprints.Pool
	any := false
	for _, p := range pools {
		pool := b.pool(home(at, p), p.Name)
		half := pool.any(BreakerHalfOpen)
		any = any || half
		if half || pool.any(BreakerOpen) {
			out = append(out, p)
		}
	}
	if !any {
		return pools
	}
	return out
}

// forget drops what is known of pools that are not among those of a node any more.
func (b *breakers) forget(at place, pools []*blueprints.Pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pools[at]) > len(pools) {
		maps.DeleteFunc(b.pools[at], func(name string, pool *poolBreaker) bool {
			return len(pool.circuits) == 0 && !slices.ContainsFunc(pools, func(p *blueprints.Pool) bool { return p.Name == name })
		})
	}
}

// states are those of the breakers, with when they came to them.
func (b *poolBreaker) states() map[string]time.Time {
	out := make(map[string]time.Time, len(b.circuits))
	for a, c := range b.circuits {
		out[a] = c.since
	}
	return out
}

// tell logs what is other than before, and says whether anything is.
func (b *breakers) tell(at place, p *blueprints.Pool, pool *poolBreaker, before map[string]time.Time) (changed bool) {
	for _, t := range p.Targets {
		a := translate.Authority(p, t)
		c := pool.circuits[a]
		if c == nil || before[a].Equal(c.since) {
			continue
		}
		before[a] = c.since // a target that stands twice
		changed = true
		log := b.log.Info
		if c.state == BreakerOpen {
			log = b.log.Warn
		}
		b.event(Event{Kind: BreakerEvent, Subject: t.Name, Node: at.node, Blueprint: at.file,
			Text: fmt.Sprintf("pool %s: %s: %s", p.Name, c.state, c.reason)})
		log("breaker changed", "node", at.node, "pool", p.Name, "target", t.Name, "state", string(c.state), "reason", c.reason)
	}
	return changed
}

// blind is how long an Envoy may not be seen beyond what its breakers wait for anyway.
const blind = 30 * time.Second

// lose lets go of the breakers of nodes that have not been seen for long: what is not
// looked at must not be held out for ever, and Envoy's own ejection goes on.
func (b *breakers) lose(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at, pools := range b.pools {
		if now.Sub(b.seen[at]) < blind {
			continue
		}
		changed := false
		for _, p := range b.all(at) {
			pool := pools[p.Name]
			if pool == nil {
				continue
			}
			before := pool.states()
			for _, c := range pool.circuits {
				c.renewed = false
				if c.state == BreakerHalfOpen || c.state == BreakerOpen && now.Sub(c.until) > blind {
					c.turn(BreakerClosed, now, "its Envoy cannot be asked, and is left to its own ejection")
				}
			}
			changed = b.tell(at, p, pool, before) || changed
		}
		b.lay(at)
		if changed {
			b.save()
		}
	}
}

// all are the pools of a node's release.
func (b *breakers) all(at place) []*blueprints.Pool {
	if rel := b.placed[at.file].of(at.node); rel != nil {
		return rel.bp.Pools
	}
	return nil
}

// whenSwitched is closed by the next switch by hand.
func (b *breakers) whenSwitched() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.switched
}
