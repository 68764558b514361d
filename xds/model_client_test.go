package xds

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// model is a client that does what the protocol allows, however odd, holds what it is
// sent, and knows for each response why it may come.
type model struct {
	*client
	o     *oracle
	id    string
	log   func(format string, args ...any)
	types map[string]*modelType
	past  map[key]map[string]bool // versions that were published for the node
	round int
	views []content // that the node was to have since the last sync
	marks marks
	// nonces are those of the stream; resumed: it began with what another had left.
	nonces  map[string]bool
	resumed bool
	// Since the last sync: how many responses came, and in which the clusters changed
	// and the assignments came.
	arrived         int
	moved, assigned map[string]int
}

// fail ends the test; the trace is in the log.
func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s: %s", m.id, fmt.Sprintf(format, args...))
}

// subscribe changes what the client wants of a type, at random.
func (m *model) subscribe(random *rand.Rand, t *modelType) {
	if m.delta {
		m.subscribeDelta(random, t)
	} else {
		m.subscribeSotW(random, t, "")
	}
}

func pick(random *rand.Rand, share float64) (out []string) {
	for _, name := range append([]string{ghost}, modelNames...) {
		if random.Float64() < share {
			out = append(out, name)
		}
	}
	return out
}

func (m *model) subscribeDelta(random *rand.Rand, t *modelType) {
	if !t.started {
		return
	}
	add, less := pick(random, 0.3), pick(random, 0.3)
	less = slices.DeleteFunc(less, func(s string) bool { return slices.Contains(add, s) })
	switch random.IntN(5) {
	case 0:
		add = append(add, "*")
	case 1:
		less = append(less, "*")
	}
	w := t.wants.clone()
	var freed []string // a wildcard may want them still
	for _, name := range less {
		if name == "*" {
			w.wild = false
		} else if w.names[name] {
			delete(w.names, name)
			t.drop(name)
			freed = append(freed, name)
		}
	}
	for _, name := range add {
		if name == "*" {
			w.wild = true
		} else {
			w.names[name], t.asked[name] = true, m.round
		}
	}
	if len(add)+len(less) == 0 {
		return
	}
	for _, name := range freed {
		if w.wild {
			t.asked[name] = m.round
		}
	}
	t.wants, t.named = w, t.named || len(w.names) > 0
	t.recent = append(t.recent, w)
	t.forget()
	nonce := ""
	if len(t.stale) > 0 && random.IntN(2) == 0 {
		nonce = t.stale[random.IntN(len(t.stale))] // it counts all the same
	}
	m.log("%s %s: subscribe %v unsubscribe %v", m.id, short(t.url), add, less)
	m.send(say{url: t.url, nonce: nonce, names: add, unsubscribe: less})
}

// subscribeSotW sends another list of names, in the answer to the last response when
// there is one.
func (m *model) subscribeSotW(random *rand.Rand, t *modelType, refuse string) {
	if !t.started {
		return
	}
	w := wants{names: map[string]bool{}, wild: random.IntN(4) == 0}
	if random.IntN(6) > 0 {
		for _, name := range pick(random, 0.5) {
			w.names[name] = true
		}
	}
	if w.empty() && !t.named {
		w.wild = true
	}
	for name := range w.names {
		if !t.wants.names[name] {
			t.asked[name] = m.round
		}
	}
	t.wants, t.named = w, t.named || len(w.names) > 0
	t.recent = append(t.recent, w)
	m.log("%s %s: subscribe %v", m.id, short(t.url), w.list())
	if len(t.open) > 0 {
		m.answer(random, t, len(t.open)-1, refuse)
		return
	}
	t.said = true
	m.send(say{url: t.url, version: t.version, nonce: last(t.stale), names: w.list()})
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// connect begins a stream, with what the client has or, as after a restart, without.
func (m *model) connect(random *rand.Rand, c *client, keep bool) {
	m.client, m.nonces, m.resumed = c, map[string]bool{}, keep
	m.log("%s: connect, keep %v", m.id, keep)
	urls := slices.Clone(modelTypes)
	random.Shuffle(len(urls), func(i, j int) { urls[i], urls[j] = urls[j], urls[i] })
	clusters := false
	for i, url := range urls {
		t := m.types[url]
		doubt := len(t.doubt) > 0
		if open := t.open; len(open) > 0 && !doubt { // accepted, and that was not heard
			t.open = nil
			m.accept(t, open)
		}
		t.restart(keep)
		if i >= 2 && random.IntN(5) == 0 {
			t.restart(false)
			t.wants = wants{names: map[string]bool{}}
			continue
		}
		clusters = clusters || url == typeCluster
		m.begin(random, t, doubt, url == typeEndpoint && !clusters)
	}
	m.marks.begin(c)
}

// begin sends the first request for a type.
func (m *model) begin(random *rand.Rand, t *modelType, doubt, early bool) {
	if t.wants.names == nil || random.IntN(2) == 0 {
		t.wants = wants{wild: random.IntN(2) == 0, names: map[string]bool{}}
		for _, name := range pick(random, 0.6) {
			t.wants.names[name] = true
		}
	}
	if t.wants.empty() {
		t.wants.wild = true
	}
	t.forget()
	t.started, t.named, t.recent = true, len(t.wants.names) > 0, []wants{t.wants}
	s := say{url: t.url, names: t.wants.list()}
	if len(t.wants.names) == 0 && random.IntN(2) == 0 {
		s.names = nil // a wildcard as well
	}
	if m.delta {
		s.initial = maps.Clone(t.held)
	} else if doubt {
		t.version = ""
	}
	s.version = t.version
	now := m.goal(t)
	t.match = !m.delta && s.version != "" && now != nil && maps.Equal(t.stands, now) && maps.Equal(t.holds(t.wants), now)
	for _, name := range append([]string{ghost}, modelNames...) {
		_, has := t.held[name]
		if t.wants.has(name) && (early || !has || !m.delta && !t.match) {
			t.asked[name] = m.round
		}
	}
	m.log("%s %s: begin %v initial %v version %s", m.id, short(t.url), s.names, s.initial, s.version)
	m.send(s)
}

// String is what the client holds and waits for, for the trace.
func (m *model) String() string {
	var b strings.Builder
	for _, url := range modelTypes {
		t := m.types[url]
		fmt.Fprintf(&b, "\n  %s wants %v holds %v doubts %v, %d open", short(url), t.wants.list(), t.held, t.doubt, len(t.open))
	}
	return m.id + b.String()
}
