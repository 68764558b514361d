package xds

import (
	"cmp"
	"context"
	"runtime/debug"
	"slices"
	"sync/atomic"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// maxReaders bounds the CSDS calls at once, for each holds a part of an answer in
	// memory until its reader has taken it. Readers are people and dashboards.
	maxReaders = 16
	// maxPart bounds a message of a streamed answer, in bytes: gRPC's clients take 4 MiB
	// unless they are told otherwise.
	maxPart = 3 << 20
	// maxFetch bounds the one message of an answer that is not streamed. The client must
	// have raised its own limit for it; 1,000 clusters with contents are about 1 MiB a
	// node.
	maxFetch = 32 << 20
	// maxQuestion and maxMatchers bound what a reader may have matched with every node.
	maxQuestion = 64 << 10
	maxMatchers = 100
)

// csds is the ClientStatusDiscoveryService. It is on the same listeners as ADS: what
// it tells is less than what anybody who may claim the nodes there is sent, for
// secrets are withheld. Options.Permit is asked about every node.
type csds struct {
	statusv3.UnimplementedClientStatusDiscoveryServiceServer
	*Server
	readers atomic.Int64
	// turn is held by the one who makes a part of an answer: pushes keep the other
	// cores.
	turn chan struct{}
}

func (s *Server) registerCSDS() {
	statusv3.RegisterClientStatusDiscoveryServiceServer(s.grpc, &csds{Server: s, turn: make(chan struct{}, 1)})
}

// StreamClientStatus answers each request with one message, or, where that would be
// too large for a client to receive, with several; a node too large for one is in
// several too. A client that ends its side knows when it has all.
func (c *csds) StreamClientStatus(g statusv3.ClientStatusDiscoveryService_StreamClientStatusServer) (err error) {
	defer c.survive("CSDS", &err)
	defer c.readers.Add(-1)
	if err := c.enter(); err != nil {
		return err
	}
	for {
		request, err := g.Recv()
		if err != nil {
			return quiet(err)
		}
		if err := c.answer(g.Context(), request, newParts(maxPart, g.Send)); err != nil {
			return err
		}
	}
}

// FetchClientStatus answers with one message. One that is too large is refused with
// what can be done.
func (c *csds) FetchClientStatus(ctx context.Context, request *statusv3.ClientStatusRequest) (out *statusv3.ClientStatusResponse, err error) {
	defer c.survive("CSDS", &err)
	defer c.readers.Add(-1)
	if err := c.enter(); err != nil {
		return nil, err
	}
	full := false
	err = c.answer(ctx, request, newParts(maxFetch, func(part *statusv3.ClientStatusResponse) error {
		if full = out != nil; full {
			return status.Errorf(codes.ResourceExhausted, "the answer is above %d MiB: match fewer nodes, exclude the contents of resources, or stream", maxFetch>>20)
		}
		out = part
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (c *csds) enter() error {
	if c.readers.Add(1) > maxReaders {
		return status.Errorf(codes.ResourceExhausted, "%d others read already", maxReaders)
	}
	return nil
}

// survive is to be deferred: a panic ends a call, not the server.
func (s *Server) survive(what string, err *error) {
	if p := recover(); p != nil {
		s.log.Error("call panicked", "service", what, "panic", p, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "internal error")
	}
}

// answer gives every client that the request asks for to the parts.
func (c *csds) answer(ctx context.Context, request *statusv3.ClientStatusRequest, to *parts) error {
	wanted, err := newNodeMatch(request)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	held := false
	to.give = func() {
		if held {
			held = false
			<-c.turn
		}
	}
	to.take = func() error {
		select {
		case c.turn <- struct{}{}:
			held = true
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	defer to.give()
	if err := to.take(); err != nil {
		return err
	}
	for _, s := range c.clients(ctx, wanted) {
		if err := cmp.Or(ctx.Err(), s.portrait().tell(to, !request.GetExcludeResourceContents())); err != nil {
			return err
		}
	}
	return to.flush()
}

// clients returns the streams of the nodes that are wanted and may be read, by node
// and age. A node with two streams is two clients.
func (c *csds) clients(ctx context.Context, wanted func(Node) bool) []*stream {
	type client struct {
		*stream
		id string
	}
	var all []client
	c.streams.Range(func(key, _ any) bool {
		s := key.(*stream)
		s.mu.Lock()
		node, ok := s.node, s.introduced
		s.mu.Unlock()
		if ok && wanted(node) && c.permits(ctx, node) == nil {
			all = append(all, client{s, node.ID})
		}
		return true
	})
	slices.SortFunc(all, func(a, b client) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.serial, b.serial)) })
	out := make([]*stream, len(all))
	for i, a := range all {
		out[i] = a.stream
	}
	return out
}
