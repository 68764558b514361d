package xds

import (
	"sync"
	"sync/atomic"
	"time"

	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// loadEvery is how often clients report, and maxLoadEvery the longest: who keeps
	// counts takes a node for gone after a minute.
	loadEvery    = time.Second
	maxLoadEvery = 20 * time.Second
	// loadShare is for how many clients an interval is meant. A report of Envoy's is at
	// least 60 KiB, its description of itself: 100 of them are 6 MB/s, 1,000 at this
	// share 18, where an interval for all would have been 60.
	loadShare = 100
	// minLoadRest is how long the server does not read on after a report. Who reports
	// faster is slowed down, and loses nothing.
	minLoadRest = 100 * time.Millisecond
	// maxLoadRequest bounds a report, in bytes: 10,000 clusters with 3 endpoints each
	// are 3 MiB.
	maxLoadRequest = 8 << 20
	// maxLoadClusters and maxLoadEndpoints bound what of a report is listed.
	maxLoadClusters  = 10_000
	maxLoadEndpoints = 30_000
	// maxLoadName bounds the names in a report, in bytes: some are kept.
	maxLoadName = 256
)

// loads is what is kept of the load streams.
type loads struct {
	every     time.Duration
	streams   atomic.Int64
	listeners atomic.Pointer[[]func(LoadReport)]

	mu     sync.RWMutex
	byNode map[string]map[*loadStream]struct{}
}

// again has the streams of a node asked again, now: Envoy begins to count for a new
// cluster when it is asked, or when it reports; what was before is lost. It is called
// when the node has new clusters, before requests are led to them, and only then: each
// time Envoy begins its interval anew.
func (l *loads) again(node string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for s := range l.byNode[node] {
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

func (l *loads) enter(s *loadStream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byNode == nil {
		l.byNode = map[string]map[*loadStream]struct{}{}
	}
	if l.byNode[s.node.ID] == nil {
		l.byNode[s.node.ID] = map[*loadStream]struct{}{}
	}
	l.byNode[s.node.ID][s] = struct{}{}
}

func (l *loads) leave(s *loadStream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.byNode[s.node.ID], s); len(l.byNode[s.node.ID]) == 0 {
		delete(l.byNode, s.node.ID)
	}
}

func (s *Server) registerLRS() {
	if s.loads.every <= 0 {
		s.loads.every = loadEvery
	}
	s.loads.every = min(s.loads.every, maxLoadEvery)
	// Not by the generated code: the messages are our own, see loadRequest.
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: loadv3.LoadReportingService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "StreamLoadStats", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, g grpc.ServerStream) error { return s.serveLoads(g) },
		}},
	}, nil)
}

// NotifyLoad has f called with every load report from now on, by many goroutines at
// once, in order for each stream. f must not block, and owns what it is given.
func (s *Server) NotifyLoad(f func(LoadReport)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []func(LoadReport)
	if old := s.loads.listeners.Load(); old != nil {
		all = append(all, *old...)
	}
	all = append(all, f)
	s.loads.listeners.Store(&all)
}

// LoadStreams returns how many clients report their load now.
func (s *Server) LoadStreams() int { return int(s.loads.streams.Load()) }

// loadStream is a client that reports its load.
type loadStream struct {
	*Server
	grpc   grpc.ServerStream
	log    hclog.Logger
	serial uint64
	node   Node
	group  string
	epoch  uint64 // when the group was asked for
	known  bool
	again  chan struct{}   // asks for it again
	rights <-chan struct{} // closed when the right to be the node is to be asked for again
}

// serveLoads is the life of a load stream: the client says who it is, is told what to
// report, and does so until it goes.
func (s *Server) serveLoads(g grpc.ServerStream) (err error) {
	l := &loadStream{Server: s, grpc: g, log: s.log, serial: s.serials.Add(1), again: make(chan struct{}, 1)}
	defer s.survive("LRS", &err)
	first := loadRequest{first: true}
	if err := g.RecvMsg(&first); err != nil {
		return quiet(err)
	}
	if l.node, err = parseNode(first.node); err != nil || l.node.ID == "" || len(l.node.ID) > maxLoadName {
		return status.Errorf(codes.InvalidArgument, "the first request of a load stream must have a node with an id of at most %d bytes", maxLoadName)
	}
	if err := l.enter(NotAllowed); err != nil {
		return err
	}
	l.log = s.log.With("node", l.node.ID)
	every := s.loadInterval(int(s.loads.streams.Add(1)))
	defer s.loads.streams.Add(-1)
	s.loads.enter(l)
	defer s.loads.leave(l)
	l.log.Debug("node reports its load", "every", every)
	go l.ask(every)
	return l.run()
}

// enter asks whether the peer may act for the node.
func (l *loadStream) enter(reason Ending) (err error) {
	l.rights, err = l.turnstile(l.grpc.Context(), reason, l.node)
	return err
}

// ask says what is to be reported, at once and when it is asked for again, until the
// stream ends.
func (l *loadStream) ask(every time.Duration) {
	for {
		err := l.grpc.SendMsg(&loadv3.LoadStatsResponse{
			SendAllClusters: true, ReportEndpointGranularity: true, LoadReportingInterval: durationpb.New(every),
		})
		if err != nil {
			return // so does the receiving end
		}
		select {
		case <-l.again:
		case <-l.grpc.Context().Done():
			return
		}
	}
}

// loadInterval is how often the nth client is to report. Those above loadShare report
// less often, so that a fleet of thousands does not fill the network with reports.
func (s *Server) loadInterval(n int) time.Duration {
	return min(s.loads.every*time.Duration(1+(n-1)/loadShare), maxLoadEvery)
}

func (l *loadStream) run() error {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-rest.C:
		case <-l.grpc.Context().Done():
			return nil
		}
		var r loadRequest
		if err := l.grpc.RecvMsg(&r); err != nil {
			return quiet(err)
		}
		rest.Reset(minLoadRest)
		select {
		case <-l.rights:
			if err := l.enter(NotAllowedAnyMore); err != nil {
				return err
			}
		default:
		}
		l.look()
		l.tell(LoadReport{Stream: l.serial, Node: l.node, Group: l.group, Clusters: r.clusters})
	}
}

// look learns the node's group again when groups changed.
func (l *loadStream) look() {
	if w := l.world.Load(); !l.known || w.epoch != l.epoch {
		group, fits := l.Server.group(l.node)
		if !fits {
			group = ""
		}
		l.group, l.epoch, l.known = group, w.epoch, true
	}
}

func (l *loadStream) tell(r LoadReport) {
	all := l.loads.listeners.Load()
	if all == nil {
		return
	}
	for _, f := range *all {
		l.call(f, r)
	}
}

// call keeps a panic of a listener away from the stream.
func (l *loadStream) call(f func(LoadReport), r LoadReport) {
	defer func() {
		if p := recover(); p != nil {
			l.log.Error("listener panicked", "event", "load report", "panic", p)
		}
	}()
	f(r)
}
