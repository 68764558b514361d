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
	same("groups", after.view("x", "", false), after.view("y", "", false), typeCluster)
	same("nodes", after.view("x", "n1", false), after.view("x", "n2", false), typeEndpoint)
	same("versions", before.view("x", "", false), after.view("x", "", false), typeCluster)
	same("versions", before.view("y", "", false), after.view("y", "", false), typeEndpoint)
	same("versions", before.view("x", "n1", false), after.view("x", "n1", false), typeEndpoint)
}

// A group's snapshot and endpoint state are one step: a cluster and its assignment
// come together and go together, and those of nodes stay.
func TestPublishGroups(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		group := func(version string, overlay []*Resource, resources ...*Resource) {
			r.server.PublishGroups(map[string]Group{"": {Release: Release{NewSnapshot(version, resources), NewOverlay(overlay)}}})
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

// A node by itself gets another release: the one it tries, or the one it is held on.
// The rest sees nothing of that, and endpoint state comes with each release.
func TestOthers(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		release := func(version string, n int) Release {
			return Release{NewSnapshot(version, []*Resource{cluster("a", n)}), NewOverlay([]*Resource{assignment("a", n)})}
		}
		v1, v2, v3 := release("1", 1), release("2", 2), release("3", 3)
		all := func(r Release, others map[string]Release) map[string]Group {
			return map[string]Group{"": {Release: r, Others: others}}
		}
		r.server.PublishGroups(all(v1, nil))
		one, two := r.connect(delta, "one"), r.connect(delta, "two")
		for _, c := range []*client{one, two} {
			c.send(say{url: typeCluster})
			c.ack(c.want(typeCluster, "a"))
			c.send(say{url: typeEndpoint, names: []string{"a"}})
			c.ack(c.want(typeEndpoint, "a"), "a")
		}
		gets := func(c *client, n int) {
			t.Helper()
			a := c.want(typeCluster, "a")
			if want := cluster("a", n).Version(); a.versions["a"] != want {
				t.Fatalf("cluster %s, want that of %d", a.versions["a"], n)
			}
			b := c.want(typeEndpoint, "a")
			if want := assignment("a", n).Version(); b.versions["a"] != want {
				t.Fatalf("assignment %s, want that of %d", b.versions["a"], n)
			}
			c.ack(b, "a")
			c.ack(a)
		}
		// 1. One tries it.
		r.server.PublishGroups(all(v1, map[string]Release{"two": v2}))
		gets(two, 2)
		one.nothing()
		until(t, "two is on 2", func() bool { n := r.server.Nodes(); return n[1].Snapshot == "2" && n[1].Synced })
		if n := r.server.Nodes()[0]; n.Snapshot != "1" || !n.Synced {
			t.Errorf("one is %+v", n)
		}
		// 2. All get it: two has it.
		r.server.PublishGroups(all(v2, nil))
		gets(one, 2)
		two.nothing()
		// 3. Two is held when the rest moves on, and goes back to the rest at once.
		r.server.PublishGroups(all(v3, map[string]Release{"two": v2}))
		gets(one, 3)
		two.nothing()
		r.server.PublishGroups(all(v3, nil))
		gets(two, 3)
		// 4. Endpoint state of the node lies over whatever release it is on.
		r.server.Overlay("", "two", []*Resource{assignment("a", 9)})
		if a := two.want(typeEndpoint, "a"); a.versions["a"] != assignment("a", 9).Version() {
			t.Errorf("assignment %s", a.versions["a"])
		}
		one.nothing()
	})
}

// What did not change of a world is the same pointer in the next one.
func TestUntouchedGroupsAreKept(t *testing.T) {
	t.Parallel()
	s := NewServer(Options{})
	x, y := Release{Snapshot: NewSnapshot("1", []*Resource{cluster("a", 0)})}, Release{Snapshot: NewSnapshot("1", []*Resource{cluster("b", 0)})}
	s.PublishGroups(map[string]Group{"x": {Release: x}, "y": {Release: y}})
	before := s.world.Load()
	s.PublishGroups(map[string]Group{"x": {Release: x}, "y": {Release: x, Others: map[string]Release{"n": y}}})
	after := s.world.Load()
	if before.groups["x"] != after.groups["x"] || before.groups["y"] == after.groups["y"] || before.epoch != after.epoch {
		t.Error("a group that did not change was made anew, one that did was not, or nodes are asked again")
	}
	s.PublishGroups(map[string]Group{"x": {Release: x}})
	if s.world.Load().epoch == after.epoch {
		t.Error("a group went, and nodes are not asked again")
	}
}

// A quiet group leaves those alone that come back with something, but for the ones that
// are named; who comes with nothing gets what all get.
func TestQuiet(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		v1, v2 := Release{Snapshot: NewSnapshot("1", []*Resource{cluster("a", 1)})}, Release{Snapshot: NewSnapshot("2", []*Resource{cluster("a", 2)})}
		quiet := Group{Release: v1, Others: map[string]Release{"canary": v2}, Quiet: true}
		r.server.PublishGroups(map[string]Group{"": quiet})
		claim := say{url: typeCluster, version: "other", initial: map[string]string{"a": "other"}}
		fresh, back, canary := r.connect(delta, "fresh"), r.connect(delta, "back"), r.connect(delta, "canary")
		fresh.send(say{url: typeCluster})
		if a := fresh.want(typeCluster, "a"); a.versions["a"] != cluster("a", 1).Version() {
			t.Error("who comes with nothing does not get what all get")
		}
		canary.send(claim)
		if a := canary.want(typeCluster, "a"); a.versions["a"] != cluster("a", 2).Version() {
			t.Error("the named one does not get its own")
		}
		back.send(claim)
		back.nothing()
		r.server.PublishGroups(map[string]Group{"": {Release: v2}})
		if a := back.want(typeCluster, "a"); a.versions["a"] != cluster("a", 2).Version() {
			t.Error("who came back does not get what all get in the end")
		}
	})
}
