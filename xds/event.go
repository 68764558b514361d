package xds

// EventKind says what happened.
type EventKind int

const (
	// Connected: a stream began; Disconnected: it ended.
	Connected EventKind = iota
	Disconnected
	// Sent: a response was sent. Acknowledged, Refused: the client's answer to it.
	Sent
	Acknowledged
	Refused
	// Synced: the node has acknowledged all that its group was given, or had it all
	// when it came back. It is told once for each state of the group.
	Synced
	// Regrouped: another group is the node's now, or none.
	Regrouped
)

// String returns the kind in lower case.
func (k EventKind) String() string {
	return [...]string{"connected", "disconnected", "sent", "acknowledged", "refused", "synced", "regrouped"}[k]
}

// Event is something that happened on a stream.
type Event struct {
	Kind EventKind
	// Stream tells streams apart, of one node as well: later ones have higher numbers.
	Stream uint64
	Node   Node
	// Peer is the address of the connection: host:port, or what says little for a Unix
	// socket.
	Peer string
	// Group is the node's; "" when it has none.
	Group string
	// Snapshot is the version of the group's Snapshot that the stream is on; of
	// Acknowledged and Refused the one that the response belongs to.
	Snapshot string
	// Type is the short name of the type ("CDS"), Version the one of the response, and
	// Resources how many it adds, changes, sends again or removes; of Sent,
	// Acknowledged and Refused.
	Type, Version string
	Resources     int
	// Bytes is the length of the response; of Sent.
	Bytes int
	// Refusal is set for Refused.
	Refusal *Refusal
}

// Notify has f called with all that happens from now on: by many goroutines at once,
// in order for each stream, without locks held. f must not block: the stream it is
// told of waits for it.
func (s *Server) Notify(f func(Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []func(Event)
	if old := s.listeners.Load(); old != nil {
		all = append(all, *old...)
	}
	all = append(all, f)
	s.listeners.Store(&all)
}

func (s *stream) tell(e Event) {
	all := s.server.listeners.Load()
	if all == nil {
		return
	}
	e.Stream, e.Node, e.Peer, e.Group = s.serial, s.node, s.peer, s.group
	if s.view != nil && e.Snapshot == "" {
		e.Snapshot = s.view.version
	}
	for _, f := range *all {
		s.call(f, e)
	}
}

// call keeps a panic of a listener away from the stream.
func (s *stream) call(f func(Event), e Event) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("listener panicked", "event", e.Kind, "panic", p)
		}
	}()
	f(e)
}
