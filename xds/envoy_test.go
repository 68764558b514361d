package xds

import (
	"fmt"
	"testing"
	"time"
)

// envoyModes runs a test with a real Envoy of each protocol, that answers by "one".
func envoyModes(t *testing.T, f func(t *testing.T, e *envoy, l *load, one, two int)) {
	modes(t, func(t *testing.T, delta bool) {
		one, two := backend(t, "one"), backend(t, "two")
		e := startEnvoy(t, delta)
		e.serve("1", serving(one)...)
		e.synced("1")
		l := e.load(e.address())
		l.answers(t, "one")
		f(t, e, l, one, two)
		l.stop()
	})
}

// serving leads all requests to the cluster a, which is at a port.
func serving(port int) []*Resource {
	return []*Resource{cluster("a", 0), assignment("a", port), proxied(0), route("r", "a")}
}

// An edit of endpoints, of a cluster, a new cluster with its route, and a deleted
// one: each is live, and no request fails.
func TestEnvoyEdits(t *testing.T) {
	envoyModes(t, func(t *testing.T, e *envoy, l *load, one, two int) {
		// 1. An endpoint.
		e.publish("2", serving(two)...)
		l.answers(t, "two")
		e.synced("2")
		// 2. The cluster: it warms anew, and has its assignment at once.
		clusters, assignments := e.events.count(Sent, "CDS"), e.events.count(Sent, "EDS")
		for i := range 5 {
			began, version := time.Now(), fmt.Sprint("3.", i)
			e.publish(version, append(serving(two)[1:], cluster("a", i+1))...)
			e.synced(version)
			if took := time.Since(began); took > time.Second {
				t.Errorf("warming took %v", took)
			}
		}
		e.stat("cluster_manager.cluster_modified", 5)
		clusters, assignments = e.events.count(Sent, "CDS")-clusters, e.events.count(Sent, "EDS")-assignments
		if clusters != 5 || assignments != 5 {
			t.Errorf("%d responses with clusters and %d with assignments, want 5 each", clusters, assignments)
		}
		// 3. Another cluster takes its place; and back.
		for i := range 5 {
			e.publish(fmt.Sprint("4.", i), cluster("b", i), assignment("b", one), proxied(0), route("r", "b"))
			l.answers(t, "one")
			e.synced(fmt.Sprint("4.", i))
			e.publish(fmt.Sprint("5.", i), serving(two)...)
			l.answers(t, "two")
			e.synced(fmt.Sprint("5.", i))
		}
		if n := e.events.count(Refused, ""); n > 0 {
			t.Errorf("%d refusals", n)
		}
	})
}

// What Envoy refuses is sent once; traffic goes on; the way back works.
func TestEnvoyRefuses(t *testing.T) {
	envoyModes(t, func(t *testing.T, e *envoy, l *load, one, two int) {
		bad := broken("bad")
		e.publish("2", append(serving(one), bad, cluster("good", 0), assignment("good", one))...)
		until(t, "refusal", func() bool { return e.events.count(Refused, "CDS") == 1 })
		sent := e.events.count(Sent, "CDS")
		// Endpoints flow meanwhile.
		e.publish("3", append(serving(two), bad, cluster("good", 0), assignment("good", one))...)
		l.answers(t, "two")
		if n := e.events.count(Sent, "CDS"); n != sent {
			t.Errorf("%d more responses with what was refused", n-sent)
		}
		refusal := e.server.Nodes()[0].Types[0].Refused
		if refusal == nil || len(refusal.Resources) != 1 || refusal.Resources[0].Name != "bad" {
			t.Errorf("got %+v, want bad alone", refusal)
		}
		e.publish("4", serving(one)...)
		l.answers(t, "one")
		e.synced("4")
		if n := e.events.count(Refused, ""); n != 1 {
			t.Errorf("%d refusals, want 1", n)
		}
	})
}

// A restarted server sends nothing to an Envoy that has everything.
func TestEnvoyReconnects(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		one, two := backend(t, "one"), backend(t, "two")
		e := startEnvoy(t, delta)
		stop := e.serve("1", serving(one)...)
		e.synced("1")
		l := e.load(e.address())
		l.answers(t, "one")
		stop()
		e.serve("1", serving(one)...)
		e.synced("1")
		if n := e.events.count(Sent, ""); n > 0 {
			t.Errorf("%d responses to an Envoy that has everything: %+v", n, e.events.all)
		}
		e.publish("2", serving(two)...)
		l.answers(t, "two")
		e.synced("2")
	})
}

// A server that dies while a cluster warms: the next one ends the warming at once.
func TestEnvoyReconnectsWhileWarming(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		one := backend(t, "one")
		e := startEnvoy(t, delta)
		stop := e.serve("1", serving(one)...)
		e.synced("1")
		l := e.load(e.address())
		l.answers(t, "one")
		stop()
		// 1. A server that sends the changed cluster and dies before its assignment.
		stop = e.serveOnly(cluster("a", 1))
		e.stat("cluster_manager.warming_clusters", 1)
		stop()
		// 2. The next server has the same.
		began := time.Now()
		e.serve("2", append(serving(one)[1:], cluster("a", 1))...)
		e.stat("cluster_manager.warming_clusters", 0)
		e.synced("2")
		t.Logf("in sync %v after the restart", time.Since(began))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("warming ended after %v", took)
		}
	})
}
