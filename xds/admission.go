package xds

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// arrivalTime is how long a client may take for its first request before another one
// arrives beside it: who opens streams and says nothing holds nobody up for long.
const arrivalTime = 250 * time.Millisecond

// Waits is how many wait for something now, and how many ever had to.
type Waits struct {
	Now   int64
	Total uint64
}

// waits counts them.
type waits struct {
	now   atomic.Int64
	total atomic.Uint64
}

// hold counts one that waits for a time, and says whether it did: ctx may end first.
func (w *waits) hold(ctx context.Context, d time.Duration) bool {
	w.total.Add(1)
	w.now.Add(1)
	defer w.now.Add(-1)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *waits) read() Waits { return Waits{w.now.Load(), w.total.Load()} }

// admission lets streams in. Who is one too many waits, first come, first served.
type admission struct {
	streams, arrivals gate
	// What is counted: streams of one connection, in all, at their first request, and
	// streams that have sent requests too fast.
	connections, all, first, requests waits
	open                              atomic.Int64
}

func (a *admission) init(l Limits) {
	a.streams, a.arrivals = newGate(l.Streams, &a.all), newGate(l.Arrivals, &a.first)
}

// gate lets in as many as there are places.
type gate struct {
	places chan struct{}
	waits  *waits
}

func newGate(places int, w *waits) gate { return gate{make(chan struct{}, places), w} }

// enter waits for a place, or fails with ctx.
func (g gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	g.waits.total.Add(1)
	g.waits.now.Add(1)
	defer g.waits.now.Add(-1)
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g.places }

// admit is around every stream, of whichever service. The connection's own limit comes
// first, so that one with too many takes no places of others.
func (s *Server) admit(srv any, g grpc.ServerStream, _ *grpc.StreamServerInfo, serve grpc.StreamHandler) error {
	ctx := g.Context()
	if p, ok := peer.FromContext(ctx); ok {
		if c, ok := p.AuthInfo.(*connection); ok {
			if wait := c.open(); wait > 0 && !s.admission.connections.hold(ctx, wait) {
				return nil // it is gone
			}
			if c.streams.enter(ctx) != nil {
				return nil
			}
			defer c.streams.leave()
		}
	}
	if s.admission.streams.enter(ctx) != nil {
		return nil
	}
	defer s.admission.streams.leave()
	s.admission.open.Add(1)
	defer s.admission.open.Add(-1)
	return serve(srv, g)
}

// arrive waits for a place among those at their first request; what it returns gives
// the place back, once.
func (a *admission) arrive(ctx context.Context) (leave func(), err error) {
	if err := a.arrivals.enter(ctx); err != nil {
		return nil, err
	}
	leave = sync.OnceFunc(a.arrivals.leave)
	time.AfterFunc(arrivalTime, leave)
	return leave, nil
}
