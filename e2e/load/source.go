package main

import (
	"errors"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
	"backworks/translate"
)

// kind is a resource type, in the order in which an Envoy asks for them.
type kind int

const (
	clusters kind = iota
	assignments
	listeners
	routes
	kinds
)

var urls = [kinds]string{
	clusters: urlOf(&clusterv3.Cluster{}), assignments: urlOf(&endpointv3.ClusterLoadAssignment{}),
	listeners: urlOf(&listenerv3.Listener{}), routes: urlOf(&routev3.RouteConfiguration{}),
}

func urlOf(m proto.Message) string {
	return "type.googleapis.com/" + string(m.ProtoReflect().Descriptor().FullName())
}

// kindOf returns the kind of a type URL, or kinds.
func kindOf(url []byte) kind {
	for k, u := range urls {
		if string(url) == u {
			return kind(k)
		}
	}
	return kinds
}

// named is a resource that our translation made.
type named struct {
	name    string
	message proto.Message
}

// world is all resources, by kind and sorted by name.
type world [kinds][]named

// source turns blueprint files into the resources that the product makes of them,
// for those who are compared with it.
type source struct {
	loader      *blueprints.Loader
	resources   *translate.Resources
	assignments map[string]named
}

func newSource(path string) *source {
	return &source{loader: blueprints.NewLoader(blueprints.Options{Path: path})}
}

// load reads what changed, and returns all resources and the assignments that are
// new.
func (s *source) load() (w world, changed []named, err error) {
	result := s.loader.Load()
	if err := result.Problems.Err(); err != nil {
		return w, nil, err
	}
	if len(result.Set.Blueprints) != 1 {
		return w, nil, errors.New("load resources: not one blueprint")
	}
	bp := result.Set.Blueprints[0]
	r, problems := translate.Update(s.resources, bp)
	if err := problems.Err(); err != nil {
		return w, nil, fmt.Errorf("translate %s: %w", bp.File, err)
	}
	s.resources = r
	for k, list := range map[kind][]translate.Resource{clusters: r.Clusters, listeners: r.Listeners, routes: r.Routes} {
		for _, x := range list {
			w[k] = append(w[k], named{x.Name, x.Message})
		}
	}
	made := make(map[string]named, len(bp.Pools))
	for _, pool := range bp.Pools { // sorted by name
		x := named{translate.ClusterName(pool), translate.Assignment(pool, translate.State{})}
		if old, known := s.assignments[x.name]; known && proto.Equal(old.message, x.message) {
			x = old
		} else {
			changed = append(changed, x)
		}
		made[x.name] = x
		w[assignments] = append(w[assignments], x)
	}
	s.assignments = made
	return w, changed, nil
}

// marshal is what stands in an Any: the product's form of it.
func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
