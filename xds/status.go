package xds

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// NodeStatus is what is known of a connected node.
type NodeStatus struct {
	ID, Cluster string
	// Group is "" when no group fits the node.
	Group     string
	UserAgent string
	Peer      string // address of the connection
	Protocol  string // "SotW" or "delta"
	Connected time.Time
	Metadata  map[string]any
	// Snapshot is the version of the Snapshot that the node is being brought to.
	Snapshot string
	// Synced: it has acknowledged all that its group was given.
	Synced bool
	Types  []TypeStatus // in the order in which types are sent
}

// TypeStatus is how far a node is with a type.
type TypeStatus struct {
	Type string // "CDS", "EDS", "LDS", "RDS", "SDS", "RLS"; else the message's full name
	// Sent and Acked are the versions last sent and acknowledged, of what the node
	// subscribes to; "" before the first.
	Sent, Acked string
	// SentAt and AckedAt are when that was; AckedAt also when a node came back with it.
	SentAt, AckedAt time.Time
	// Synced: the node has acknowledged all that its group was given of this type.
	Synced bool
	// Refused is the last refusal, nil when one was accepted since.
	Refused *Refusal
}

// Nodes returns the connected nodes, by ID; of two streams of a node the newer
// one.
func (s *Server) Nodes() []NodeStatus {
	w := s.world.Load()
	newest := map[string]*stream{}
	s.streams.Range(func(key, _ any) bool {
		c := key.(*stream)
		id, ok := c.identity()
		if id == "" { // not one node, but each without a name
			id = fmt.Sprint("\x00", c.serial)
		}
		if ok && (newest[id] == nil || newest[id].serial < c.serial) {
			newest[id] = c
		}
		return true
	})
	out := make([]NodeStatus, 0, len(newest))
	for _, c := range newest {
		out = append(out, c.snapshotStatus(w))
	}
	slices.SortFunc(out, func(a, b NodeStatus) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (s *stream) identity() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.ID, s.introduced
}

func (s *stream) snapshotStatus(w *world) NodeStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := NodeStatus{
		ID: s.node.ID, Cluster: s.node.Cluster, Group: s.group, UserAgent: s.node.UserAgent, Peer: s.peer,
		Protocol: s.protocol(), Connected: s.since, Metadata: s.node.Metadata,
	}
	// What was published since the stream last looked is not there yet.
	fresh := s.view != nil && s.fits && w.view(s.group, s.node.ID, s.resumed) == s.view
	if s.view != nil {
		out.Snapshot, out.Synced = s.view.version, fresh && s.synced == s.view
	}
	for _, sub := range s.inOrder {
		t := sub.status
		t.Synced = t.Synced && fresh
		out.Types = append(out.Types, t)
	}
	return out
}

func (s *stream) protocol() string {
	if s.delta {
		return "delta"
	}
	return "SotW"
}

// settle records how far each type is, and tells when the node has everything.
func (s *stream) settle() {
	all := true
	s.mu.Lock()
	for _, sub := range s.inOrder {
		sub.status.Synced = sub.settled(s.view) || s.lingering && sub.leftOver(s.view)
		all = all && sub.status.Synced
	}
	for _, r := range order {
		if r.required && len(s.view.sets[r.url].all) > 0 {
			all = all && s.subs[r.url] != nil && !s.subs[r.url].names.empty()
		}
	}
	news := all && s.synced != s.view
	if all {
		s.synced = s.view
	} else {
		s.synced = nil
	}
	s.hold()
	s.mu.Unlock()
	if news {
		s.tell(Event{Kind: Synced})
	}
}

func (s *stream) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *stream) noteSent(sub *subscription, r *reply) {
	s.note(func() { sub.status.Sent, sub.status.SentAt, sub.status.Synced = r.version, time.Now(), false })
	if s.log.IsDebug() { // else its arguments would be made for nothing
		s.log.Debug("sent", "type", sub.label(), "version", r.version, "resources", len(r.put), "removed", len(r.gone), "bytes", len(r.body))
	}
	s.tell(Event{Kind: Sent, Type: sub.label(), Version: r.version, Resources: len(r.put) + len(r.gone), Bytes: len(r.body)})
}

// noteHeld records the version of what the client has without having been told.
func (s *stream) noteHeld(sub *subscription) {
	if len(sub.unanswered) > 0 || sub.refused != nil || sub.sent == nil {
		return
	}
	if sub.status.Refused != nil {
		s.note(func() { sub.status.Refused = nil })
	}
	if sub.names.empty() {
		return
	}
	if v := sub.sent.version(sub.names); v != sub.status.Acked {
		now := time.Now()
		s.note(func() { sub.status.Sent, sub.status.Acked, sub.status.SentAt, sub.status.AckedAt = v, v, now, now })
	}
}

func (s *stream) noteAcked(sub *subscription, r *response) {
	s.note(func() {
		sub.status.Acked, sub.status.AckedAt = r.version, time.Now()
		if sub.refused == nil {
			sub.status.Refused = nil
		}
	})
	s.tell(Event{Kind: Acknowledged, Snapshot: r.snapshot, Type: sub.label(), Version: r.version, Resources: len(r.put) + len(r.gone)})
}

func (s *stream) noteRefused(sub *subscription, r *response, message string) {
	count := 1
	if sub.status.Refused != nil {
		count += sub.status.Refused.Count
	}
	refusal := newRefusal(&r.reply, message, count)
	s.note(func() { sub.status.Refused, sub.status.Synced = refusal, false })
	s.log.Error("node refused resources", "type", sub.label(), "version", r.version,
		"resources", refusal.origins(), "message", refusal.Message)
	s.tell(Event{Kind: Refused, Snapshot: r.snapshot, Type: sub.label(), Version: r.version, Resources: len(r.put) + len(r.gone), Refusal: refusal})
}
