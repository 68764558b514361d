package fleet

import (
	"slices"
	"strings"
	"time"

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
	// translated is what the snapshot was made of, and resources are its messages in
	// the order of kinds. assignments are the overlay's, by the place of their pool in
	// bp, nil where Envoy resolves. The next version marshals only what differs.
	translated  *translate.Resources
	resources   []*xds.Resource
	assignments []*xds.Resource
	// state holds the addresses that assignments were made with.
	state *translate.State
}

func (r *release) version() string { return r.bp.Version }

// hosts are the names of its targets.
func (r *release) hosts() []string {
	if r.translated == nil {
		return translate.Hosts(r.bp)
	}
	return r.translated.Hosts
}

// kinds are the lists of r, each sorted by name.
func kinds(r *translate.Resources) [4][]translate.Resource {
	return [...][]translate.Resource{r.Clusters, r.Listeners, r.Routes, r.Secrets}
}

// build makes what is to be published of bp out of as much as possible of before,
// which is returned itself when bp and its addresses are the same.
func (d Dialect) build(before *release, bp *blueprints.Blueprint, r *translate.Resources, files blueprints.FileSet, state *translate.State) (*release, error) {
	if r == nil || before != nil && before.bp == bp && before.state == state {
		return before, nil
	}
	p := &release{dialect: d, bp: bp, files: files, since: time.Now(), translated: r}
	if err := p.marshal(before); err != nil {
		return nil, err
	}
	switch {
	case before != nil && before.version() == bp.Version:
		p.xds.Snapshot, p.since = before.xds.Snapshot, before.since
	case before != nil && slices.Equal(p.resources, before.resources):
		p.xds.Snapshot = before.xds.Snapshot.As(bp.Version)
	default:
		p.xds.Snapshot = xds.NewSnapshot(bp.Version, p.resources)
	}
	if bp.HeaderSecrets() != nil {
		p.xds.Snapshot = p.xds.Snapshot.Private()
	}
	return p, p.assign(before, state)
}

// marshal makes p's resources; those of before hold where the message is the same.
func (p *release) marshal(before *release) error {
	var was [4][]translate.Resource
	if before != nil {
		was = kinds(before.translated)
		p.resources = make([]*xds.Resource, 0, len(before.resources))
	}
	conceal := xds.NewConcealer(p.bp.Private())
	begin := 0 // of the kind, in the resources of before
	for k, kind := range kinds(p.translated) {
		if len(kind) > 0 && len(kind) == len(was[k]) && &kind[0] == &was[k][0] {
			p.resources = append(p.resources, before.resources[begin:begin+len(kind)]...)
			begin += len(kind)
			continue
		}
		for i, j := range translate.Pairs(kind, was[k], byName) {
			t := &kind[i]
			if j >= 0 && was[k][j].Message == t.Message {
				p.resources = append(p.resources, at(before.resources[begin+j], was[k][j].Position, t.Position))
				continue
			}
			x, err := xds.NewResource(t.Message, t.Name, t.Position.String())
			if err != nil {
				return err
			}
			if t.Private {
				x = x.Private()
			}
			if conceal != nil {
				x = x.Concealing(conceal)
			}
			p.resources = append(p.resources, x)
		}
		begin += len(was[k])
	}
	return nil
}

func byName(a, b *translate.Resource) int { return strings.Compare(a.Name, b.Name) }

// at is a resource that was at another place before.
func at(x *xds.Resource, was, is blueprints.Position) *xds.Resource {
	if was == is {
		return x
	}
	return x.From(is.String())
}

// assign makes the assignments of p's pools; those of before hold where neither
// the pool nor an address of it changed.
func (p *release) assign(before *release, state *translate.State) error {
	var was []*blueprints.Pool
	if before != nil && before.assignments != nil {
		was = before.bp.Pools
	}
	all := make([]*xds.Resource, len(p.bp.Pools))
	var changed []*xds.Resource
	for i, j := range translate.Pairs(p.bp.Pools, was, translate.PoolOrder) {
		pool := p.bp.Pools[i]
		if j >= 0 && was[j] == pool && before.state == state {
			all[i] = before.assignments[j]
			continue
		}
		if pool.ResolveByEnvoy {
			continue
		}
		if j >= 0 && before.assignments[j] != nil && blueprints.Alike(was[j], pool) && sameAddresses(pool, before.state, state) {
			all[i] = at(before.assignments[j], was[j].Position, pool.Position)
		} else {
			x, err := xds.NewResource(p.dialect.assignment(pool, *state), translate.ClusterName(pool), pool.Position.String())
			if err != nil {
				return err
			}
			all[i] = x
		}
		changed = append(changed, all[i])
	}
	p.assignments, p.state = all, state
	p.xds.Overlay = p.overlay(before, changed)
	return nil
}

// overlay are p's assignments; changed are those that before may not have.
func (p *release) overlay(before *release, changed []*xds.Resource) *xds.Overlay {
	if before != nil && slices.Equal(p.assignments, before.assignments) {
		return before.xds.Overlay
	}
	there := func(x *xds.Resource) bool { return x != nil }
	if before != nil {
		// None has gone when there are as many as with the changed ones added.
		next := before.xds.Overlay.With(changed)
		if len(next.Resources(assignmentURL)) == count(p.assignments, there) {
			return next
		}
	}
	return xds.NewOverlay(slices.DeleteFunc(slices.Clone(p.assignments), func(x *xds.Resource) bool { return x == nil }))
}

// assignmentURL is the type of assignments.
const assignmentURL = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

func count[T any](list []T, is func(T) bool) (n int) {
	for _, x := range list {
		if is(x) {
			n++
		}
	}
	return n
}

// sameAddresses says that the pool's targets have the same addresses in both states.
func sameAddresses(pool *blueprints.Pool, a, b *translate.State) bool {
	return a == b || !slices.ContainsFunc(pool.Targets, func(t *blueprints.Target) bool {
		return !slices.Equal(a.Addresses[t.Host], b.Addresses[t.Host])
	})
}

// readdressed is p with the addresses of state; p itself when none of them differs.
func (p *release) readdressed(state *translate.State) (*release, error) {
	next := *p
	if err := next.assign(p, state); err != nil {
		return p, err
	}
	return &next, nil
}
