package fleet

import (
	"time"

	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// published is what a group of nodes, those of one blueprint, was last given.
type published struct {
	bp       *blueprints.Blueprint
	snapshot *xds.Snapshot
	since    time.Time
	// resources are the snapshot's by the message they were marshalled from, and
	// assignments the overlay's by pool, so that the next version marshals only
	// what differs.
	resources   map[proto.Message]*xds.Resource
	assignments map[*blueprints.Pool]*xds.Resource
	// state holds the addresses that assignments were made with.
	state *translate.State
}

// publish gives each blueprint's nodes its resources and addresses. It says
// whether anything was published, and what could not be.
func (f *Fleet) publish(set *blueprints.Set, resources map[*blueprints.Blueprint]*translate.Resources) (bool, blueprints.Problems) {
	var problems blueprints.Problems
	state := f.resolver.answers.Load().state
	next := make(map[string]*published, len(set.Blueprints))
	changed := false
	for _, bp := range set.Blueprints {
		before := f.published[bp.File]
		p, err := build(before, bp, resources[bp], state)
		if err != nil {
			problems = append(problems, blueprints.Problem{Position: bp.Position, Message: err.Error()})
			p = before
		}
		if p == nil {
			continue
		}
		next[bp.File] = p
		changed = changed || p != before
	}
	if !changed && len(next) == len(f.published) {
		return false, problems
	}
	before := f.published
	f.published = next
	f.Groups.set.Store(served(set, next))
	f.push(before, next)
	return true, problems
}

// served is set with the blueprints that are published, at the version that is.
func served(set *blueprints.Set, published map[string]*published) *blueprints.Set {
	out := &blueprints.Set{}
	for _, bp := range set.Blueprints {
		if p := published[bp.File]; p != nil {
			out.Blueprints = append(out.Blueprints, p.bp)
		}
	}
	return out
}

// push brings the server from before to next. A cluster must never be without its
// assignment: Envoy makes one that re-warms active and empty when its assignment
// goes. So new assignments are there before their clusters, and old ones go after
// theirs.
func (f *Fleet) push(before, next map[string]*published) {
	snapshots := make(map[string]*xds.Snapshot, len(next))
	for group, p := range next {
		snapshots[group] = p.snapshot
		if old := before[group]; old != p {
			f.Server.Overlay(group, "", append(p.overlay(), p.removed(old)...))
		}
	}
	f.Server.Publish(snapshots)
	for group, p := range next {
		if old := before[group]; old != p && len(p.removed(old)) > 0 {
			f.Server.Overlay(group, "", p.overlay())
		}
	}
	for group := range before {
		if next[group] == nil {
			f.Server.Overlay(group, "", nil)
		}
	}
	f.counts.push()
}

// readdress sends the assignments that hold other addresses than before.
func (f *Fleet) readdress() {
	state := f.resolver.answers.Load().state
	for group, before := range f.published {
		p := *before
		if err := p.assign(before, state); err != nil {
			f.log.Error("assignments cannot be sent", "blueprint", group, "error", err)
			continue
		}
		f.published[group] = &p
		f.Server.Overlay(group, "", p.overlay())
		f.counts.push()
	}
}

// build makes what is to be published of bp out of as much as possible of before,
// which is returned itself when bp and its addresses are the same.
func build(before *published, bp *blueprints.Blueprint, r *translate.Resources, state *translate.State) (*published, error) {
	if r == nil || before != nil && before.bp == bp && before.state == state {
		return before, nil
	}
	p := &published{bp: bp, since: time.Now(), resources: map[proto.Message]*xds.Resource{}}
	var list []*xds.Resource
	for _, kind := range [][]translate.Resource{r.Clusters, r.Listeners, r.Routes, r.Secrets} {
		for _, t := range kind {
			var x *xds.Resource
			if before != nil {
				x = before.resources[t.Message]
			}
			if x == nil {
				var err error
				if x, err = xds.NewResource(t.Message, t.Name, t.Position.String()); err != nil {
					return nil, err
				}
			}
			p.resources[t.Message] = x
			list = append(list, x)
		}
	}
	p.snapshot = xds.NewSnapshot(bp.Version, list)
	if before != nil && before.bp == bp {
		p.snapshot, p.since = before.snapshot, before.since
	}
	return p, p.assign(before, state)
}

// assign makes the assignments of p's pools; those of before hold where neither
// the pool nor any address changed.
func (p *published) assign(before *published, state *translate.State) error {
	assignments := make(map[*blueprints.Pool]*xds.Resource, len(p.bp.Pools))
	for _, pool := range p.bp.Pools {
		if pool.ResolveByEnvoy {
			continue
		}
		if before != nil && before.state == state && before.assignments[pool] != nil {
			assignments[pool] = before.assignments[pool]
			continue
		}
		x, err := xds.NewResource(translate.Assignment(pool, *state), translate.ClusterName(pool), pool.Position.String())
		if err != nil {
			return err
		}
		assignments[pool] = x
	}
	p.assignments, p.state = assignments, state
	return nil
}

// overlay are the assignments in the order of the pools' names.
func (p *published) overlay() []*xds.Resource {
	var out []*xds.Resource
	for _, pool := range p.bp.Pools {
		if x := p.assignments[pool]; x != nil {
			out = append(out, x)
		}
	}
	return out
}

// removed are the assignments of old whose pool p does not have any more.
func (p *published) removed(old *published) []*xds.Resource {
	if old == nil {
		return nil
	}
	names := make(map[string]bool, len(p.assignments))
	for pool := range p.assignments {
		names[translate.ClusterName(pool)] = true
	}
	var out []*xds.Resource
	for _, pool := range old.bp.Pools {
		if x := old.assignments[pool]; x != nil && !names[translate.ClusterName(pool)] {
			out = append(out, x)
		}
	}
	return out
}
