package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"backworks/fleet"
)

const (
	// maxStreams bounds who may look on: each costs a goroutine and a connection. A
	// page has one.
	maxStreams = 100
	// streamWrite is how long a client may take to read what is sent at once.
	streamWrite = 10 * time.Second
	// streamAgain is after how many milliseconds browsers connect again.
	streamAgain = 2000
)

// live sends figures and events to those who look on. Nothing waits for them: a client
// that is too slow for a sample is given a snapshot when it can take one. What is the
// same for several is encoded once.
type live struct {
	open atomic.Int64

	mu sync.Mutex
	// The newest moment, its rows as JSON, and the sample that leads to it from before.
	newest, before *fleet.Telemetry
	rows           encoded
	sample         []byte
	// The newest snapshot, and what it was made of.
	snapshot []byte
	of       *fleet.Telemetry
	event    uint64
}

// stream answers with server-sent events: a snapshot, a sample a second, and events.
func (p *pages) stream(w http.ResponseWriter, r *http.Request) {
	if p.live.open.Add(1) > maxStreams {
		p.live.open.Add(-1)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, "there are "+strconv.Itoa(maxStreams)+" streams already")
		return
	}
	defer p.live.open.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies must not wait for more
	if r.Method == http.MethodHead {
		return
	}
	to := viewer{rc: http.NewResponseController(w), w: w}
	if to.send([][]byte{fmt.Appendf(nil, "retry: %d\n\n", streamAgain)}) != nil {
		return
	}
	for {
		changed := p.Fleet.TelemetryChanged()
		if to.send(p.next(&to)) != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-stopping(r.Context()):
			return
		}
	}
}

// viewer is who looks on, and what it has been told.
type viewer struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	has   *fleet.Telemetry
	event uint64 // the last one
}

// send writes all messages in time.
func (v *viewer) send(messages [][]byte) error {
	if len(messages) == 0 {
		return nil
	}
	// The server's own limit is for answers that end. Where there is none to set, as
	// in tests, there is no connection that could hold us.
	_ = v.rc.SetWriteDeadline(time.Now().Add(streamWrite))
	for _, text := range messages {
		if _, err := v.w.Write(text); err != nil {
			return err
		}
	}
	return v.rc.Flush()
}

// next is what a viewer does not know yet.
func (p *pages) next(v *viewer) (out [][]byte) {
	events := p.Fleet.Events()
	now := p.Fleet.Telemetry()
	known := v.event
	if len(events) > 0 {
		v.event = events[0].ID
	}
	switch {
	case v.has == nil, now.Shape != v.has.Shape, now.Number > v.has.Number+1:
		v.has = now
		return [][]byte{p.live.whole(now, events)}
	case now.Number > v.has.Number:
		out = append(out, p.live.changes(v.has, now))
		v.has = now
	}
	for _, e := range slices.Backward(events) {
		if e.ID > known {
			out = append(out, message("event", e, "id: "+strconv.FormatUint(e.ID, 10)+"\n"))
		}
	}
	return out
}

// whole is a snapshot.
func (l *live) whole(now *fleet.Telemetry, events []fleet.Event) []byte {
	last := uint64(0)
	if len(events) > 0 {
		last = events[0].ID
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of != now || l.event != last {
		l.of, l.event, l.snapshot = now, last, message("snapshot", whole(now, events, nil), "")
	}
	return l.snapshot
}

// changes is the sample between two moments that follow each other.
func (l *live) changes(before, now *fleet.Telemetry) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.newest == now && l.before == before {
		return l.sample
	}
	had := l.rows
	if l.newest != before {
		had = encode(before)
	}
	has := encode(now)
	l.newest, l.before, l.rows = now, before, has
	l.sample = sampleOf(now, had, has)
	return l.sample
}

// sampleOf is a message of the rows that changed. They are JSON already, and are not looked
// through again.
func sampleOf(now *fleet.Telemetry, had, has encoded) []byte {
	head, _ := json.Marshal(momentOf(now)) // of our own type: it can be
	var b bytes.Buffer
	b.WriteString("event: sample\ndata: ")
	b.Write(bytes.TrimSuffix(head, []byte("}")))
	for _, rows := range []struct {
		name     string
		had, has []json.RawMessage
	}{{"envoys", had.envoys, has.envoys}, {"targets", had.targets, has.targets}, {"pools", had.pools, has.pools}, {"endpoints", had.endpoints, has.endpoints}} {
		b.WriteString(`,"` + rows.name + `":[`)
		for i, row := range changed(rows.had, rows.has) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(row)
		}
		b.WriteByte(']')
	}
	b.WriteString("}\n\n")
	return b.Bytes()
}

// encoded are all rows as JSON. Rows of the same shape are in the same places.
type encoded struct{ envoys, targets, pools, endpoints []json.RawMessage }

func encode(t *fleet.Telemetry) encoded {
	return encoded{encodeAll(t.Envoys), encodeAll(t.Targets), encodeAll(t.Pools), encodeAll(t.Endpoints)}
}

func encodeAll[T any](rows []T) []json.RawMessage {
	out := make([]json.RawMessage, len(rows))
	for i := range rows {
		out[i], _ = json.Marshal(&rows[i]) // of our own types: they can be
	}
	return out
}

func changed(before, now []json.RawMessage) []json.RawMessage {
	out := []json.RawMessage{}
	for i, row := range now {
		if i >= len(before) || !bytes.Equal(before[i], row) {
			out = append(out, row)
		}
	}
	return out
}

// message is a server-sent event.
func message(event string, data any, id string) []byte {
	var b bytes.Buffer
	b.WriteString("event: " + event + "\n" + id + "data: ")
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(data); err != nil {
		return nil
	}
	b.WriteByte('\n')
	return b.Bytes()
}

type stopKey struct{}

// stoppable gives handlers a way to learn that the server stops: answers that do not end
// would hold it up.
func stoppable(s *http.Server) {
	stop := make(chan struct{})
	s.RegisterOnShutdown(sync.OnceFunc(func() { close(stop) }))
	s.BaseContext = func(net.Listener) context.Context { return context.WithValue(context.Background(), stopKey{}, stop) }
}

func stopping(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stopKey{}).(chan struct{})
	return stop
}
