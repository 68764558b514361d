package fleet

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/xds"
)

// members are the streams of nodes by the blueprint they get, kept up from the
// server's events: each event costs the same, however many streams there are.
type members struct {
	mu      sync.Mutex
	streams map[uint64]*member
	groups  map[string]*census
	changed chan struct{} // receives when the pipeline should look
	moved   chan struct{} // receives when nodes came or went: no hurry, they come in crowds

	came, went crowd // since the last tell
}

// crowd counts nodes, and names the first of them.
type crowd struct {
	count int
	first []string
}

func (c *crowd) add(x *member) {
	const most = 3 // names are for fleets of a few
	if c.count++; len(c.first) < most {
		c.first = append(c.first, x.node.ID)
	}
}

// tell logs who came and went since the last time: a line for a crowd, for a fleet that
// comes back does so by the thousand.
func (m *members) tell(log hclog.Logger) {
	m.mu.Lock()
	came, went, now := m.came, m.went, len(m.streams)
	m.came, m.went = crowd{}, crowd{}
	m.mu.Unlock()
	if came.count > 0 {
		log.Info("nodes connected", "count", came.count, "first", came.first, "now", now)
	}
	if went.count > 0 {
		log.Info("nodes disconnected", "count", went.count, "first", went.first, "now", now)
	}
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
	// pending: it is counted among those that the pipeline waits for.
	pending bool
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
	goal
	pending int // members that are asked for and do not have the goal's version yet
}

// goal is what the pipeline waits for: that some nodes have all of a version.
type goal struct {
	version string // "": nothing
	// ids are those nodes, or, with all, the ones that need not have it.
	ids map[string]bool
	all bool
	// anyone: the first node that comes is waited for as well.
	anyone bool
}

func (g goal) asks(id string) bool { return g.version != "" && g.ids[id] != g.all }

func newMembers() *members {
	return &members{streams: map[uint64]*member{}, groups: map[string]*census{}, changed: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
}

// event takes note of one; the server's streams call it, so it does not wait.
func (m *members) event(e xds.Event) {
	m.mu.Lock()
	wake := m.note(e)
	m.mu.Unlock()
	if wake {
		signal(m.changed)
	}
	switch e.Kind {
	case xds.Connected, xds.Disconnected, xds.Regrouped:
		signal(m.moved)
	}
}

func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// note says whether the pipeline has to look.
func (m *members) note(e xds.Event) bool {
	x := m.streams[e.Stream]
	switch e.Kind {
	case xds.Connected:
		x = &member{stream: e.Stream, node: e.Node, since: time.Now()}
		m.streams[e.Stream] = x
		m.came.add(x)
		return m.join(x, e.Group)
	case xds.Disconnected:
		if x == nil {
			return false
		}
		delete(m.streams, e.Stream)
		m.went.add(x)
		return m.leave(x)
	case xds.Regrouped:
		if x == nil {
			return false
		}
		wake := m.leave(x)
		x.since, x.synced, x.refused, x.last = time.Now(), "", "", refusal{}
		return m.join(x, e.Group) || wake
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

func (m *members) join(x *member, group string) (wake bool) {
	c := m.census(group)
	x.group = group
	c.all[x.stream] = x
	c.wait(x)
	return c.anyone && len(c.all) == 1
}

func (m *members) leave(x *member) (wake bool) {
	wake = m.sync(x, "")
	c := m.groups[x.group]
	delete(c.all, x.stream)
	wake = c.settle(x) || wake
	if len(c.all) == 0 && c.version == "" && !c.anyone {
		delete(m.groups, x.group)
	}
	return wake
}

// wait counts x among the pending ones, if it is one of them.
func (c *census) wait(x *member) {
	if !x.pending && c.asks(x.node.ID) && x.synced != c.version {
		x.pending = true
		c.pending++
	}
}

// settle counts x no more, and says whether it was the last one.
func (c *census) settle(x *member) bool {
	if !x.pending {
		return false
	}
	x.pending = false
	c.pending--
	return c.pending == 0
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
	last := version != "" && version == c.version && c.settle(x)
	return last || some != (len(c.synced) > 0)
}

// await has the pipeline look when the members of a group that are asked for have all
// of a version; those that come later are asked for as well.
func (m *members) await(group string, g goal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.census(group)
	c.goal, c.pending = g, 0
	for _, x := range c.all {
		x.pending = false
		c.wait(x)
	}
	if g.version == "" && !g.anyone && len(c.all) == 0 {
		delete(m.groups, group)
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
