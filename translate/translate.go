// Package translate turns a blueprint and the state of its endpoints into Envoy
// resources.
//
// In come an immutable blueprints.Blueprint and a State; out go resources of
// each type, sorted by name, each with the blueprint position it came from, or
// problems. The same input gives the same bytes. The package is pure: it has no
// clock, no logger, no state, and touches neither files nor the network.
//
// How each knob of Envoy 1.40 really behaves was measured; where a default does
// not do what its name promises, the comment beside the field says so.
package translate

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
)

// Resource is one Envoy resource and the place in a blueprint it came from.
type Resource struct {
	Name     string
	Message  proto.Message
	Position blueprints.Position
}

// Resources are a blueprint's resources by type, each sorted by name. The
// assignments (EDS) are not among them: they depend on a State too.
type Resources struct {
	Clusters, Listeners, Routes, Secrets []Resource

	pools     map[*blueprints.Pool]Resource
	grpcPools map[*blueprints.Pool]*grpcPool // of the dialect grpc
}

func (r *Resources) sort() {
	for _, list := range [][]Resource{r.Clusters, r.Listeners, r.Routes, r.Secrets} {
		slices.SortFunc(list, func(x, y Resource) int { return cmp.Compare(x.Name, y.Name) })
	}
}

// Blueprint translates bp. Problems are what Envoy could not serve, each at its
// position; with an error among them there are no resources.
func Blueprint(bp *blueprints.Blueprint) (*Resources, blueprints.Problems) {
	return Update(nil, bp)
}

// Update is Blueprint, but takes the resources of pools that did not change (the
// same pointer) from prev, which may be nil.
func Update(prev *Resources, bp *blueprints.Blueprint) (*Resources, blueprints.Problems) {
	b := &builder{bp: bp, sorted: bySpecificity(bp.Endpoints)}
	for _, e := range bp.Endpoints {
		b.paths.add(e)
	}
	r := &Resources{pools: make(map[*blueprints.Pool]Resource, len(bp.Pools))}
	for _, p := range bp.Pools {
		c, known := Resource{}, false
		if prev != nil {
			c, known = prev.pools[p]
		}
		if !known {
			c = Resource{Name: ClusterName(p), Message: b.cluster(p), Position: p.Position}
			b.validate(c)
		}
		r.pools[p] = c
		r.Clusters = append(r.Clusters, c)
	}
	r.Listeners = []Resource{{Name: ListenerName, Message: b.listener(), Position: position(bp.Server.Position, bp.Position)}}
	r.Routes = []Resource{{Name: RouteName, Message: b.routes(), Position: bp.Position}}
	b.validate(r.Listeners[0])
	b.validate(r.Routes[0])
	r.sort()
	if bp.Nodes.GRPC {
		b.problems = append(b.problems, grpcLeftOut(bp)...)
	}
	b.problems.Sort()
	if b.problems.Err() != nil {
		return nil, b.problems
	}
	return r, b.problems
}

// builder holds what all parts of one translation share.
type builder struct {
	bp       *blueprints.Blueprint
	sorted   []*blueprints.Endpoint // by specificity
	paths    paths                  // of all endpoints
	problems blueprints.Problems
}

func (b *builder) problem(pos blueprints.Position, message string) {
	b.problems = append(b.problems, blueprints.Problem{Position: position(pos, b.bp.Position), Message: message})
}

// position is the first that is known.
func position(ps ...blueprints.Position) blueprints.Position {
	for _, p := range ps {
		if p != (blueprints.Position{}) {
			return p
		}
	}
	return blueprints.Position{}
}
