package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/translate"
)

// Switch is something that is done with a target by hand.
type Switch string

// The switches.
const (
	// Drain has no Envoy, and no gRPC client, send the target anything new until Restore;
	// what is under way ends.
	Drain Switch = "drain"
	// Eject opens the target's breaker in each Envoy that can be asked, as if it had failed:
	// after the recovery time it is tried.
	Eject Switch = "eject"
	// Restore ends a Drain, and closes the target's breakers.
	Restore Switch = "restore"
)

// drained is a target that was drained.
type drained struct{ file, pool, authority string }

// Switched says which target is meant: it goes by its name, and where that stands in
// several pools or blueprints, by these.
type Switched struct{ Blueprint, Pool, Target string }

// Switch does something with a target by hand. It fails when no target, or more than
// one, is meant, or it cannot be done with this one.
func (f *Fleet) Switch(of Switched, to Switch) error {
	b := f.breakers
	b.mu.Lock()
	defer b.mu.Unlock()
	d, p, err := b.find(of)
	if err != nil {
		return err
	}
	now := time.Now()
	switch to {
	case Drain:
		if p.ResolveByEnvoy {
			return fmt.Errorf("drain target %q: Envoy resolves the addresses of pool %q itself", of.Target, p.Name)
		}
		if _, is := b.drained[d]; !is {
			b.drained[d] = now
		}
	case Eject:
		if !b.each(d, func(c *circuit) { c.open(now, p.Breaker, "ejected by hand") }) {
			return fmt.Errorf("eject target %q: no Envoy that can be asked has a breaker for it that is tried before it closes: drain it", of.Target)
		}
	case Restore:
		_, was := b.drained[d]
		delete(b.drained, d)
		b.each(d, func(c *circuit) { c.restore(now, !was) })
	default:
		return fmt.Errorf("switch target %q: %q is none of drain, eject, restore", of.Target, to)
	}
	b.event(Event{Kind: SwitchEvent, Subject: of.Target, Blueprint: d.file, Text: fmt.Sprintf("pool %s: %s by hand", d.pool, to)})
	b.log.Info("switched by hand", "blueprint", d.file, "pool", d.pool, "target", of.Target, "to", string(to))
	b.layAll(d.file)
	b.save()
	close(b.switched) // look at once
	b.switched = make(chan struct{})
	return nil
}

// each does something with the breakers of a target, and says whether it has any.
func (b *breakers) each(d drained, do func(*circuit)) (any bool) {
	for at := range b.pools {
		if at.file != d.file {
			continue
		}
		p := poolOf(&blueprints.Blueprint{Pools: b.all(at)}, d.pool)
		if p == nil || !at.works(p) || !hasTarget(p, d.authority) {
			continue
		}
		any = true
		pool := b.pool(at, d.pool)
		if pool.circuits[d.authority] == nil {
			pool.circuits[d.authority] = &circuit{state: BreakerClosed}
		}
		do(pool.circuits[d.authority])
	}
	return any
}

// find is the one target that is meant.
func (b *breakers) find(of Switched) (found drained, pool *blueprints.Pool, err error) {
	var all []string
	for file, where := range b.placed {
		bp := where.base.bp
		if of.Blueprint != "" && of.Blueprint != file && of.Blueprint != bp.Name && !hasPathSuffix(file, of.Blueprint) {
			continue
		}
		for _, p := range bp.Pools {
			for _, t := range p.Targets {
				d := drained{file, p.Name, translate.Authority(p, t)}
				if t.Name == of.Target && (of.Pool == "" || of.Pool == p.Name) && d != found {
					found, pool = d, p
					all = append(all, fmt.Sprintf("pool %s of %s", p.Name, file))
				}
			}
		}
	}
	switch len(all) {
	case 0:
		return found, nil, fmt.Errorf("find target %q: no pool that is served has it", of.Target)
	case 1:
		return found, pool, nil
	}
	slices.Sort(all)
	return found, nil, fmt.Errorf("find target %q: name one of %s", of.Target, strings.Join(all, ", "))
}

// pruneDrained forgets drained targets that no release of their blueprint has any more.
func (b *breakers) pruneDrained() (any bool) {
	for d := range b.drained {
		where, is := b.placed[d.file]
		if !is {
			continue
		}
		has := func(r *release) bool {
			p := poolOf(r.bp, d.pool)
			return p != nil && hasTarget(p, d.authority)
		}
		kept := has(where.base)
		for _, r := range where.others {
			kept = kept || has(r)
		}
		if !kept {
			delete(b.drained, d)
			any = true
		}
	}
	return any
}
