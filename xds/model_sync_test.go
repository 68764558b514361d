package xds

import "maps"

// sync waits until the server has taken in all that clients said and all that was
// published, and clients all that it sent for that.
func (f *fleetModel) sync() {
	f.t.Helper()
	f.o.mark()
	f.look()
	for _, m := range f.models {
		m.sync()
	}
}

func (m *model) sync() {
	m.t.Helper()
	if m.o.view(m.id) == nil {
		return // nothing comes, and what is said is taken in later
	}
	m.moved, m.assigned = map[string]int{}, map[string]int{}
	m.marks.drain(m.client, m.o.marks, m.hear)
	m.owed()
	for _, t := range m.types {
		m.certain(t)
	}
	m.views = m.views[len(m.views)-1:]
	m.round++
	if m.settled() {
		for _, t := range m.types {
			clear(t.asked)
			clear(t.owed)
			t.mend = -1
		}
		if err := m.complete(); err != nil {
			m.fail("%v\n%v", err, m)
		}
	}
}

// owed checks that each cluster that changed was followed by its assignment.
func (m *model) owed() {
	m.t.Helper()
	t := m.types[typeEndpoint]
	for name, at := range m.moved {
		_, held := m.types[typeCluster].held[name]
		if !held || !t.started || len(t.recent) > 1 || !t.wants.has(name) || len(t.doubt) > 0 {
			continue
		}
		if _, missing := m.published(typeEndpoint, name, ""); !missing && m.assigned[name] < at {
			m.fail("cluster %q changed, and its assignment did not follow", name)
		}
	}
}

// aim finds what the last response was to bring the client to: what is published by
// now, or there would be another; of types that may have to wait, when nothing else
// was published meanwhile.
func (m *model) aim(t *modelType) {
	if !t.heard || len(t.open) == 0 || len(t.recent) > 1 {
		return
	}
	h := t.open[len(t.open)-1]
	goal := m.views[len(m.views)-1].restricted(t.url, t.wants)
	for _, v := range m.views {
		if len(modelBefore[t.url]) > 0 && !maps.Equal(v.restricted(t.url, t.wants), goal) {
			return
		}
	}
	h.goal, h.wants, h.whole = goal, t.wants, maps.Equal(goal, t.holds(t.wants))
}

// certain takes in what the server knows by now.
func (m *model) certain(t *modelType) {
	m.aim(t)
	if m.stale(t) {
		for name := range t.held {
			t.asked[name] = m.round
		}
	}
	// What waits for another type may be asked for, or refused, again before it is
	// answered.
	answered := func(round int) bool { return round < m.round || len(modelBefore[t.url]) == 0 }
	for name, round := range t.asked {
		if t.met[name] && answered(round) {
			delete(t.asked, name)
		}
	}
	last := m.views[len(m.views)-1]
	for name, round := range t.away {
		_, back := last[key{t.url, name}]
		if round < m.round && (t.met[name] || back && len(modelBefore[t.url]) == 0) {
			delete(t.away, name)
		}
	}
	for name := range t.owed {
		if t.met[name] {
			delete(t.owed, name)
		}
	}
	clear(t.met)
	clear(t.eased)
	if r := t.refusal; r != nil {
		for _, v := range m.views {
			if !maps.Equal(v.restricted(t.url, r.wants), r.goal) {
				t.refusal = nil
			}
		}
	}
	// A SotW request that crosses a response is not heard; the answer to that says
	// the same again.
	t.crossed = !m.delta && (t.said && t.heard || t.crossed && !t.said)
	if !t.crossed {
		t.recent = []wants{t.wants}
		t.forget()
	}
	if t.heard && answered(t.mend) {
		t.mend = -1
	}
	t.said, t.heard, t.match = false, false, false
}

// goal is what is published for the client, where that is certain.
func (m *model) goal(t *modelType) map[string]string {
	if len(m.views) != 1 || m.views[0] == nil || len(t.recent) != 1 {
		return nil
	}
	return m.views[0].restricted(t.url, t.recent[0])
}

// look takes in that something was published.
func (m *model) look() {
	v := m.o.view(m.id)
	if n := len(m.views); n > 0 && maps.Equal(m.views[n-1], v) && (m.views[n-1] == nil) == (v == nil) {
		return
	}
	m.views = append(m.views, v)
	for k, version := range v {
		if m.past[k] == nil {
			m.past[k] = map[string]bool{}
		}
		m.past[k][version] = true
	}
	for _, t := range m.types {
		for name := range t.held {
			if _, ok := v[key{t.url, name}]; !ok {
				t.away[name] = m.round
			}
		}
	}
}

// published says whether a name has a version in some view, and whether it is missing
// in some.
func (m *model) published(url, name, version string) (has, missing bool) {
	for _, v := range m.views {
		got, ok := v[key{url, name}]
		has = has || ok && got == version
		missing = missing || !ok
	}
	return has, missing
}
