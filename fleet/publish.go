package fleet

import (
	"slices"
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
		if p != before && before != nil && p.bp.Version == before.bp.Version && p.state == before.state {
			p.since = before.since // it is the same, but degraded now, or not any more
		} else {
			changed = changed || p != before
		}
		next[bp.File] = p
	}
	changed = changed || len(next) != len(f.published)
	f.published = next
	f.Groups.set.Store(served(set, next))
	if changed {
		f.push()
	}
	return changed, problems
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

// push hands all that is published to the server, which sends what differs.
func (f *Fleet) push() {
	groups := make(map[string]xds.Group, len(f.published))
	for file, p := range f.published {
		groups[file] = xds.Group{Release: xds.Release{Snapshot: p.snapshot, Overlay: xds.NewOverlay(p.overlay())}}
	}
	f.Server.PublishGroups(groups)
	f.counts.push()
}

// readdress sends the assignments that hold other addresses than before.
func (f *Fleet) readdress() {
	state := f.resolver.answers.Load().state
	next := make(map[string]*published, len(f.published))
	for file, before := range f.published {
		p := *before
		if err := p.assign(before, state); err != nil {
			f.log.Error("assignments cannot be sent", "blueprint", file, "error", err)
			p = *before
		}
		next[file] = &p
	}
	f.published = next
	f.push()
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
// the pool nor an address of it changed.
func (p *published) assign(before *published, state *translate.State) error {
	assignments := make(map[*blueprints.Pool]*xds.Resource, len(p.bp.Pools))
	for _, pool := range p.bp.Pools {
		if pool.ResolveByEnvoy {
			continue
		}
		if before != nil && before.assignments[pool] != nil && sameAddresses(pool, before.state, state) {
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

// sameAddresses says that the pool's targets have the same addresses in both states.
func sameAddresses(pool *blueprints.Pool, a, b *translate.State) bool {
	return a == b || !slices.ContainsFunc(pool.Targets, func(t *blueprints.Target) bool {
		return !slices.Equal(a.Addresses[t.Host], b.Addresses[t.Host])
	})
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
