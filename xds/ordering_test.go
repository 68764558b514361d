package xds

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// start brings a client to what is published: clusters, assignments, listeners and
// routes of these names.
func (c *client) start(clusters, listeners, routes []string) {
	c.t.Helper()
	c.send(say{url: typeCluster})
	c.ack(c.want(typeCluster, clusters...))
	c.send(say{url: typeEndpoint, names: clusters})
	c.ack(c.want(typeEndpoint, clusters...), clusters...)
	c.send(say{url: typeListener})
	c.ack(c.want(typeListener, listeners...))
	c.send(say{url: typeRoute, names: routes})
	c.ack(c.want(typeRoute, routes...), routes...)
	c.nothing()
}

// base is one listener with a route to the cluster a.
func base() []*Resource {
	return []*Resource{cluster("a", 0), assignment("a", 1), listener("l", 1), route("r", "a")}
}

func startedRig(t *testing.T, delta bool, o Options) (*rig, *client) {
	t.Helper()
	r := newRig(t, o)
	r.publish("1", base()...)
	c := r.connect(delta, "n")
	c.start([]string{"a"}, []string{"l"}, []string{"r"})
	return r, c
}

// Rules 14 and 21: a route that names a new cluster waits until the client has it.
func TestRouteWaitsForCluster(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		r.publish("2", append(base()[:2], cluster("b", 0), assignment("b", 1), listener("l", 2), route("r", "b"))...)
		// 1. The cluster comes, its assignment when it is asked for, and nothing else.
		var clusters answer
		if delta {
			clusters = c.want(typeCluster, "b")
			c.send(say{url: typeEndpoint, names: []string{"b"}})
			c.ack(c.want(typeEndpoint, "b"))
		} else {
			clusters = c.want(typeCluster, "a", "b")
			// The whole CDS may concern a, whose version is known: only b is new.
			c.send(say{url: typeEndpoint, names: []string{"a", "b"}, nonce: "2"})
			c.ack(c.want(typeEndpoint, "b"), "a", "b")
		}
		c.nothing()
		// 2. With the ACK of the clusters: listeners, then routes.
		c.ack(clusters)
		c.ack(c.want(typeListener, "l"))
		c.ack(c.want(typeRoute, "r"), "r")
		c.nothing()
	})
}

// Rule 21: the wait for an ACK has an end.
func TestWaitEnds(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		wait := 300 * time.Millisecond
		r, c := startedRig(t, delta, Options{LongestWait: wait})
		began := time.Now()
		r.publish("2", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
		if delta {
			c.want(typeCluster, "b")
		} else {
			c.want(typeCluster, "a", "b")
		}
		// Neither the clusters nor the routes are ever acknowledged.
		c.want(typeRoute, "r")
		if waited := time.Since(began); waited < wait {
			t.Errorf("routes came after %v", waited)
		}
		if delta {
			c.removed(typeCluster, "a")
		} else {
			c.want(typeCluster, "b")
		}
		if waited := time.Since(began); waited < 2*wait {
			t.Errorf("the cluster went after %v", waited)
		}
	})
}

// Rule 14: a cluster goes when the routes that named it are gone for the client.
func TestClusterGoesLast(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		r.publish("2", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
		// 1. SotW CDS is the full state: until the routes are there it holds both.
		var a answer
		if delta {
			a = c.want(typeCluster, "b")
			if len(a.removed) > 0 {
				t.Fatalf("removed %v before its route", a.removed)
			}
		} else {
			a = c.want(typeCluster, "a", "b")
		}
		c.nothing()
		c.ack(a)
		a = c.want(typeRoute, "r")
		c.nothing()
		// 2. With the ACK of the routes it goes; its assignment after that.
		c.ack(a, "r")
		if delta {
			a = c.removed(typeCluster, "a")
			c.nothing()
			c.ack(a)
			c.removed(typeEndpoint, "a")
		} else {
			c.ack(c.want(typeCluster, "b"))
			c.nothing()
		}
	})
}

// Rule 14: the routes of a listener go after it.
func TestRouteGoesAfterListener(t *testing.T) {
	t.Parallel()
	r, c := startedRig(t, true, Options{})
	r.publish("2", base()[:2]...)
	a := c.removed(typeListener, "l")
	c.nothing()
	c.ack(a)
	c.removed(typeRoute, "r")
}

// A secret comes before its users, and goes after them.
func TestSecretOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0), secret("s", "1"), secret("gone", "1"))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster})
	c.ack(c.want(typeCluster, "a"))
	c.send(say{url: typeSecret, names: []string{"s", "gone"}})
	c.ack(c.want(typeSecret, "s", "gone"))
	c.nothing()
	r.publish("2", cluster("a", 1), secret("s", "2"))
	if a := c.want(typeSecret, "s"); len(a.removed) > 0 {
		t.Fatalf("removed %v before its user changed", a.removed)
	} else {
		c.ack(a)
	}
	c.ack(c.want(typeCluster, "a"))
	c.removed(typeSecret, "gone")
}

// What is published during a wait is taken in: nothing stalls, what was to be removed
// goes, what came back stays.
func TestPublishDuringWait(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		// 1. b comes, a is to go.
		r.publish("2", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
		var a answer
		if delta {
			a = c.want(typeCluster, "b")
		} else {
			a = c.want(typeCluster, "a", "b")
		}
		// 2. Before that is acknowledged: c comes, b is to go as well, a comes back.
		r.publish("3", cluster("a", 1), cluster("c", 0), assignment("a", 1), assignment("c", 1), listener("l", 1), route("r", "c"))
		var next answer
		if delta {
			next = c.want(typeCluster, "a", "c")
			c.ack(c.want(typeEndpoint, "a")) // a changed: its assignment follows
		} else {
			next = c.want(typeCluster, "a", "b", "c")
			c.ack(c.want(typeEndpoint, "a"), "a")
		}
		// 3. The older ACK moves nothing, the newer one the routes: to c at once.
		c.ack(a)
		c.nothing()
		c.ack(next)
		c.ack(c.want(typeRoute, "r"), "r")
		if delta {
			c.ack(c.removed(typeCluster, "b"))
		} else {
			c.ack(c.want(typeCluster, "a", "c"))
		}
		c.nothing()
		until(t, "in sync", func() bool { n := r.server.Nodes()[0]; return n.Synced && n.Snapshot == "3" })
	})
}

// Rule 15: a cluster that changes is sent with its assignment behind it.
func TestAssignmentFollowsCluster(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		r.publish("2", append(base()[1:], cluster("a", 5))...)
		a := c.want(typeCluster, "a")
		b := c.want(typeEndpoint, "a")
		c.ack(a)
		c.ack(b, "a")
		c.nothing()
	})
}

// An edit of endpoints waits for nothing.
func TestEndpointsFlow(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		r.publish("2", append(base()[:2], cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))...)
		if delta {
			c.want(typeCluster, "b")
		} else {
			c.want(typeCluster, "a", "b")
		}
		r.server.Overlay("", "", []*Resource{assignment("a", 2)})
		c.want(typeEndpoint, "a")
	})
}

// What is needless stays for the requests that are on their way to it; the client is synced
// meanwhile. Where edits go on, it goes nevertheless.
func TestLinger(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		const linger = 400 * time.Millisecond
		r, c := startedRig(t, delta, Options{Linger: linger})
		synced := func() bool {
			n := r.server.Nodes()[0]
			return n.Synced && !slices.ContainsFunc(n.Types, func(s TypeStatus) bool { return !s.Synced })
		}
		publish := func(i int) {
			name := string(rune('b' + i))
			r.publish(name, cluster(name, 0), assignment(name, 1), listener("l", 1), route("r", name))
		}
		publish(0)
		if delta {
			c.ack(c.want(typeCluster, "b"))
		} else {
			c.ack(c.want(typeCluster, "a", "b"))
		}
		c.ack(c.want(typeRoute, "r"), "r")
		began := time.Now()
		c.nothing()
		until(t, "it is synced", synced)
		if delta {
			a := c.removed(typeCluster, "a")
			c.ack(a)
			c.ack(c.removed(typeEndpoint, "a"))
		} else {
			c.ack(c.want(typeCluster, "b"))
		}
		if waited := time.Since(began); waited < linger {
			t.Errorf("it went after %v", waited)
		}
		until(t, "it is synced", synced)
	})
}

// Under edits that never end what is needless goes after mostLingers times as long.
func TestLingerEnds(t *testing.T) {
	t.Parallel()
	const linger = 200 * time.Millisecond
	r, c := startedRig(t, true, Options{Linger: linger})
	names, at := []string{"a"}, time.Time{}
	for i := range 60 {
		name := fmt.Sprint("b", i)
		r.publish(name, cluster(name, 0), assignment(name, 1), listener("l", 1), route("r", name))
		c.ack(c.want(typeCluster, name))
		c.ack(c.want(typeRoute, "r"))
		if at.IsZero() {
			at = time.Now()
		}
		select {
		case a := <-c.answers:
			if waited := time.Since(at); a.url != typeCluster || !slices.Equal(a.removed, names) || waited < 2*linger {
				t.Errorf("%s removed %v after %v", short(a.url), a.removed, waited)
			}
			return
		case <-time.After(linger / 4):
		}
		names = append(names, name)
		slices.Sort(names)
	}
	t.Error("nothing is ever removed")
}
