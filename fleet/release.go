package fleet

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// release is a version of a blueprint as its nodes get it. It is immutable.
type release struct {
	dialect Dialect
	bp      *blueprints.Blueprint
	files   blueprints.FileSet // what it was made of
	since   time.Time          // when the version was loaded
	xds     xds.Release
	// resources are the snapshot's by the message they were marshalled from, and
	// assignments the overlay's by pool, so that the next version marshals only
	// what differs.
	resources   map[proto.Message]*xds.Resource
	assignments map[*blueprints.Pool]*xds.Resource
	// state holds the addresses that assignments were made with.
	state *translate.State
}

func (r *release) version() string { return r.bp.Version }

// build makes what is to be published of bp out of as much as possible of before,
// which is returned itself when bp and its addresses are the same.
func (d Dialect) build(before *release, bp *blueprints.Blueprint, r *translate.Resources, files blueprints.FileSet, state *translate.State) (*release, error) {
	if r == nil || before != nil && before.bp == bp && before.state == state {
		return before, nil
	}
	p := &release{dialect: d, bp: bp, files: files, since: time.Now(), resources: map[proto.Message]*xds.Resource{}}
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
	if before != nil && before.version() == bp.Version {
		p.xds.Snapshot, p.since = before.xds.Snapshot, before.since
	} else {
		p.xds.Snapshot = xds.NewSnapshot(bp.Version, list)
	}
	return p, p.assign(before, state)
}

// assign makes the assignments of p's pools; those of before hold where neither
// the pool nor an address of it changed.
func (p *release) assign(before *release, state *translate.State) error {
	assignments := make(map[*blueprints.Pool]*xds.Resource, len(p.bp.Pools))
	for _, pool := range p.bp.Pools {
		if pool.ResolveByEnvoy {
			continue
		}
		if before != nil && before.assignments[pool] != nil && sameAddresses(pool, before.state, state) {
			assignments[pool] = before.assignments[pool]
			continue
		}
		x, err := xds.NewResource(p.dialect.assignment(pool, *state), translate.ClusterName(pool), pool.Position.String())
		if err != nil {
			return err
		}
		assignments[pool] = x
	}
	p.assignments, p.state = assignments, state
	p.xds.Overlay = p.overlay(before)
	return nil
}

// sameAddresses says that the pool's targets have the same addresses in both states.
func sameAddresses(pool *blueprints.Pool, a, b *translate.State) bool {
	return a == b || !slices.ContainsFunc(pool.Targets, func(t *blueprints.Target) bool {
		return !slices.Equal(a.Addresses[t.Host], b.Addresses[t.Host])
	})
}

// overlay are the assignments; that of before where none differs.
func (p *release) overlay(before *release) *xds.Overlay {
	if before != nil && maps.Equal(p.assignments, before.assignments) {
		return before.xds.Overlay
	}
	list := make([]*xds.Resource, 0, len(p.assignments))
	for _, pool := range p.bp.Pools {
		if x := p.assignments[pool]; x != nil {
			list = append(list, x)
		}
	}
	return xds.NewOverlay(list)
}

// readdressed is p with the addresses of state; p itself when none of them differs.
func (p *release) readdressed(state *translate.State) (*release, error) {
	next := *p
	if err := next.assign(p, state); err != nil {
		return p, err
	}
	return &next, nil
}
