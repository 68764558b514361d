package main

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

const patience = 10 * time.Second

// served is a rig that serves on loopback.
type served struct {
	t               *testing.T
	ctx             context.Context
	target, adapter *grpc.ClientConn
}

func start(t *testing.T) *served {
	t.Helper()
	r, err := newRig()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	s := &served{t: t, ctx: ctx}
	listen := func() (net.Listener, *grpc.ClientConn) {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		return lis, conn
	}
	targets, target := listen()
	adapters, adapter := listen()
	s.target, s.adapter = target, adapter
	done := make(chan error, 1)
	go func() { done <- r.serve(targets, adapters) }()
	t.Cleanup(func() {
		cancel()
		target.Close()
		adapter.Close()
		r.stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// call calls the adapter service with the fields 1, 2, … of a request.
func (s *served) call(method string, fields ...any) {
	s.t.Helper()
	var b []byte
	for i, f := range fields {
		list, ok := f.([]string)
		if !ok {
			list = []string{f.(string)}
		}
		for _, v := range list {
			b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(i+1), protowire.BytesType), v)
		}
	}
	in, out := &emptypb.Empty{}, &emptypb.Empty{}
	in.ProtoReflect().SetUnknown(b)
	if err := s.adapter.Invoke(s.ctx, "/adapter.Adapter/"+method, in, out); err != nil {
		s.t.Fatal(err)
	}
}

// named is a resource as the harness sends it: a name and no more.
func named(t *testing.T, url, name string) string {
	t.Helper()
	field := protowire.Number(1) // of the name, in all four types
	a := &anypb.Any{TypeUrl: url, Value: protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), name)}
	b, err := proto.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var urls = []string{
	prefix + "envoy.config.cluster.v3.Cluster", prefix + "envoy.config.listener.v3.Listener",
	prefix + "envoy.config.route.v3.RouteConfiguration", prefix + "envoy.config.endpoint.v3.ClusterLoadAssignment",
}

// What the harness does with delta: states by name, and versions as it labels them.
func TestDelta(t *testing.T) {
	t.Parallel()
	for _, url := range urls {
		s := start(t)
		s.call("SetState", "n", "1", []string{named(t, url, "A"), named(t, url, "B")})
		stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(s.target).DeltaAggregatedResources(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		send := func(r *discoveryv3.DeltaDiscoveryRequest) {
			t.Helper()
			r.TypeUrl = url
			if err := stream.Send(r); err != nil {
				t.Fatal(err)
			}
		}
		want := func(version string, removed []string, names ...string) {
			t.Helper()
			a, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range a.GetResources() {
				got = append(got, x.GetName())
			}
			if a.GetSystemVersionInfo() != version || !slices.Equal(got, names) || !slices.Equal(a.GetRemovedResources(), removed) {
				t.Fatalf("%s: got %s %v removed %v, want %s %v removed %v", url, a.GetSystemVersionInfo(), got, a.GetRemovedResources(), version, names, removed)
			}
			send(&discoveryv3.DeltaDiscoveryRequest{ResponseNonce: a.GetNonce()})
		}
		send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "n"}, ResourceNamesSubscribe: []string{"A", "B", "C"}})
		want("1", []string{"C"}, "A", "B")
		s.call("UpdateResource", "n", url, "A", "2")
		want("2", nil, "A")
		s.call("RemoveResource", "n", url, "B", "1")
		want("2", []string{"B"})
		s.call("AddResource", "n", url, "B", "3")
		want("3", nil, "B")
		s.call("ClearState", "n")
		s.call("SetState", "n", "4", []string{named(t, url, "C")})
		want("4", []string{"A", "B"}, "C")
	}
}

// The same with SotW: versions as the harness labels them, the whole state or what
// changed.
func TestSotW(t *testing.T) {
	t.Parallel()
	for _, url := range urls {
		s := start(t)
		s.call("SetState", "n", "1", []string{named(t, url, "A"), named(t, url, "B")})
		stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(s.target).StreamAggregatedResources(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		r := &discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "n"}, TypeUrl: url, ResourceNames: []string{"A", "B"}}
		want := func(version string, resources int) {
			t.Helper()
			if err := stream.Send(r); err != nil {
				t.Fatal(err)
			}
			a, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if a.GetVersionInfo() != version || len(a.GetResources()) != resources {
				t.Fatalf("%s: got %s with %d, want %s with %d", url, a.GetVersionInfo(), len(a.GetResources()), version, resources)
			}
			r = &discoveryv3.DiscoveryRequest{TypeUrl: url, ResourceNames: []string{"A", "B"}, VersionInfo: version, ResponseNonce: a.GetNonce()}
		}
		want("1", 2)
		s.call("UpdateResource", "n", url, "A", "2")
		changed := 1
		if url == urls[0] || url == urls[1] {
			changed = 2 // the whole state
		}
		want("2", changed)
	}
}

func TestUnknownTypeIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := newResource(resource{"x", "A"}, "1"); err == nil {
		t.Error("no error")
	}
}
