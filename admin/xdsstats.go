package admin

import (
	"sync"

	"backworks/xds"
)

// XDSStats counts what happens on the streams. Its Count is made for the xds
// server's Notify.
type XDSStats struct {
	mu     sync.Mutex
	events map[eventKey]uint64
	bytes  map[string]uint64
}

// eventKey is bounded: 6 kinds, and the types that Envoys know.
type eventKey struct{ kind, typ string }

// NewXDSStats makes an XDSStats that starts at nothing.
func NewXDSStats() *XDSStats {
	return &XDSStats{events: map[eventKey]uint64{}, bytes: map[string]uint64{}}
}

// Count counts one event.
func (s *XDSStats) Count(e xds.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[eventKey{e.Kind.String(), e.Type}]++
	if e.Kind == xds.Sent {
		s.bytes[e.Type] += uint64(e.Bytes)
	}
}
