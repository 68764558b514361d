package admin

import (
	"sync"

	"backworks/xds"
)

// maxTypes bounds the metrics: a client may ask for types that nobody knows.
const maxTypes = 16

// XDSStats counts what happens on the streams. Its Count is made for the xds
// server's Notify.
type XDSStats struct {
	mu    sync.Mutex
	types map[string]bool
	// By kind and type; type is "" for what concerns the stream as a whole.
	events map[eventKey]uint64
	bytes  map[string]uint64 // by type
}

type eventKey struct{ kind, typ string }

// NewXDSStats makes an XDSStats that starts at nothing.
func NewXDSStats() *XDSStats {
	return &XDSStats{types: map[string]bool{}, events: map[eventKey]uint64{}, bytes: map[string]uint64{}}
}

// Count counts one event.
func (s *XDSStats) Count(e xds.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	typ := e.Type
	if !s.types[typ] && len(s.types) == maxTypes {
		typ = "other"
	} else {
		s.types[typ] = true
	}
	s.events[eventKey{e.Kind.String(), typ}]++
	if e.Kind == xds.Sent {
		s.bytes[typ] += uint64(e.Bytes)
	}
}

func (s *XDSStats) collect(emit emitter) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, n := range s.events {
		emit.counter(eventsTotal, float64(n), key.kind, key.typ)
	}
	for typ, n := range s.bytes {
		emit.counter(bytesTotal, float64(n), typ)
	}
}
