package xds

import (
	"testing"
	"time"
)

// named brings a client that names its clusters, as those of gRPC do, to base, and
// publishes a route to b, without a. It has acknowledged the route when this returns,
// and its clusters with that nonce.
func named(t *testing.T, delta bool, o Options) (c *client, nonce string) {
	t.Helper()
	r := newRig(t, o)
	r.publish("1", base()...)
	c = r.connect(delta, "n")
	for _, step := range [][2]string{{typeListener, "l"}, {typeRoute, "r"}, {typeCluster, "a"}, {typeEndpoint, "a"}} {
		c.send(say{url: step[0], names: []string{step[1]}})
		a := c.want(step[0], step[1])
		c.ack(a, step[1])
		if a.url == typeCluster {
			nonce = a.nonce
		}
	}
	c.nothing()
	r.publish("2", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
	c.ack(c.want(typeRoute, "r"), "r")
	return c, nonce
}

// A gRPC client uses the old cluster until the new one is ready, which its ACK of the
// routes does not tell: the old one stays until it is unsubscribed from.
func TestNamedClusterStays(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		c, nonce := named(t, delta, Options{})
		c.nothing()
		// 1. It names the new one beside the old one.
		if delta {
			c.send(say{url: typeCluster, names: []string{"b"}})
			c.ack(c.want(typeCluster, "b"))
		} else {
			c.send(say{url: typeCluster, names: []string{"a", "b"}, nonce: nonce})
			a := c.want(typeCluster, "a", "b")
			c.ack(a, "a", "b")
			nonce = a.nonce
		}
		c.nothing()
		// 2. It has switched, and names the old one no more: there is nothing to tell.
		if delta {
			c.send(say{url: typeEndpoint, unsubscribe: []string{"a"}})
			c.send(say{url: typeCluster, unsubscribe: []string{"a"}})
		} else {
			c.send(say{url: typeCluster, names: []string{"b"}, nonce: nonce})
		}
		c.nothing()
	})
}

// Whoever never unsubscribes hears in the end that it is gone.
func TestNamedClusterGoesInTheEnd(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		wait := 300 * time.Millisecond
		began := time.Now()
		c, _ := named(t, delta, Options{LongestWait: wait})
		if delta {
			c.removed(typeCluster, "a")
		} else {
			c.want(typeCluster)
		}
		if waited := time.Since(began); waited < wait {
			t.Errorf("it went after %v", waited)
		}
	})
}
