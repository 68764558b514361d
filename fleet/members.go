package fleet

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"backworks/xds"
)

// members are the streams of nodes by the blueprint they get, kept up from the
// server's events: each event costs the same, however many streams there are.
type members struct {
	mu      sync.Mutex
	streams map[uint64]*member
	groups  map[string]*census
	changed chan struct{} // receives when the pipeline should look
}

// member is a stream.
type member struct {
	stream uint64
	node   xds.Node
	since  time.Time
	group  string
	// synced is the version that it last had all of, refused the one it refused since.
	synced, refused string
	// last is its newest refusal, of whatever version.
	last refusal
}

// refusal is what a node said to a version.
type refusal struct {
	version, kind string // kind is the type's short name
	said          *xds.Refusal
}

// census counts the members of a group.
type census struct {
	all    map[uint64]*member
	synced map[string]int // by version
	// goal and need: the pipeline looks when so many have all of that version.
	goal string
	need int
}

func newMembers() *members {
	return &members{streams: map[uint64]*member{}, groups: map[string]*census{}, changed: make(chan struct{}, 1)}
}

// event takes note of one; the server's streams call it, so it does not wait.
func (m *members) event(e xds.Event) {
	m.mu.Lock()
	wake := m.note(e)
	m.mu.Unlock()
	if wake {
		m.wake()
	}
}

func (m *members) wake() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// note says whether the pipeline has to look.
func (m *members) note(e xds.Event) bool {
	x := m.streams[e.Stream]
	switch e.Kind {
	case xds.Connected:
		x = &member{stream: e.Stream, node: e.Node, since: time.Now(), group: e.Group}
		m.streams[e.Stream] = x
		m.census(e.Group).all[e.Stream] = x
		return true
	case xds.Disconnected:
		if x == nil {
			return false
		}
		m.leave(x)
		delete(m.streams, e.Stream)
		return true
	case xds.Regrouped:
		if x == nil {
			return false
		}
		m.leave(x)
		x.group, x.since, x.synced, x.refused, x.last = e.Group, time.Now(), "", "", refusal{}
		m.census(e.Group).all[e.Stream] = x
		return true
	case xds.Refused:
		if x == nil {
			return false
		}
		m.sync(x, "")
		x.refused, x.last = e.Snapshot, refusal{e.Snapshot, e.Type, e.Refusal}
		return true
	case xds.Synced:
		if x == nil || x.group != e.Group {
			return false
		}
		return m.sync(x, e.Snapshot)
	}
	return false
}

func (m *members) census(group string) *census {
	if m.groups[group] == nil {
		m.groups[group] = &census{all: map[uint64]*member{}, synced: map[string]int{}}
	}
	return m.groups[group]
}

func (m *members) leave(x *member) {
	m.sync(x, "")
	c := m.groups[x.group]
	delete(c.all, x.stream)
	if len(c.all) == 0 && c.goal == "" {
		delete(m.groups, x.group)
	}
}

// sync makes version the one that x has all of, and says whether the pipeline waits
// for that.
func (m *members) sync(x *member, version string) bool {
	c := m.groups[x.group]
	some := len(c.synced) > 0
	if x.synced != "" {
		if c.synced[x.synced]--; c.synced[x.synced] == 0 {
			delete(c.synced, x.synced)
		}
	}
	x.synced = version
	if version != "" {
		c.synced[version]++
		x.refused = ""
		if x.last.version == version {
			x.last = refusal{} // it takes it now
		}
	}
	return some != (len(c.synced) > 0) || version != "" && version == c.goal && c.synced[version] >= c.need
}

// await has the pipeline look when those members of a group that are asked for, by
// node id, have all of a version; "" is none.
func (m *members) await(group, version string, asked func(id string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.census(group)
	c.goal, c.need = version, c.synced[version]
	if version == "" && len(c.all) == 0 {
		delete(m.groups, group)
	}
	if version == "" {
		return
	}
	for _, x := range c.all {
		if x.synced != version && asked(x.node.ID) {
			c.need++
		}
	}
}

// of returns the members of a group as they are now, one for each node id, the newest
// stream of it; in the order of their ids.
func (m *members) of(group string) []member {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.groups[group]
	if c == nil {
		return nil
	}
	out := make([]member, 0, len(c.all))
	for _, x := range c.all {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.node.ID, b.node.ID), cmp.Compare(b.stream, a.stream))
	})
	return slices.CompactFunc(out, func(a, b member) bool { return a.node.ID == b.node.ID })
}

// ready says whether some member of a group has all of one of the versions, or, while a
// push settles, of any.
func (m *members) ready(group string, versions []string, settling bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.groups[group]
	if c == nil {
		return false
	}
	return settling && len(c.synced) > 0 || slices.ContainsFunc(versions, func(v string) bool { return c.synced[v] > 0 })
}

// refusals are the newest ones of the members of a group, by node id.
func (m *members) refusals(group string) map[string]refusal {
	out := map[string]refusal{}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.groups[group]; c != nil {
		for _, x := range c.all {
			if x.last.said != nil {
				out[x.node.ID] = x.last
			}
		}
	}
	return out
}
