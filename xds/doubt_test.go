package xds

import (
	"slices"
	"testing"
)

// A SotW client may skip the response that ends a refusal: accepting a later one
// accepts it as well.
func TestRefusalEndsThoughSkipped(t *testing.T) {
	t.Parallel()
	r, c := startedRig(t, false, Options{})
	r.publish("2", append(base()[:3], route("r", "bad"))...)
	c.nack(c.want(typeRoute, "r"), "", "bad", "r")
	until(t, "refused", func() bool { return r.server.Nodes()[0].Types[3].Refused != nil })
	r.publish("3", append(base()[:3], route("r", "b"))...)
	c.want(typeRoute, "r") // neither accepted nor refused
	r.publish("4", append(base()[:3], route("r", "c"))...)
	c.ack(c.want(typeRoute, "r"), "r")
	until(t, "in sync", func() bool { n := r.server.Nodes()[0]; return n.Synced && n.Types[3].Refused == nil })
}

// What was refused while something else was on its way comes again when that was
// accepted, since the client has the other now.
func TestRefusedContentComesBack(t *testing.T) {
	t.Parallel()
	r, c := startedRig(t, false, Options{})
	// 1. Two versions of the listener, neither answered.
	r.publish("2", append(base()[:2], listener("l", 2), route("r", "a"))...)
	second := c.want(typeListener, "l")
	r.publish("3", append(base()[:2], listener("l", 3), route("r", "a"))...)
	third := c.want(typeListener, "l")
	// 2. The first of them again, held back by a cluster.
	r.publish("4", cluster("a", 9), assignment("a", 1), listener("l", 2), route("r", "a"))
	clusters := c.want(typeCluster, "a")
	c.ack(c.want(typeEndpoint, "a"), "a")
	// 3. That is refused: it does not come again.
	c.nack(second, "", "bad")
	c.ack(clusters)
	c.nothing()
	// 4. The other is accepted: now it does.
	c.ack(third)
	c.ack(c.want(typeListener, "l"))
	until(t, "in sync", func() bool { return r.server.Nodes()[0].Synced })
}

// One bad resource does not keep others from a client that asks for them by name;
// where a response is the whole state, it is sent with the bad one in it.
func TestOtherNamesDuringRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("bad", 0), cluster("good", 0), assignment("bad", 1), assignment("good", 1))
	c := r.connect(false, "n")
	c.send(say{url: typeCluster, names: []string{"bad"}})
	a := c.want(typeCluster, "bad")
	c.send(say{url: typeEndpoint, names: []string{"bad", "good"}})
	c.ack(c.want(typeEndpoint, "bad", "good"), "bad", "good")
	c.nack(a, "", "bad", "bad")
	c.nothing()
	c.send(say{url: typeCluster, nonce: a.nonce, names: []string{"bad", "good"}})
	a = c.want(typeCluster, "bad", "good")
	// The client did not take the bad one before: if it does now, that is warmed.
	c.ack(c.want(typeEndpoint, "bad", "good"), "bad", "good")
	c.ack(a, "bad", "good")
	until(t, "accepted", func() bool { return r.server.Nodes()[0].Types[0].Refused == nil })
}

// A question is answered, be it with what was refused: who subscribes again may have
// dropped it and start anew, and waits.
func TestRefusedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", route("a", "x"), route("b", "x"))
	c := r.connect(true, "n")
	c.send(say{url: typeRoute, names: []string{"a", "b"}})
	c.nack(c.want(typeRoute, "a", "b"), "", "bad")
	c.nothing()
	c.send(say{url: typeRoute, names: []string{"a"}})
	c.want(typeRoute, "a")
	c.nothing()
}

// What was refused and is not wanted any more holds nothing up.
func TestRefusedIsUnsubscribed(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("bad", 0), cluster("good", 0), route("r", "good"))
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster, names: []string{"bad", "good"}})
		a := c.want(typeCluster, "bad", "good")
		c.nack(a, "", "bad", "bad", "good")
		c.send(say{url: typeRoute, names: []string{"r"}})
		c.nothing()
		if delta {
			c.send(say{url: typeCluster, unsubscribe: []string{"bad", "good"}})
		} else {
			c.send(say{url: typeCluster, nonce: a.nonce, names: nil})
		}
		c.ack(c.want(typeRoute, "r"), "r")
		until(t, "not refused", func() bool { return r.server.Nodes()[0].Types[0].Refused == nil })
	})
}

// Names that a SotW response says nothing of are not refused with it.
func TestMissingIsNotRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", route("there", "x"))
	c := r.connect(false, "n")
	c.send(say{url: typeRoute, names: []string{"missing", "there"}})
	c.nack(c.want(typeRoute, "there"), "", "bad", "missing", "there")
	until(t, "refused", func() bool { return r.server.Nodes()[0].Types[0].Refused != nil })
	got := r.server.Nodes()[0].Types[0].Refused.Resources
	if want := []RefusedResource{{"there", "main.yaml:1:1 there"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Rule 13: what a client came back with is taken for held only as long as it does not
// ask for it: who asks may have dropped it.
func TestClaimIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("b", 0))
	c := r.connect(true, "n")
	// 1. Not published any more; removed when the client has named all its types.
	c.send(say{url: typeCluster, names: []string{"*", "a"}, initial: versions(cluster("a", 0), cluster("b", 0))})
	// 2. It asks: there is no such thing.
	c.send(say{url: typeCluster, names: []string{"a"}})
	c.ack(c.removed(typeCluster, "a"))
	// 3. Back in the very version that it came with: sent.
	r.publish("2", cluster("a", 0), cluster("b", 0))
	c.want(typeCluster, "a")
}

// Rule 15: a cluster that changed needs its assignment, though the client came back
// with that before it was published again.
func TestClaimIsPublishedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", listener("l", 1))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster, initial: versions(cluster("a", 0), cluster("z", 0))})
	c.send(say{url: typeEndpoint, names: []string{"a", "z"}, initial: versions(assignment("a", 1), assignment("z", 1))})
	c.send(say{url: typeListener, initial: versions(listener("old", 1))})
	c.want(typeListener, "l") // not answered: nothing is removed
	r.publish("2", listener("l", 1), cluster("a", 1), assignment("a", 1))
	c.want(typeCluster, "a")
	c.want(typeEndpoint, "a")
}
