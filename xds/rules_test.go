package xds

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Rule 1: only the first request carries the node; the type URL is mandatory.
func TestNodeAndTypeURL(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Group: func(n Node) (string, bool) { return n.ID, n.ID == "one" }})
		r.server.Publish(map[string]*Snapshot{"one": NewSnapshot("1", []*Resource{cluster("a", 0), listener("l", 0)})})
		c := r.connect(delta, "one")
		c.send(say{url: typeCluster})
		c.ack(c.want(typeCluster, "a"))
		// 1. The second request has no node, and is served as the first one's.
		c.send(say{url: typeListener})
		c.ack(c.want(typeListener, "l"))
		// 2. Without a type URL the stream ends.
		c.send(say{})
		if err := <-c.end; status.Code(err) != codes.InvalidArgument {
			t.Fatalf("got %v, want InvalidArgument", err)
		}
	})
}

// Rule 2: a version outlives the stream, a nonce does not.
func TestVersionOutlivesStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0))
	c := r.connect(false, "n")
	c.send(say{url: typeCluster})
	a := c.want(typeCluster, "a")
	c.cancel()
	// The same version on a new stream: up to date. A nonce of the old one says nothing.
	c = r.connect(false, "n")
	c.send(say{url: typeCluster, version: a.version, nonce: a.nonce})
	c.nothing()
	r.publish("2", cluster("a", 1))
	if b := c.want(typeCluster, "a"); b.version == a.version {
		t.Fatalf("version %s did not change", b.version)
	}
}

// Rule 3: a NACK is a request with error_detail, whatever its version says.
func TestRefusalIsErrorDetail(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0))
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster})
		a := c.want(typeCluster, "a")
		// 1. An older version without error_detail is an ACK.
		c.send(say{url: typeCluster, version: "older", nonce: a.nonce})
		until(t, "acknowledged", func() bool { return r.server.Nodes()[0].Types[0].Acked == a.version })
		// 2. The newest version with error_detail is a NACK.
		r.publish("2", cluster("a", 1))
		b := c.want(typeCluster, "a")
		c.nack(b, b.version, "bad")
		until(t, "refused", func() bool { return r.server.Nodes()[0].Types[0].Refused != nil })
		if got := r.server.Nodes()[0].Types[0].Acked; got != a.version {
			t.Errorf("acknowledged %s, want %s", got, a.version)
		}
	})
}

// Rule 4, SotW: a request with a stale nonce is not answered.
func TestStaleNonceSotW(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", assignment("a", 1), assignment("b", 1))
	c := r.connect(false, "n")
	c.send(say{url: typeEndpoint, names: []string{"a"}})
	old := c.want(typeEndpoint, "a")
	r.publish("2", assignment("a", 2), assignment("b", 1))
	now := c.want(typeEndpoint, "a")
	c.send(say{url: typeEndpoint, nonce: old.nonce, version: old.version, names: []string{"a", "b"}})
	c.nothing()
	c.send(say{url: typeEndpoint, nonce: now.nonce, version: now.version, names: []string{"a", "b"}})
	c.want(typeEndpoint, "b")
}

// Rule 4, delta: what a request subscribes to counts even when its nonce is stale.
func TestStaleNonceDelta(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", assignment("a", 1), assignment("b", 1))
	c := r.connect(true, "n")
	c.send(say{url: typeEndpoint, names: []string{"a"}})
	old := c.want(typeEndpoint, "a")
	r.publish("2", assignment("a", 2), assignment("b", 1))
	c.want(typeEndpoint, "a")
	c.send(say{url: typeEndpoint, nonce: old.nonce, names: []string{"b"}})
	c.want(typeEndpoint, "b")
}

// Rule 5: the same state is never sent twice. Rule 9: no name twice.
func TestNothingTwice(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0), cluster("b", 0))
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster, names: []string{"*", "a", "a"}})
		c.ack(c.want(typeCluster, "a", "b"), "*", "a", "a")
		// 1. The same content under another version.
		r.publish("2", cluster("b", 0), cluster("a", 0))
		c.nothing()
		// 2. One changes: delta has that one only.
		r.publish("3", cluster("a", 1), cluster("b", 0))
		if delta {
			c.want(typeCluster, "a")
		} else {
			c.want(typeCluster, "a", "b")
		}
	})
}

// Rule 6: added names are answered though nothing changed.
func TestAddedNames(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", assignment("a", 1), assignment("b", 1), assignment("c", 1))
		c := r.connect(delta, "n")
		c.send(say{url: typeEndpoint, names: []string{"a"}})
		a := c.want(typeEndpoint, "a")
		names := []string{"a", "b"}
		if delta {
			names = names[1:]
		}
		c.send(say{url: typeEndpoint, nonce: a.nonce, version: a.version, names: names})
		c.ack(c.want(typeEndpoint, "b"), "a", "b")
		// Dropped and wanted again: answered again.
		if delta {
			c.send(say{url: typeEndpoint, unsubscribe: []string{"a"}})
			c.send(say{url: typeEndpoint, names: []string{"a"}})
			c.ack(c.want(typeEndpoint, "a"))
			// Wanted again before it was dropped.
			c.send(say{url: typeEndpoint, names: []string{"a"}})
			c.want(typeEndpoint, "a")
		}
	})
}

// Rule 7: what is a wildcard and what is not.
func TestWildcard(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0), cluster("b", 0))
		explicit := r.connect(delta, "explicit")
		explicit.send(say{url: typeCluster, names: []string{"*"}})
		explicit.want(typeCluster, "a", "b")
		// Empty after names: nothing any more.
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster, names: []string{"a"}})
		a := c.want(typeCluster, "a")
		c.send(say{url: typeCluster, nonce: a.nonce, version: a.version, unsubscribe: []string{"a"}})
		c.nothing()
		r.publish("2", cluster("a", 1), cluster("b", 1))
		explicit.want(typeCluster, "a", "b")
		c.nothing()
		// And a wildcard again, by its name.
		names := []string{"*"}
		c.send(say{url: typeCluster, nonce: a.nonce, names: names})
		c.want(typeCluster, "a", "b")
	})
}

// Rule 8: SotW CDS is the full state, EDS holds what changed.
func TestFullState(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0), cluster("b", 0), assignment("a", 1), assignment("b", 1))
	c := r.connect(false, "n")
	c.send(say{url: typeCluster})
	c.ack(c.want(typeCluster, "a", "b"))
	c.send(say{url: typeEndpoint, names: []string{"a", "b"}})
	c.ack(c.want(typeEndpoint, "a", "b"), "a", "b")
	r.publish("2", cluster("b", 0), assignment("a", 1), assignment("b", 2))
	c.ack(c.want(typeCluster, "b"))
	c.want(typeEndpoint, "b")
}

// Rule 10: a name that is not there yet is answered when it appears.
func TestNameAppears(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", assignment("a", 1))
		c := r.connect(delta, "n")
		c.send(say{url: typeEndpoint, names: []string{"late"}})
		if delta {
			c.ack(c.removed(typeEndpoint, "late"))
		}
		c.nothing()
		r.publish("2", assignment("a", 1), assignment("late", 1))
		c.want(typeEndpoint, "late")
	})
}

// Rule 11: unknown names are removed, unsubscribing from them is ignored.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster, names: []string{"a", "x"}})
	a := c.want(typeCluster, "a")
	if !slices.Equal(a.removed, []string{"x"}) {
		t.Fatalf("removed %v, want x", a.removed)
	}
	c.ack(a)
	c.send(say{url: typeCluster, unsubscribe: []string{"never"}})
	c.nothing()
}

// Rule 12: a name that a wildcard still wants is answered when it is unsubscribed.
func TestUnsubscribeUnderWildcard(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0), cluster("b", 0))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster, names: []string{"*", "a", "x"}})
	c.ack(c.want(typeCluster, "a", "b"))
	c.send(say{url: typeCluster, unsubscribe: []string{"a"}})
	c.ack(c.want(typeCluster, "a"))
	c.send(say{url: typeCluster, unsubscribe: []string{"x"}})
	c.removed(typeCluster, "x")
}

// A type that is not known here is remembered, and disturbs nothing.
func TestUnknownType(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		const url = prefix + "envoy.service.runtime.v3.Runtime"
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0))
		c := r.connect(delta, "n")
		c.send(say{url: url, names: []string{"x"}})
		if delta {
			c.ack(c.removed(url, "x"))
		}
		c.send(say{url: "no such thing"})
		c.nothing()
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
	})
}
