package xds

import (
	"testing"
	"time"
)

func versions(resources ...*Resource) map[string]string {
	out := map[string]string{}
	for _, r := range resources {
		out[r.Name()] = r.Version()
	}
	return out
}

// Rule 13: a client that comes back and has everything is sent nothing.
func TestUpToDateClientGetsNothing(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		all := base()
		held := map[string]string{}
		for _, s := range r.server.Nodes()[0].Types {
			held[s.Type] = s.Acked
		}
		c.cancel()
		synced := make(chan Event, 100)
		r.server.Notify(func(e Event) { synced <- e })
		c = r.connect(delta, "n")
		if delta {
			c.send(say{url: typeCluster, initial: versions(all[0])})
			c.send(say{url: typeEndpoint, names: []string{"a"}, initial: versions(all[1])})
			c.send(say{url: typeListener, initial: versions(all[2])})
			c.send(say{url: typeRoute, names: []string{"r"}, initial: versions(all[3])})
		} else {
			c.send(say{url: typeCluster, version: held["CDS"]})
			c.send(say{url: typeEndpoint, names: []string{"a"}, version: held["EDS"]})
			c.send(say{url: typeListener, version: held["LDS"]})
			c.send(say{url: typeRoute, names: []string{"r"}, version: held["RDS"]})
		}
		c.nothing()
		for e := range synced {
			if e.Kind == Sent {
				t.Fatalf("sent %s", e.Type)
			}
			if e.Kind == Synced {
				break
			}
		}
	})
}

// Rule 13: what differs is sent, what is gone is removed, what is new comes.
func TestDeltaReconnect(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("same", 0), cluster("changed", 1), cluster("new", 0), assignment("named", 1), assignment("other", 1))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster, initial: versions(cluster("same", 0), cluster("changed", 0), cluster("gone", 0))})
	a := c.want(typeCluster, "changed", "new")
	if len(a.removed) > 0 {
		t.Fatalf("removed %v before it is known whether routes name it", a.removed)
	}
	c.ack(a)
	// By name: what has gone, what is not wanted any more, what is not there.
	c.send(say{url: typeEndpoint, names: []string{"named", "gone", "never"},
		initial: versions(assignment("named", 1), assignment("gone", 1), assignment("other", 9))})
	c.ack(c.removed(typeEndpoint, "never"))
	c.ack(c.removed(typeCluster, "gone"))
	c.ack(c.removed(typeEndpoint, "gone"))
	c.nothing()
}

// Rule 14 on a new stream: what is gone is not taken from under the routes.
func TestReconnectRemovesLast(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("2", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
	old := base()
	c := r.connect(true, "n")
	c.send(say{url: typeCluster, initial: versions(old[0])})
	c.send(say{url: typeEndpoint, names: []string{"a"}, initial: versions(old[1])})
	c.send(say{url: typeListener, initial: versions(old[2])})
	c.send(say{url: typeRoute, names: []string{"r"}, initial: versions(old[3])})
	a := c.want(typeCluster, "b")
	c.nothing()
	c.ack(a)
	c.ack(c.want(typeRoute, "r"))
	c.ack(c.removed(typeCluster, "a"))
	c.removed(typeEndpoint, "a")
}

// Rule 15 on a new stream: clusters that changed meanwhile need their assignments,
// though these did not change.
func TestReconnectAssignmentFollows(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 1), assignment("a", 1), cluster("b", 0), assignment("b", 1))
		c := r.connect(delta, "n")
		if delta {
			c.send(say{url: typeCluster, initial: versions(cluster("a", 0), cluster("b", 0))})
			c.send(say{url: typeEndpoint, names: []string{"a", "b"}, initial: versions(assignment("a", 1), assignment("b", 1))})
			c.want(typeCluster, "a")
			c.want(typeEndpoint, "a")
			return
		}
		held := NewSnapshot("", []*Resource{assignment("a", 1), assignment("b", 1)}).sets[typeEndpoint]
		c.send(say{url: typeCluster, version: "another"})
		c.send(say{url: typeEndpoint, names: []string{"a", "b"}, version: held.sum.String()})
		c.want(typeCluster, "a", "b")
		c.want(typeEndpoint, "a", "b") // which of them changed is not known
	})
}

// Rule 15: while a cluster warms, Envoy asks for assignments on a new stream before
// it asks for clusters, and waits for the answer.
func TestReconnectWhileWarming(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		c.cancel()
		c = r.connect(delta, "n")
		version := assignmentVersion(r)
		c.send(say{url: typeEndpoint, names: []string{"a"}, version: version, initial: versions(assignment("a", 1))})
		c.ack(c.want(typeEndpoint, "a"), "a")
		c.nothing()
	})
}

func assignmentVersion(r *rig) string {
	return r.server.world.Load().view("", "", false).sets[typeEndpoint].sum.String()
}

// A client that comes back and names no other type is not made to wait for long.
func TestReconnectAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0))
	c := r.connect(true, "n")
	began := time.Now()
	c.send(say{url: typeCluster, initial: versions(cluster("a", 0), cluster("gone", 0))})
	c.removed(typeCluster, "gone")
	if waited := time.Since(began); waited > 5*resumeWait {
		t.Errorf("removed after %v", waited)
	}
}

// Two streams of one node: the newer one counts; what the older one does is no harm.
func TestTwoStreamsOfANode(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0))
		old := r.connect(delta, "n")
		old.send(say{url: typeCluster})
		old.ack(old.want(typeCluster, "a"))
		young := r.connect(delta, "n")
		young.send(say{url: typeCluster})
		a := young.want(typeCluster, "a")
		if n := r.server.Nodes(); len(n) != 1 || n[0].Types[0].Acked != "" {
			t.Fatalf("got %+v, want the newer stream's", n)
		}
		old.cancel()
		young.ack(a)
		until(t, "acknowledged", func() bool { return r.server.Nodes()[0].Types[0].Acked == a.version })
		r.publish("2", cluster("a", 1))
		young.want(typeCluster, "a")
	})
}
