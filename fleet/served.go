package fleet

import (
	"fmt"
	"maps"
	"slices"

	"backworks/blueprints"
	"backworks/xds"
)

// base is what a node gets of which nothing else is said.
func (r *rollout) base() *release {
	if r.stage == Spread || r.good == nil {
		return r.next
	}
	return r.good
}

// group is what the nodes get; false: nothing.
func (r *rollout) group() (xds.Group, bool) {
	base := r.base()
	if base == nil {
		return xds.Group{}, false
	}
	g := xds.Group{Release: base.xds, Others: map[string]xds.Release{}, Quiet: r.quiet && r.stage != Spread}
	if r.next != nil && r.next != base {
		for id := range r.on {
			g.Others[id] = r.next.xds
		}
	}
	for id, h := range r.held {
		g.Others[id] = h.on.xds
	}
	return g, true
}

// placed says the same in releases, by main file.
func (f *Fleet) placed() map[string]placed {
	out := make(map[string]placed, len(f.rollouts))
	for file, r := range f.rollouts {
		p := placed{base: r.base(), others: map[string]*release{}, quiet: r.quiet && r.stage != Spread}
		if p.base == nil {
			continue
		}
		if r.next != nil && r.next != p.base {
			for id := range r.on {
				p.others[id] = r.next
			}
		}
		for id, h := range r.held {
			p.others[id] = h.on
		}
		_, p.grpc = f.pushed[GRPCDialect.group(file)]
		out[file] = p
	}
	return out
}

// each replaces every release that a node may be on, or come to be on.
func (r *rollout) each(f func(*release) *release) {
	known := map[*release]*release{nil: nil}
	once := func(rel *release) *release {
		if _, done := known[rel]; !done {
			known[rel] = f(rel)
		}
		return known[rel]
	}
	r.good, r.newest, r.next, r.queued = once(r.good), once(r.newest), once(r.next), once(r.queued)
	for id, h := range r.held {
		h.on = once(h.on)
		r.held[id] = h
	}
}

// problem is why what was loaded last is not served; false: it is, or may still be.
func (r *rollout) problem() (blueprints.Problem, bool) {
	if r.verdict == nil || r.newest.version() == r.base().version() {
		return blueprints.Problem{}, false
	}
	p := blueprints.Problem{Position: r.verdict.position(r.newest.bp.Position)}
	p.Message = fmt.Sprintf("version %s is not served: %s; version %s is, until a file changes, or: backworks rollout retry",
		r.newest.version(), r.verdict.Reason, r.base().version())
	return p, true
}

func (r *rollout) status() RolloutStatus {
	s := RolloutStatus{
		Version: r.newest.version(), Stage: r.stage, Since: r.at, Trail: slices.Clone(r.trail),
		Nodes: slices.Sorted(maps.Keys(r.on)), Held: []Held{},
	}
	if s.Nodes == nil {
		s.Nodes = []string{}
	}
	if r.verdict != nil && r.next == nil {
		s.Stage = r.verdict.Stage
	}
	if r.verdict != nil {
		s.Reason, s.Where = r.verdict.Reason, r.verdict.Where
	}
	for _, id := range slices.Sorted(maps.Keys(r.held)) {
		s.Held = append(s.Held, Held{Node: id, Version: r.held[id].on.version(), Refused: r.held[id].refused})
	}
	return s
}
