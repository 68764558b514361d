package xds

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// stream is one client. All of it is its own goroutine's; what Nodes reads is written
// under mu.
type stream struct {
	server *Server
	grpc   grpc.ServerStream
	delta  bool
	serial uint64
	since  time.Time
	peer   string
	log    hclog.Logger

	mu         sync.Mutex
	introduced bool
	node       Node
	group      string
	fits       bool            // a group was found
	view       *view           // nil: nothing is to be sent
	synced     *view           // the view that the client has all of
	inOrder    []*subscription // as in order

	rights  <-chan struct{} // closed when the right to be the node is to be asked for again
	nodeSum uint64          // of the node as it was said last
	arrived func()          // to be called after the first request
	answers atomic.Int64    // what the answers to our responses have cost, to be given back

	subs    map[string]*subscription
	resumed bool   // the client came with something from another stream
	early   *names // assignments that are owed to a client which did not ask for any yet
	epoch   uint64 // when the group was asked for
	// announced: others were told that the node is connected, and of which group.
	announced bool
	nonces    uint64
	wake      time.Time // when to try again; zero: when something happens
	lingering bool      // something needless is still there: see Options.Linger
}

// serve is the life of a stream.
func (s *Server) serve(g grpc.ServerStream, delta bool) (err error) {
	st := &stream{
		server: s, grpc: g, delta: delta, serial: s.serials.Add(1), since: time.Now(), log: s.log,
		subs: map[string]*subscription{}, peer: PeerOf(g.Context()).Address,
	}
	if st.arrived, err = s.admission.arrive(g.Context()); err != nil {
		return nil // it is gone
	}
	defer st.arrived()
	s.streams.Store(st, nil)
	defer func() {
		s.streams.Delete(st)
		if p := recover(); p != nil {
			st.log.Error("stream panicked", "panic", p, "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "internal error")
		}
		if st.introduced {
			st.log.Debug("node disconnected", "error", err)
			st.tell(Event{Kind: Disconnected})
		}
	}()
	return st.run()
}

// run waits for one of:
//  1. the client goes, or the server stops;
//  2. a request;
//  3. something is published;
//  4. somebody's rights changed;
//  5. a step has waited for an acknowledgement long enough.
func (s *stream) run() error {
	ctx, cancel := context.WithCancel(s.grpc.Context())
	defer cancel()
	requests := make(chan *request)
	ended := make(chan error, 1)
	go s.receive(ctx, requests, ended)
	w := s.server.world.Load()
	for {
		timer := s.timer()
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case r := <-requests:
			err := s.handle(r, w)
			s.arrived()
			if err != nil {
				return err
			}
		case <-w.next:
			w = s.server.world.Load()
			if err := s.look(w); err != nil {
				return err
			}
			if err := s.advance(); err != nil {
				return err
			}
		case <-s.rights:
			if err := s.enter(NotAllowedAnyMore, s.node); err != nil {
				return err
			}
		case <-timer:
			if err := s.advance(); err != nil {
				return err
			}
		}
	}
}

func (s *stream) timer() <-chan time.Time {
	if s.wake.IsZero() {
		return nil
	}
	return time.After(time.Until(s.wake))
}

func (s *stream) receive(ctx context.Context, requests chan<- *request, ended chan<- error) {
	defer func() {
		if p := recover(); p != nil {
			s.server.log.Error("receiving panicked", "panic", p, "stack", string(debug.Stack()))
			ended <- status.Error(codes.Internal, "internal error")
		}
	}()
	limit := newBucket(s.server.limits.RequestRate, s.server.limits.RequestRate*burstSeconds, time.Now())
	for {
		r := &request{delta: s.delta, known: &s.server.names, most: s.server.limits.Names}
		if err := s.grpc.RecvMsg(r); err != nil {
			if status.Code(err) == codes.ResourceExhausted { // a message over the limit: gRPC has said so
				id, _ := s.identity()
				_ = s.server.turnAway(ctx, TooLarge, Node{ID: id}, err)
			}
			ended <- quiet(err)
			return
		}
		wait := limit.take(cost(r.bytes), s.answers.Swap(0), time.Now())
		select {
		case requests <- r:
		case <-ctx.Done():
			return
		}
		// What a client sends meanwhile stays with it: it is not read.
		if wait > 0 {
			wait += rand.N(wait) // those that came together are not to be read together
			if !s.server.admission.requests.hold(ctx, wait) {
				return
			}
		}
	}
}

// handle takes in a request: the client's answer to a response, what it subscribes
// to, or both.
func (s *stream) handle(r *request, w *world) error {
	if err := s.acceptable(r); err != nil {
		return err
	}
	if !s.introduced {
		if err := s.introduce(r, w); err != nil {
			return err
		}
	} else if err := s.sameNode(r); err != nil {
		return err
	}
	sub, known := s.subs[r.url]
	if known {
		s.answered(sub, r)
	} else {
		if err := s.mayAsk(r.url); err != nil {
			return err
		}
		sub = s.subscribe(r)
	}
	switch {
	case s.delta:
		sub.changes(r, &s.server.names)
	case !known || r.nonce == sub.nonce || r.nonce == "":
		sub.wants(r, &s.server.names)
	}
	if err := s.namesFit(); err != nil {
		return err
	}
	return s.advance()
}

// introduce learns who the client is: only the first request is sure to say.
func (s *stream) introduce(r *request, w *world) error {
	node, err := parseNode(r.node)
	if len(node.ID) > maxNodeName || len(node.Cluster) > maxNodeName {
		return s.end(TooLarge, codes.InvalidArgument, "id and cluster of a node may have %d bytes each", maxNodeName)
	}
	if err := s.enter(NotAllowed, node); err != nil {
		return err
	}
	s.nodeSum = maphash.Bytes(seed, r.node)
	s.log = s.server.log.With("node", node.ID)
	if err != nil {
		s.log.Warn("node cannot be read", "error", err)
	}
	if node.ID == "" {
		s.log.Warn("node has no id", "peer", s.peer)
	}
	back := claim{version: r.version, initial: r.initial}
	s.note(func() { s.node, s.introduced, s.resumed = node, true, !back.empty() })
	if err := s.look(w); err != nil {
		return err
	}
	s.log.Debug("node connected", "group", s.group, "protocol", s.protocol(), "agent", node.UserAgent, "peer", s.peer)
	if !s.fits { // a group that fits may be about to get something
		s.log.Warn("nothing is published for this node", "cluster", node.Cluster)
	}
	s.announced = true
	s.tell(Event{Kind: Connected})
	return nil
}

// look takes over what is published for the client.
func (s *stream) look(w *world) error {
	if !s.introduced {
		return nil
	}
	group, fits := s.group, s.fits
	before := s.group
	if s.epoch != w.epoch || w.epoch == 0 {
		s.epoch = w.epoch
		if group, fits = s.server.group(s.node); !fits {
			group = ""
		}
	}
	s.note(func() {
		s.group, s.fits, s.view = group, fits, nil
		if fits {
			s.view = w.view(group, s.node.ID, s.resumed)
		}
	})
	if s.announced && group != before {
		s.log.Info("node is in another group", "group", group, "before", before)
		s.tell(Event{Kind: Regrouped})
	}
	return s.mayRead(s.view)
}

// subscribe makes room for another type.
func (s *stream) subscribe(r *request) *subscription {
	rule, place := ruleOf(r.url)
	sub := &subscription{
		rule: rule, place: place, nothing: newSet(r.url, nil), nonce: r.nonce,
		claim: &claim{version: r.version, initial: r.initial},
	}
	sub.status.Type = rule.label()
	// Envoy holds its requests for clusters back while one warms: a client that comes
	// back and asks for assignments first has a cluster that waits for one.
	sub.claim.doubted = r.url == typeEndpoint && s.subs[typeCluster] == nil
	s.subs[r.url] = sub
	s.note(func() {
		s.resumed = s.resumed || !sub.claim.empty()
		s.inOrder = append(s.inOrder, sub)
		slices.SortStableFunc(s.inOrder, func(a, b *subscription) int { return a.place - b.place })
	})
	return sub
}
