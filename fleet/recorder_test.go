package fleet

import (
	"sync"

	"backworks/xds"
)

// recorder stands for the xds server and keeps what it was given.
type recorder struct {
	mu        sync.Mutex
	groups    map[string]xds.Group
	publishes int
	notify    func(xds.Event)
	load      func(xds.LoadReport)
	connected map[string]connected
	streams   uint64
	overlays  map[place][]*xds.Resource
}

// connected is a node on the stream.
type connected struct {
	stream uint64
	node   xds.Node
	group  string
}

func (r *recorder) PublishGroups(groups map[string]xds.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups = groups
	r.publishes++
}

func (r *recorder) Regroup() {}

func (r *recorder) Overlay(group, node string, resources []*xds.Resource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.overlays == nil {
		r.overlays = map[place][]*xds.Resource{}
	}
	r.overlays[place{group, node}] = resources
}

func (r *recorder) Nodes() []xds.NodeStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []xds.NodeStatus
	for id, n := range r.connected {
		out = append(out, xds.NodeStatus{ID: id, Group: n.group})
	}
	return out
}

func (r *recorder) Notify(f func(xds.Event)) { r.notify = f }

func (r *recorder) NotifyLoad(f func(xds.LoadReport)) { r.load = f }

func (r *recorder) LoadStreams() int { return 2 }

// given are the groups of now, and how often some were published.
func (r *recorder) given() (map[string]xds.Group, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups, r.publishes
}

// connect makes a node one of a group.
func (r *recorder) connect(id, group string) {
	r.mu.Lock()
	r.streams++
	n := connected{stream: r.streams, node: xds.Node{ID: id}, group: group}
	r.connected[id] = n
	r.mu.Unlock()
	r.notify(xds.Event{Kind: xds.Connected, Stream: n.stream, Node: n.node, Group: group})
}

func (r *recorder) leave(id string) {
	r.mu.Lock()
	n := r.connected[id]
	delete(r.connected, id)
	r.mu.Unlock()
	r.notify(xds.Event{Kind: xds.Disconnected, Stream: n.stream, Node: n.node, Group: n.group})
}

// has is the version that a node is given.
func (r *recorder) has(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.groups[r.connected[id].group]
	release := g.Release
	if other, ok := g.Others[id]; ok {
		release = other
	}
	if release.Snapshot == nil {
		return ""
	}
	return release.Snapshot.Version()
}

// sync has nodes acknowledge what they are given.
func (r *recorder) sync(ids ...string) {
	for _, id := range ids {
		n := r.connected[id]
		r.notify(xds.Event{Kind: xds.Synced, Stream: n.stream, Node: n.node, Group: n.group, Snapshot: r.has(id)})
	}
}

// refuse has a node refuse what it is given.
func (r *recorder) refuse(id, message string) {
	n := r.connected[id]
	r.notify(xds.Event{Kind: xds.Refused, Stream: n.stream, Node: n.node, Group: n.group, Snapshot: r.has(id), Type: "LDS",
		Refusal: &xds.Refusal{Message: message, Resources: []xds.RefusedResource{{Name: "proxy", Origin: "one.yaml:3:5"}}}})
}
