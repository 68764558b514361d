package xds

import (
	"net"
	"os"
	"sync"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// half is a server that answers requests for clusters with one, and no others.
type half struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	cluster *Resource
}

func (e *envoy) serveOnly(cluster *Resource) (stop func()) {
	e.t.Helper()
	_ = os.Remove(e.dir + "/xds")
	lis, err := net.Listen("unix", e.dir+"/xds")
	if err != nil {
		e.t.Fatal(err)
	}
	s := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(s, &half{cluster: cluster})
	done := make(chan error, 1)
	go func() { done <- s.Serve(lis) }()
	stop = sync.OnceFunc(func() { s.Stop(); <-done })
	e.t.Cleanup(stop)
	return stop
}

func (h *half) any() (*anypb.Any, error) {
	_, _, n := protowire.ConsumeTag(h.cluster.sotw)
	b, _ := protowire.ConsumeBytes(h.cluster.sotw[n:])
	a := &anypb.Any{}
	return a, proto.Unmarshal(b, a)
}

func (h *half) StreamAggregatedResources(s discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	sent := false
	for {
		r, err := s.Recv()
		if err != nil {
			return nil
		}
		if r.TypeUrl != typeCluster || sent {
			continue
		}
		sent = true
		a, err := h.any()
		if err != nil {
			return err
		}
		err = s.Send(&discoveryv3.DiscoveryResponse{TypeUrl: r.TypeUrl, VersionInfo: "half", Nonce: "1", Resources: []*anypb.Any{a}})
		if err != nil {
			return err
		}
	}
}

func (h *half) DeltaAggregatedResources(s discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	sent := false
	for {
		r, err := s.Recv()
		if err != nil {
			return nil
		}
		if r.TypeUrl != typeCluster || sent {
			continue
		}
		sent = true
		a, err := h.any()
		if err != nil {
			return err
		}
		err = s.Send(&discoveryv3.DeltaDiscoveryResponse{TypeUrl: r.TypeUrl, Nonce: "1",
			Resources: []*discoveryv3.Resource{{Name: h.cluster.name, Version: h.cluster.version, Resource: a}}})
		if err != nil {
			return err
		}
	}
}
