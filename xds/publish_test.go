package xds

import "testing"

// Endpoint state lies over every version, a node's own over its group's.
func TestOverlay(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.server.Overlay("", "", []*Resource{assignment("a", 1), assignment("b", 1)})
		r.publish("1", cluster("a", 0), assignment("a", 9))
		one, two := r.connect(delta, "one"), r.connect(delta, "two")
		for _, c := range []*client{one, two} {
			c.send(say{url: typeEndpoint, names: []string{"a", "b"}})
			a := c.want(typeEndpoint, "a", "b")
			if want := assignment("a", 1).Version(); a.versions["a"] != want {
				t.Fatalf("a is %s, want the overlay's %s", a.versions["a"], want)
			}
			c.ack(a, "a", "b")
		}
		// 1. One node's own.
		r.server.Overlay("", "two", []*Resource{assignment("a", 2)})
		two.ack(two.want(typeEndpoint, "a"), "a", "b")
		one.nothing()
		// 2. It outlives a version.
		r.publish("2", cluster("a", 1), assignment("a", 9))
		two.nothing()
		// 3. The group's changes: b for both.
		r.server.Overlay("", "", []*Resource{assignment("a", 3), assignment("b", 3)})
		one.ack(one.want(typeEndpoint, "a", "b"), "a", "b")
		two.ack(two.want(typeEndpoint, "b"), "a", "b")
		// 4. The node's goes: the group's shows.
		r.server.Overlay("", "two", nil)
		two.want(typeEndpoint, "a")
	})
}

// Nodes with equal endpoint state, and groups with equal content, share one set.
func TestSetsAreShared(t *testing.T) {
	t.Parallel()
	s := NewServer(Options{})
	s.Publish(map[string]*Snapshot{
		"x": NewSnapshot("1", []*Resource{cluster("a", 0), assignment("a", 1)}),
		"y": NewSnapshot("2", []*Resource{cluster("a", 0), assignment("a", 2)}),
	})
	s.Overlay("x", "n1", []*Resource{assignment("a", 3)})
	s.Overlay("x", "n2", []*Resource{assignment("a", 3)})
	before := s.world.Load()
	s.Publish(map[string]*Snapshot{
		"x": NewSnapshot("3", []*Resource{cluster("a", 0), assignment("a", 5)}),
		"y": NewSnapshot("4", []*Resource{cluster("a", 0), assignment("a", 2)}),
	})
	after := s.world.Load()
	same := func(what string, a, b *view, url string) {
		if a.sets[url] != b.sets[url] {
			t.Errorf("%s: %s is not shared", what, short(url))
		}
	}
	same("groups", after.view("x", ""), after.view("y", ""), typeCluster)
	same("nodes", after.view("x", "n1"), after.view("x", "n2"), typeEndpoint)
	same("versions", before.view("x", ""), after.view("x", ""), typeCluster)
	same("versions", before.view("y", ""), after.view("y", ""), typeEndpoint)
	same("versions", before.view("x", "n1"), after.view("x", "n1"), typeEndpoint)
}

// A group's snapshot and endpoint state are one step: a cluster and its assignment
// come together and go together, and those of nodes stay.
func TestPublishGroups(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		group := func(version string, overlay []*Resource, resources ...*Resource) {
			r.server.PublishGroups(map[string]Group{"": {Snapshot: NewSnapshot(version, resources), Overlay: overlay}})
		}
		group("1", []*Resource{assignment("a", 1)}, cluster("a", 0))
		r.server.Overlay("", "n", []*Resource{assignment("b", 7)})
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster})
		c.ack(c.want(typeCluster, "a"))
		c.send(say{url: typeEndpoint, names: []string{"a", "b"}})
		c.ack(c.want(typeEndpoint, "a", "b"), "a", "b")
		group("2", []*Resource{assignment("b", 1)}, cluster("b", 0))
		a := c.want(typeCluster, "b")
		b := c.want(typeEndpoint, "b") // of the node, as before; sent behind its cluster
		if want := assignment("b", 7).Version(); b.versions["b"] != want {
			t.Errorf("b is %s, want the node's own %s", b.versions["b"], want)
		}
		c.ack(b, "a", "b")
		c.ack(a)
		if delta {
			c.ack(c.removed(typeEndpoint, "a"))
		}
		c.nothing()
		// A group that goes takes its endpoint state along, nodes' too.
		r.server.PublishGroups(nil)
		group("3", []*Resource{assignment("b", 1)}, cluster("b", 0))
		if a := c.want(typeEndpoint, "b"); a.versions["b"] != assignment("b", 1).Version() {
			t.Errorf("b is %s, want the group's", a.versions["b"])
		}
	})
}
