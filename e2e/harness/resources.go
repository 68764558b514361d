package main

import (
	"cmp"
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"backworks/xds"
)

const prefix = "type.googleapis.com/"

func byName(a, b resource) int { return cmp.Or(cmp.Compare(a.url, b.url), cmp.Compare(a.name, b.name)) }

// nameOf reads the name out of a resource of the harness, which has nothing else.
func nameOf(a *anypb.Any) (string, error) {
	m, err := a.UnmarshalNew()
	if err != nil {
		return "", fmt.Errorf("read resource: %w", err)
	}
	switch m := m.(type) {
	case *endpointv3.ClusterLoadAssignment:
		return m.GetClusterName(), nil
	case interface{ GetName() string }:
		return m.GetName(), nil
	}
	return "", fmt.Errorf("resources of type %s have no name", a.GetTypeUrl())
}

// newResource makes a valid resource; another version makes it another content.
func newResource(r resource, version string) (*xds.Resource, error) {
	address := &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 1},
	}}}
	var m proto.Message
	switch r.url {
	case prefix + "envoy.config.cluster.v3.Cluster":
		m = &clusterv3.Cluster{Name: r.name, AltStatName: version, ConnectTimeout: durationpb.New(time.Second)}
	case prefix + "envoy.config.listener.v3.Listener":
		m = &listenerv3.Listener{Name: r.name, StatPrefix: version, Address: address}
	case prefix + "envoy.config.route.v3.RouteConfiguration":
		m = &routev3.RouteConfiguration{Name: r.name, InternalOnlyHeaders: []string{"x-" + version}}
	case prefix + "envoy.config.endpoint.v3.ClusterLoadAssignment":
		m = &endpointv3.ClusterLoadAssignment{ClusterName: r.name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
				Endpoint: &endpointv3.Endpoint{Address: address, Hostname: "v" + version},
			}}},
		}}}
	default:
		return nil, fmt.Errorf("no resources of type %q are made here", r.url)
	}
	return xds.NewResource(m, r.name, "")
}
