package xds

// Figures are counts of what happened to streams and connections.
type Figures struct {
	// Streams are those that are let in, of every service.
	Streams int
	// ConnectionWaits and StreamWaits are streams over the limit of their connection, and
	// of all; ArrivalWaits are clients that come while many others do; RequestWaits are
	// times that a stream sent requests faster than it may.
	ConnectionWaits, StreamWaits, ArrivalWaits, RequestWaits Waits
	// Ended is how many streams the server ended, by reason.
	Ended map[Ending]uint64
	// FailedHandshakes are connections on which TLS was not agreed.
	FailedHandshakes uint64
}

// Figures returns them.
func (s *Server) Figures() Figures {
	a := &s.admission
	return Figures{
		Streams:         int(a.open.Load()),
		ConnectionWaits: a.connections.read(), StreamWaits: a.all.read(), ArrivalWaits: a.first.read(), RequestWaits: a.requests.read(),
		Ended: s.endings.read(), FailedHandshakes: s.handshake.failed.Load(),
	}
}
