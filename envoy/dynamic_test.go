package envoy

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"

	"backworks/envoy/testport"
)

// adsServer answers each first request for a type with nothing, once it may.
type adsServer struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	streams chan string // "delta edge-1" for each stream
	answer  chan struct{}
}

func (a *adsServer) DeltaAggregatedResources(s grpc.BidiStreamingServer[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]) error {
	for n := 0; ; n++ {
		request, err := s.Recv()
		if err != nil {
			return err
		}
		if n == 0 {
			a.streams <- "delta " + request.Node.GetId()
		}
		if request.ResponseNonce != "" {
			continue
		}
		select {
		case <-a.answer:
		case <-s.Context().Done():
			return nil
		}
		if err := s.Send(&discoveryv3.DeltaDiscoveryResponse{TypeUrl: request.TypeUrl, Nonce: fmt.Sprint(n)}); err != nil {
			return err
		}
	}
}

func (a *adsServer) StreamAggregatedResources(s grpc.BidiStreamingServer[discoveryv3.DiscoveryRequest, discoveryv3.DiscoveryResponse]) error {
	for n := 0; ; n++ {
		request, err := s.Recv()
		if err != nil {
			return err
		}
		if n == 0 {
			a.streams <- "sotw " + request.Node.GetId()
		}
		if request.ResponseNonce != "" {
			continue
		}
		select {
		case <-a.answer:
		case <-s.Context().Done():
			return nil
		}
		if err := s.Send(&discoveryv3.DiscoveryResponse{TypeUrl: request.TypeUrl, Nonce: fmt.Sprint(n), VersionInfo: "1"}); err != nil {
			return err
		}
	}
}

func (a *adsServer) serve(t *testing.T, network, address string) *grpc.Server {
	t.Helper()
	lis, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, a)
	go server.Serve(lis)
	t.Cleanup(server.Stop)
	return server
}

func (a *adsServer) wantStream(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-a.streams:
		if got != want {
			t.Errorf("want stream %q, got %q", want, got)
		}
	case <-time.After(patience):
		t.Fatal("no stream")
	}
}

// Envoy is live when the management server has said something, not before, and
// comes back to one that was away.
func TestBootstrapLeadsToTheManagementServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		network, host string
		sotw          bool
		stream        string
	}{
		"delta over a socket":  {"unix", "", false, "delta edge-1"},
		"delta to a host name": {"tcp", "localhost", false, "delta edge-1"},
		"sotw to an address":   {"tcp", "127.0.0.1", true, "sotw edge-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takeTurn(t)
			s := newSite(t)
			ads := &adsServer{streams: make(chan string, 100), answer: make(chan struct{})}
			address := filepath.Join(s.stateDir, xdsSocketFile)
			xds := UnixAddress(address)
			if c.network == "tcp" {
				_, port, _ := strings.Cut(testport.Address(t), ":")
				address, xds = "127.0.0.1:"+port, Address(c.host+":"+port)
			}
			dynamic, err := Bootstrap{
				NodeID: "edge-1", NodeCluster: "edge", XDS: xds, SotW: c.sotw,
				Admin: addressOf(s.bootstrap.Admin.Address), AdminListener: "127.0.0.1:8081",
			}.Message()
			if err != nil {
				t.Fatal(err)
			}
			dynamic.StaticResources.Clusters = append(dynamic.StaticResources.Clusters, s.bootstrap.StaticResources.Clusters...)
			dynamic.StaticResources.Listeners = s.bootstrap.StaticResources.Listeners
			s.bootstrap = dynamic

			server := ads.serve(t, c.network, address)
			r := s.run(t)
			ads.wantStream(t, c.stream)
			if state, live, err := r.Admin().Ready(t.Context()); live || err != nil {
				t.Errorf("before any answer: %q, %v", state, err)
			}
			close(ads.answer)
			r.waitLive(s)

			server.Stop()
			ads.serve(t, c.network, address)
			back := time.Now()
			ads.wantStream(t, c.stream)
			if took := time.Since(back); took > reconnectMax {
				t.Errorf("coming back took %v", took)
			}
			if err := s.get("/"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStopEndsAnEnvoyThatWasNeverLive(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	dynamic, err := Bootstrap{
		NodeID: "edge-1", NodeCluster: "edge", XDS: Address(testport.Address(t)), Admin: addressOf(s.bootstrap.Admin.Address),
	}.Message()
	if err != nil {
		t.Fatal(err)
	}
	s.bootstrap = dynamic
	r := s.run(t)
	eventually(t, func() error {
		state, _, err := r.Admin().Ready(t.Context())
		if err == nil && state == "LIVE" {
			t.Fatal("live without a management server")
		}
		return err
	})
	pid := r.State().PID
	began := time.Now()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the stop took %v", took)
	}
	s.wantNothingLeft(t, pid)
}
