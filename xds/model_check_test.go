package xds

import (
	"fmt"
	"maps"
	"slices"
)

// What the order of a stream asks for, in the words of Envoy's xDS protocol: types
// whose changes wait for the acknowledgement of others, and types that are removed when
// those that use them were acknowledged.
var (
	modelBefore = map[string][]string{typeListener: {typeCluster}, typeRoute: {typeCluster}}
	modelUsers  = map[string][]string{
		typeCluster: {typeListener, typeRoute}, typeEndpoint: {typeCluster},
		typeRoute: {typeListener}, typeSecret: {typeCluster, typeListener},
	}
)

// hear takes in a response, and checks that there is a reason for it.
func (m *model) hear(a answer) {
	m.t.Helper()
	m.log("%s %s: got %s %v removed %v version %s", m.id, short(a.url), a.nonce, a.versions, a.removed, a.version)
	t := m.types[a.url]
	if t == nil || !t.started {
		m.fail("a response of type %s, which is not subscribed to", a.url)
	}
	m.form(t, a)
	h := &heard{answer: a, round: m.round, touched: map[string]string{}}
	lost := m.compare(t, h)
	m.reason(t, h, lost)
	m.inOrder(t, lost)
	m.arrived++
	h.at = m.arrived
	for _, name := range h.changed {
		if t.url == typeCluster {
			m.moved[name] = m.arrived
		}
	}
	m.apply(t, h, lost)
	t.open = append(t.open, h)
	t.heard, t.first = true, false
}

// form checks what holds for each response by itself.
func (m *model) form(t *modelType, a answer) {
	m.t.Helper()
	if a.nonce == "" || m.nonces[a.nonce] || a.version == "" {
		m.fail("%s: nonce %q, seen %v, version %q", short(a.url), a.nonce, m.nonces[a.nonce], a.version)
	}
	m.nonces[a.nonce] = true
	seen := map[string]bool{}
	for _, name := range slices.Concat(a.names, a.removed) {
		if seen[name] {
			m.fail("%s: %q is in a response twice", short(a.url), name)
		}
		seen[name] = true
		if !t.possibly(name) {
			m.fail("%s: %q is not subscribed to", short(a.url), name)
		}
	}
	for name, version := range a.versions {
		has, missing := m.published(a.url, name, version)
		// What is to be removed stays, as it was, until nothing uses it.
		if !has && !(missing && m.past[key{a.url, name}][version]) {
			m.fail("%s: %q is sent as %s, which is not published", short(a.url), name, version)
		}
	}
	for _, name := range a.removed {
		if _, missing := m.published(a.url, name, ""); !missing {
			m.fail("%s: %q is removed, but is published", short(a.url), name)
		}
	}
	if !t.full {
		return
	}
	for name := range m.goal(t) {
		if a.versions[name] == "" {
			m.fail("%s: %q is not in the whole state", short(a.url), name)
		}
	}
}

// compare finds what a response changes in what is held, and what it takes away.
func (m *model) compare(t *modelType, h *heard) (lost []string) {
	for _, name := range h.names {
		if t.held[name] != h.versions[name] {
			h.changed = append(h.changed, name)
		}
		_, doubt := t.doubt[name]
		if !t.full || t.first || doubt || t.isAsked(name) || t.held[name] != h.versions[name] {
			h.touched[name] = t.held[name]
		}
	}
	for _, name := range h.removed {
		h.touched[name] = t.held[name]
		if t.held[name] != "" {
			lost = append(lost, name)
		}
	}
	if t.full {
		for name := range t.asked {
			if h.versions[name] == "" { // which is an answer
				h.touched[name] = t.held[name]
			}
		}
		for name, version := range t.held {
			if h.versions[name] == "" {
				lost, h.touched[name] = append(lost, name), version
			}
		}
	}
	return lost
}

// reason checks that the response tells something that the client lacks, was promised
// or asked for.
func (m *model) reason(t *modelType, h *heard, lost []string) {
	m.t.Helper()
	reason := func(name string) bool {
		_, doubt := t.doubt[name]
		return t.unsure(name) || t.held[name] != h.versions[name] || t.isAsked(name) || t.owed[name] || t.isAway(name) || doubt || t.eased[name] || m.stale(t)
	}
	if t.full {
		known := t.first && (!t.match || m.stale(t)) || len(lost) > 0 || len(t.recent) > 1 || t.mend >= 0
		for name := range t.asked {
			known = known || t.wants.has(name)
		}
		if !known && !slices.ContainsFunc(h.names, reason) {
			m.fail("%s: the same state again: %v", short(t.url), h.versions)
		}
	} else {
		for _, name := range slices.Concat(h.names, h.removed) {
			if !reason(name) && t.wants.has(name) {
				m.fail("%s: %q is sent or removed again without a reason", short(t.url), name)
			}
		}
	}
	r := t.refusal
	if r == nil || len(m.views) != 1 || !maps.Equal(m.views[0].restricted(t.url, r.wants), r.goal) {
		return
	}
	for name := range h.touched {
		if t.full && len(t.asked) == 0 || !t.full && !t.isAsked(name) && !t.owed[name] {
			m.fail("%s: %q comes after a refusal, though nothing else is published", short(t.url), name)
		}
	}
}

// stale says that something was published while a SotW client came back with the
// version of what was published before: of what it holds the server knows nothing.
func (m *model) stale(t *modelType) bool { return t.match && len(m.views) > 1 }

// inOrder checks that nothing overtakes what it depends on.
func (m *model) inOrder(t *modelType, lost []string) {
	m.t.Helper()
	for _, url := range modelBefore[t.url] {
		b := m.types[url]
		if !b.surely() {
			continue
		}
		for _, h := range b.open {
			if len(h.changed) > 0 {
				m.fail("%s comes before %s %s is answered", short(t.url), short(url), h.nonce)
			}
		}
		for name, r := range b.doubt {
			_, missing := m.published(url, name, "")
			if r.news && r.round < m.round && b.wants.has(name) && !missing {
				m.fail("%s comes while %q of %s is refused", short(t.url), name, short(url))
			}
		}
	}
	lost = slices.DeleteFunc(slices.Clone(lost), func(name string) bool {
		_, doubt := t.doubt[name]
		return doubt || t.eased[name] || t.isAsked(name) || t.unsure(name) || m.stale(t)
	})
	for _, url := range modelUsers[t.url] {
		if u := m.types[url]; len(lost) > 0 && u.surely() && len(u.open) > 0 {
			m.fail("%s loses %v before %s %s is answered", short(t.url), lost, short(url), u.open[0].nonce)
		}
	}
}

// apply holds what a response says.
func (m *model) apply(t *modelType, h *heard, lost []string) {
	for _, name := range lost {
		delete(t.held, name)
	}
	for _, name := range h.names {
		// A SotW client's change of mind may not be heard: it keeps what comes.
		if t.wants.has(name) || !m.delta && t.possibly(name) {
			t.held[name] = h.versions[name]
		}
		if t.url == typeEndpoint {
			m.assigned[name] = m.arrived
		}
		_, doubt := t.doubt[name]
		if changed := slices.Contains(h.changed, name); t.url == typeCluster && (changed || doubt || t.isAsked(name) || t.unsure(name) || t.first) {
			m.types[typeEndpoint].owed[name] = true
		}
		t.met[name] = true
	}
	for _, name := range h.removed {
		t.met[name] = true
	}
}

// settled says that the client has answered everything, and accepted it.
func (m *model) settled() bool {
	for _, t := range m.types {
		if len(t.open)+len(t.doubt) > 0 || len(t.recent) > 1 {
			return false
		}
	}
	return len(m.views) == 1 && m.views[0] != nil
}

// complete checks that the client holds what is published, and nothing else; it is to
// be settled.
func (m *model) complete() error {
	started := 0
	for _, url := range modelTypes {
		if m.types[url].started {
			started++
		}
	}
	// Clusters that are subscribed to by name stay, and what they use with them, until
	// a client with routes unsubscribes: it may use the old ones still.
	clusters, routes := m.types[typeCluster], m.types[typeRoute]
	named := clusters.started && !clusters.wants.wild && routes.started && !routes.wants.empty()
	for _, url := range modelTypes {
		t := m.types[url]
		if !t.started {
			continue
		}
		want := m.views[0].restricted(url, t.wants)
		for name, version := range want {
			if t.held[name] != version {
				return fmt.Errorf("%s %q is held as %q, published as %s", short(url), name, t.held[name], version)
			}
		}
		// Nobody tells a SotW client that such a resource is gone. One that came back
		// is given a moment to name the types that use it.
		if !m.delta && !t.full || m.resumed && started < len(modelTypes) || named && url != typeListener {
			continue
		}
		for name := range t.held {
			if want[name] == "" {
				return fmt.Errorf("%s %q is held, and not published", short(url), name)
			}
		}
	}
	return nil
}
