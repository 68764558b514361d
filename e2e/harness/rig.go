package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"backworks/xds"
)

// rig is the stream core, behind a relay, and the adapter service.
type rig struct {
	core     *xds.Server
	inside   *bufconn.Listener // where the core listens
	conn     *grpc.ClientConn
	streams  *grpc.Server
	adapters *grpc.Server
}

func newRig() (*rig, error) {
	r := &rig{inside: bufconn.Listen(1 << 20), streams: grpc.NewServer(), adapters: grpc.NewServer()}
	r.core = xds.NewServer(xds.Options{Group: func(n xds.Node) (string, bool) { return n.ID, true }})
	var err error
	r.conn, err = grpc.NewClient("passthrough:///core", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return r.inside.DialContext(ctx) }))
	if err != nil {
		return nil, fmt.Errorf("connect to the core: %w", err)
	}
	s := &states{core: r.core, nodes: map[string]*state{}}
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r.streams,
		&relay{core: discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn), states: s})
	r.adapters.RegisterService(s.service(), nil)
	return r, nil
}

// serve returns when stop is called, or when one of the services fails.
func (r *rig) serve(targets, adapters net.Listener) error {
	failed := make(chan error, 3)
	go func() { failed <- r.core.Serve(r.inside) }()
	go func() { failed <- r.streams.Serve(targets) }()
	go func() { failed <- r.adapters.Serve(adapters) }()
	err := <-failed
	r.stop()
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// stop ends everything at once: streams do not end by themselves.
func (r *rig) stop() {
	r.adapters.Stop()
	r.streams.Stop()
	_ = r.conn.Close()
	r.core.Stop()
}
