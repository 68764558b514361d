package xds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Server serves ADS, CSDS and LRS. Its methods may be called by many goroutines at once.
type Server struct {
	log   hclog.Logger
	group func(Node) (string, bool)
	wait  time.Duration
	// linger is Options.Linger.
	linger time.Duration
	grpc   *grpc.Server

	permit    func(context.Context, Node) error
	limits    Limits
	handshake *handshaker

	mu    sync.Mutex // of those who publish; no stream takes it
	state state
	epoch uint64

	world     atomic.Pointer[world]
	listeners atomic.Pointer[[]func(Event)]
	streams   sync.Map // *stream → nil
	admission admission
	endings   endings
	told      mentions
	rights    atomic.Pointer[chan struct{}] // closed by Recheck
	serials   atomic.Uint64
	names     interner
	loads     loads
}

// NewServer makes a server; nothing is published yet, and clients wait.
func NewServer(o Options) *Server {
	s := &Server{
		log: o.Logger, group: o.Group, wait: o.LongestWait, linger: o.Linger, permit: o.Permit, limits: o.Limits.orDefaults(),
		loads: loads{every: o.LoadEvery},
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	s.log = s.log.Named("xds")
	if s.group == nil {
		s.group = func(Node) (string, bool) { return "", true }
	}
	if s.wait <= 0 {
		s.wait = longestWait
	}
	s.state.overlays = map[string]map[string]*Overlay{}
	s.world.Store(&world{next: make(chan struct{})})
	never := make(chan struct{})
	s.rights.Store(&never)
	s.admission.init(s.limits)
	s.handshake = newHandshaker(s, o.TLS)
	s.grpc = grpc.NewServer(
		grpc.ForceServerCodecV2(codec{}),
		grpc.Creds(s.handshake),
		grpc.StreamInterceptor(s.admit),
		grpc.MaxRecvMsgSize(s.limits.RequestBytes),
		// As many again may wait here, and are counted; more wait at the client.
		grpc.MaxConcurrentStreams(uint32(2*s.limits.ConnectionStreams)),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.SharedWriteBuffer(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingTimeout}),
	)
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.discovery.v3.AggregatedDiscoveryService",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			{StreamName: "StreamAggregatedResources", ServerStreams: true, ClientStreams: true,
				Handler: func(_ any, g grpc.ServerStream) error { return s.serve(g, false) }},
			{StreamName: "DeltaAggregatedResources", ServerStreams: true, ClientStreams: true,
				Handler: func(_ any, g grpc.ServerStream) error { return s.serve(g, true) }},
		},
	}, nil)
	s.registerCSDS()
	s.registerLRS()
	return s
}

// Serve serves on a listener until Stop, which makes it return nil. There may be
// several.
func (s *Server) Serve(lis net.Listener) error {
	if err := s.grpc.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve xds on %s: %w", lis.Addr(), err)
	}
	return nil
}

// Stop ends all streams and closes all listeners. It does not wait for clients to be
// done: ADS streams never are.
func (s *Server) Stop() { s.grpc.Stop() }

// quiet turns the usual ends of a stream into no error.
func quiet(err error) error {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
		return nil
	}
	return err
}
