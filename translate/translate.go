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
	"reflect"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// Resource is one Envoy resource and the place in a blueprint it came from.
type Resource struct {
	Name     string
	Message  proto.Message
	Position blueprints.Position
	// Private says that it holds keys or passwords, for which Envoy has no secrets of
	// their own.
	Private bool
}

// Resources are a blueprint's resources by type, each sorted by name. The
// assignments (EDS) are not among them: they depend on a State too.
type Resources struct {
	Clusters, Listeners, Routes, Secrets []Resource
	// Hosts are the names of targets that the management server resolves, as Hosts
	// gives them.
	Hosts []string

	bp        *blueprints.Blueprint          // of which they were made
	ofPools   []Resource                     // the clusters of its pools, in their order
	toTargets []Resource                     // Clusters but for that of the cache
	grpcPools map[*blueprints.Pool]*grpcPool // of the dialect grpc
}

// Blueprint translates bp. Problems are what Envoy could not serve, each at its
// position; with an error among them there are no resources.
func Blueprint(bp *blueprints.Blueprint) (*Resources, blueprints.Problems) {
	return Update(nil, bp)
}

// Update is Blueprint, but takes the messages of what did not change from prev, which
// may be nil: they are the same pointers.
func Update(prev *Resources, bp *blueprints.Blueprint) (*Resources, blueprints.Problems) {
	if prev == nil {
		prev = &Resources{bp: &blueprints.Blueprint{}}
	}
	b := &builder{bp: bp}
	r := &Resources{bp: bp, ofPools: b.clusters(prev), Hosts: prev.hostsOf(bp)}
	r.toTargets = b.fallbacks(prev, r.ofPools)
	r.Routes = []Resource{{Name: RouteName, Position: bp.Position}}
	if prev.Routes != nil && sameRouting(prev.bp, bp) {
		r.Listeners, r.Routes[0].Message = b.again(prev.Listeners), prev.Routes[0].Message
	} else {
		b.order()
		routes := b.routes()
		r.Routes[0].Message = routes
		r.Listeners = b.listeners() // after the routes, which say what its filters need
		for _, l := range r.Listeners {
			b.validate(l)
		}
		b.validate(r.Routes[0])
		b.intoTree(routes.VirtualHosts[0])
	}
	r.Clusters = b.withCacheHop(prev, r.toTargets, r.Listeners)
	r.Secrets = prev.secretsOf(bp)
	if bp.Nodes.GRPC {
		b.problems = append(b.problems, grpcLeftOut(bp)...)
	}
	b.problems.Sort()
	b.problems = slices.Compact(b.problems) // what holds for several endpoints
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
	scripts  map[scriptKey]*structpb.Struct
	queries  map[string]bool      // parameters of queries that headers are made from
	variants map[reflect.Type]any // of plugins, each a list of that type
	exempt   bool                 // some route is without a header that all answers have
	// readsRouter says that something reads what Envoy's router tells in X-Envoy-* headers.
	readsRouter bool
	// readsHost says that something reads X-Forwarded-Host.
	readsHost bool
	// changesQuery says that some script does, and so keeps the client's path.
	changesQuery bool
	rates        rates
	problems     blueprints.Problems
}

// order puts the endpoints in order for routes and listeners.
func (b *builder) order() {
	b.sorted = bySpecificity(b.bp.Endpoints)
	for _, e := range b.bp.Endpoints {
		b.paths.add(e)
	}
}

func (b *builder) problem(pos blueprints.Position, message string) {
	b.problems = append(b.problems, blueprints.Problem{Position: position(pos, b.bp.Position), Message: message})
}

func (b *builder) warn(pos blueprints.Position, message string) {
	b.problems = append(b.problems, blueprints.Problem{Position: position(pos, b.bp.Position), Message: message, Severity: blueprints.Warning})
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
