package xds

import (
	"context"
	"hash/maphash"
	"maps"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Ending is why the server ended a stream.
type Ending string

// The reasons.
const (
	// NotAllowed: the peer may not act for the node that it claims to be.
	NotAllowed Ending = "not_allowed"
	// NotAllowedAnyMore: it might when it came.
	NotAllowedAnyMore Ending = "not_allowed_any_more"
	// NodeChanged: a later request has another node.
	NodeChanged Ending = "node_changed"
	// TooManyTypes, TooManyNames, TooLarge: see Limits.
	TooManyTypes Ending = "too_many_types"
	TooManyNames Ending = "too_many_names"
	TooLarge     Ending = "too_large"
	// Plaintext: what the node is to get holds private keys or passwords, and others could read them
	// on the way.
	Plaintext Ending = "plaintext"
	// Malformed: a request without a type.
	Malformed Ending = "malformed"
)

// Endings are all of them.
var Endings = []Ending{NotAllowed, NotAllowedAnyMore, NodeChanged, TooManyTypes, TooManyNames, TooLarge, Plaintext, Malformed}

// maxTold bounds what is remembered of what was told.
const maxTold = 1000

// mentions remembers what was told, so that a client which tries again and again does not
// fill the log.
type mentions struct {
	mu  sync.Mutex
	all map[[3]string]bool
}

// first says whether this was not told yet.
func (m *mentions) first(what, who, of string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [3]string{what, who, of}
	if m.all[key] {
		return false
	}
	if m.all == nil || len(m.all) >= maxTold {
		m.all = map[[3]string]bool{}
	}
	m.all[key] = true
	return true
}

func (m *mentions) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.all)
}

// endings counts them.
type endings struct {
	mu  sync.Mutex
	all map[Ending]uint64
}

func (e *endings) add(reason Ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil {
		e.all = map[Ending]uint64{}
	}
	e.all[reason]++
}

func (e *endings) read() map[Ending]uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.all)
}

// permits says whether the peer of a call may act for a node. The error is a gRPC
// status.
func (s *Server) permits(ctx context.Context, node Node) error {
	if s.permit == nil {
		return nil
	}
	err := s.permit(ctx, node)
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); !ok {
		err = status.Error(codes.PermissionDenied, err.Error())
	}
	return err
}

// turnAway counts a stream that is ended, and tells of it once for each peer and node.
func (s *Server) turnAway(ctx context.Context, reason Ending, node Node, err error) error {
	s.endings.add(reason)
	p := PeerOf(ctx)
	if s.told.first(string(reason), p.String(), node.ID) {
		s.log.Warn("stream ended; the same again is not told", "reason", reason, "node", node.ID, "peer", p.Address,
			"who", p.String(), "error", status.Convert(err).Message())
	}
	return err
}

// turnstile lets a stream pass whose peer may act for the node; again is closed when it
// is to be asked again.
func (s *Server) turnstile(ctx context.Context, reason Ending, node Node) (again <-chan struct{}, err error) {
	// Taken before it is asked: what changes meanwhile has it asked again.
	again = *s.rights.Load()
	if err := s.permits(ctx, node); err != nil {
		return again, s.turnAway(ctx, reason, node, err)
	}
	return again, nil
}

// Recheck has Permit asked again for each stream that there is; those that have lost
// the right end.
func (s *Server) Recheck() {
	s.told.forget()
	next := make(chan struct{})
	close(*s.rights.Swap(&next))
}

// mayRead ends the stream where private keys are to be sent that others could read on
// the way. The node keeps what it has: without the keys its listeners would serve nobody.
func (s *stream) mayRead(v *view) error {
	if v == nil || !v.private || PeerOf(s.grpc.Context()).Private() {
		return nil
	}
	return s.end(Plaintext, codes.FailedPrecondition,
		"the blueprint of node %q holds private keys or passwords, which go out over TLS, loopback and Unix sockets only: serve xDS with a certificate, and make its bootstrap anew", s.node.ID)
}

// end ends the stream.
func (s *stream) end(reason Ending, code codes.Code, format string, args ...any) error {
	return s.server.turnAway(s.grpc.Context(), reason, s.node, status.Errorf(code, format, args...))
}

// enter asks whether the peer may act for the node.
func (s *stream) enter(reason Ending, node Node) (err error) {
	s.rights, err = s.server.turnstile(s.grpc.Context(), reason, node)
	return err
}

// sameNode ends the stream when a later request is another node's: only the first one
// was asked about, and group and status are that one's. Envoys may say the same node
// with each request.
func (s *stream) sameNode(r *request) error {
	if len(r.node) == 0 {
		return nil
	}
	sum := maphash.Bytes(seed, r.node)
	if sum == s.nodeSum {
		return nil
	}
	node, err := parseNode(r.node)
	if err == nil && (node.ID != s.node.ID || node.Cluster != s.node.Cluster) && node.ID+node.Cluster != "" {
		return s.end(NodeChanged, codes.InvalidArgument,
			"a stream is one node's: it is %q of cluster %q, and a later request is of %q of cluster %q", s.node.ID, s.node.Cluster, node.ID, node.Cluster)
	}
	s.nodeSum = sum
	return nil
}
