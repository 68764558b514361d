package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"backworks/blueprints"
	"backworks/xds"
)

const (
	// maxEvents is how many events are kept.
	maxEvents = 500
	// maxAlike is how many events of one kind are told one by one in a second; of more
	// it is told how many they were.
	maxAlike = 10
)

// EventKind is what an Event is about.
type EventKind string

// The kinds.
const (
	EditEvent     EventKind = "edit"     // blueprints were read
	PushEvent     EventKind = "push"     // nodes have acknowledged a version
	RefusalEvent  EventKind = "refusal"  // a node refused one
	RolloutEvent  EventKind = "rollout"  // a version came to another stage
	EjectionEvent EventKind = "ejection" // a target was taken out for its failures
	UnejectEvent  EventKind = "uneject"  // and may come back
	HealthEvent   EventKind = "health"   // health checks of a target fail, or pass again
	EnvoyEvent    EventKind = "envoy"    // a node came or went
	BreakerEvent  EventKind = "breaker"  // a breaker came to another state
	SwitchEvent   EventKind = "switch"   // a target was drained, ejected or restored by hand
)

// Event is something that happened.
type Event struct {
	ID   uint64    `json:"id"`
	At   time.Time `json:"at"`
	Kind EventKind `json:"kind"`
	// Subject is what it happened to: a target, a node, a blueprint's file.
	Subject   string `json:"subject"`
	Node      string `json:"node"`
	Blueprint string `json:"blueprint"`
	Text      string `json:"text"`
}

// feed keeps the newest events.
type feed struct {
	mu     sync.Mutex
	events []Event // the oldest first
	last   uint64
	told   map[EventKind]int // since the last flush
	pushes map[pushed]int
	acked  map[string]pushed // by node that is connected: what it has, told already
	notice chan struct{}     // closed when there is something new
}

// pushed is a version of a blueprint that nodes acknowledged.
type pushed struct{ blueprint, version string }

func newFeed() *feed {
	return &feed{told: map[EventKind]int{}, pushes: map[pushed]int{}, acked: map[string]pushed{}, notice: make(chan struct{})}
}

// add tells of an event. It does not wait.
func (f *feed) add(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told[e.Kind]++; f.told[e.Kind] <= maxAlike {
		f.keep(e)
		f.wake()
	}
}

// keep adds an event; f.mu is held.
func (f *feed) keep(e Event) {
	f.last++
	e.ID, e.At = f.last, time.Now().UTC()
	if len(f.events) == maxEvents {
		f.events = slices.Delete(f.events, 0, 1)
	}
	f.events = append(f.events, e)
}

func (f *feed) wake() {
	close(f.notice)
	f.notice = make(chan struct{})
}

// flush ends a second: what was too much of a kind is told as a number, and those who
// wait are woken.
func (f *feed) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(f.told)) {
		if n := f.told[kind] - maxAlike; n > 0 {
			f.keep(Event{Kind: kind, Text: fmt.Sprintf("%d more of the kind", n)})
		}
	}
	clear(f.told)
	for p, n := range f.pushes {
		e := Event{Kind: PushEvent, Subject: p.blueprint, Blueprint: p.blueprint}
		e.Text = fmt.Sprintf("%d Envoys have acknowledged version %s", n, p.version)
		if n == 1 {
			e.Text = fmt.Sprintf("an Envoy has acknowledged version %s", p.version)
		}
		f.keep(e)
	}
	clear(f.pushes)
	f.wake()
}

func (f *feed) newest() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.events)
	slices.Reverse(out)
	return out
}

func (f *feed) changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.notice
}

// stream tells of what happens on the streams, which wait for it.
func (f *feed) stream(e xds.Event) {
	what := Event{Subject: e.Node.ID, Node: e.Node.ID, Blueprint: fileOf(e.Group)}
	switch e.Kind {
	case xds.Connected:
		what.Kind, what.Text = EnvoyEvent, "connected"
	case xds.Disconnected:
		what.Kind, what.Text = EnvoyEvent, "disconnected"
		f.forget(e.Node.ID)
	case xds.Refused:
		what.Kind, what.Text = RefusalEvent, "refuses "+e.Type+" of version "+e.Snapshot
		if e.Refusal != nil {
			what.Text += ": " + oneLine(e.Refusal.Message)
		}
	case xds.Synced:
		f.acknowledged(e.Node.ID, pushed{what.Blueprint, e.Snapshot})
		return
	default:
		return
	}
	f.add(what)
}

// acknowledged counts a node for a version, once: it acknowledges other assignments of
// the same one as well.
func (f *feed) acknowledged(node string, p pushed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.acked[node] != p {
		f.acked[node] = p
		f.pushes[p]++
	}
}

func (f *feed) forget(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.acked, node)
}

// oneLine shortens what a node or a parser said.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// load tells what came of reading the blueprints, but for the problems of the time before:
// one save may be read more than once.
func (f *feed) load(r *Report, before blueprints.Problems) {
	if r.Outcome == Unchanged {
		return
	}
	for _, p := range r.loaded.Errors() {
		if slices.Contains(before, p) {
			continue
		}
		f.add(Event{Kind: EditEvent, Subject: p.File, Blueprint: p.File, Text: oneLine(p.String())})
	}
	if r.Outcome == Published {
		f.add(Event{Kind: EditEvent, Text: "blueprints read (" + r.By + "): what is new is on its way"})
	}
}

// rollout tells of a step of a version.
func (f *feed) rollout(file string, s Step) {
	e := Event{Kind: RolloutEvent, Subject: file, Blueprint: file, Text: "version " + s.Version + ": " + string(s.Stage)}
	if s.What != "" {
		e.Text += ", " + oneLine(s.What)
	}
	f.add(e)
}
