package xds

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// Rule 22: what was refused is not sent again; the next different content brings all
// of it again, with assignments, and removes what was added.
func TestRefusedClusters(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		// 1. a changes, bad is added, and routes lead there: refused.
		r.publish("2", cluster("a", 5), cluster("bad", 0), assignment("a", 1), assignment("bad", 1), listener("l", 1), route("r", "bad"))
		a := c.want(typeCluster, "a", "bad")
		c.ack(c.want(typeEndpoint, "a"), "a")
		c.nack(a, "", "Error adding cluster bad: no such thing")
		// 2. Neither a loop nor the routes; published again: nothing either.
		c.nothing()
		r.publish("2 again", cluster("a", 5), cluster("bad", 0), assignment("a", 1), assignment("bad", 1), listener("l", 1), route("r", "bad"))
		c.nothing()
		// 3. Endpoints go on flowing.
		r.server.Overlay("", "", []*Resource{assignment("a", 2)})
		c.ack(c.want(typeEndpoint, "a"), "a")
		// 4. Back to what was acknowledged before: all of it comes again.
		r.publish("1", base()...)
		a = c.want(typeCluster, "a")
		if delta && !slices.Equal(a.removed, []string{"bad"}) {
			t.Fatalf("removed %v, want bad", a.removed)
		}
		c.ack(c.want(typeEndpoint, "a"), "a")
		c.ack(a)
		c.nothing()
		until(t, "in sync", func() bool { return r.server.Nodes()[0].Synced })
		if n := r.server.Nodes()[0]; n.Types[0].Refused != nil {
			t.Errorf("still refused: %+v", n.Types[0].Refused)
		}
	})
}

// Rule 22: the same refusal of another content is one more response, no more.
func TestRefusedAgain(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		r.publish("2", append(base()[:3], route("r", "bad"))...)
		c.nack(c.want(typeRoute, "r"), "", "bad", "r")
		c.nothing()
		r.publish("3", append(base()[:3], route("r", "worse"))...)
		c.nack(c.want(typeRoute, "r"), "", "worse", "r")
		c.nothing()
		if got := r.server.Nodes()[0].Types[3].Refused; got == nil || got.Count != 2 || got.Message != "worse" {
			t.Errorf("got %+v, want the second of 2", got)
		}
		// Clusters and assignments are not held up by it; what is removed stays, since
		// the old routes may name it.
		r.publish("4", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "worse"))
		if delta {
			c.ack(c.want(typeCluster, "b"))
		} else {
			c.ack(c.want(typeCluster, "a", "b"))
		}
		c.nothing()
		r.publish("5", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
		c.ack(c.want(typeRoute, "r"), "r")
		if delta {
			c.ack(c.removed(typeCluster, "a"))
		} else {
			c.ack(c.want(typeCluster, "b"))
		}
	})
}

// A cluster that was refused in its new form and then removed is not taken from
// under the routes that still name its old form.
func TestRefusedThenRemoved(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r, c := startedRig(t, delta, Options{})
		r.publish("2", append(base()[1:], cluster("a", 7))...)
		a := c.want(typeCluster, "a")
		c.ack(c.want(typeEndpoint, "a"), "a")
		c.nack(a, "", "bad")
		c.nothing()
		r.publish("3", cluster("b", 0), assignment("b", 1), listener("l", 1), route("r", "b"))
		a = c.want(typeCluster, "a", "b") // a in its acknowledged form
		if want := base()[0].Version(); a.versions["a"] != want {
			t.Errorf("a is sent as %s, want %s", a.versions["a"], want)
		}
		c.ack(c.want(typeEndpoint, "a"), "a")
		c.nothing()
		c.ack(a)
		c.ack(c.want(typeRoute, "r"), "r")
		if delta {
			c.removed(typeCluster, "a")
		} else {
			c.want(typeCluster, "b")
		}
	})
}

// A refusal that comes when more was sent already counts for what it refuses.
func TestRefusalComesLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0), cluster("b", 0))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster})
	c.ack(c.want(typeCluster, "a", "b"))
	r.publish("2", cluster("a", 1), cluster("b", 0))
	first := c.want(typeCluster, "a")
	r.publish("3", cluster("a", 1), cluster("b", 1))
	second := c.want(typeCluster, "b")
	c.nack(first, "", "bad")
	// 1. What is published is another content than the refused one: once more.
	third := c.want(typeCluster, "a")
	c.ack(second)
	c.nack(third, "", "bad")
	// 2. That was refused as well: no more.
	c.nothing()
	r.publish("4", cluster("a", 0), cluster("b", 1))
	c.ack(c.want(typeCluster, "a"))
	until(t, "in sync", func() bool { return r.server.Nodes()[0].Synced })
}

// A name that is asked for while others are refused is answered, without them.
func TestNameDuringRefusal(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", route("bad", "x"), route("good", "x"))
		c := r.connect(delta, "n")
		c.send(say{url: typeRoute, names: []string{"bad"}})
		a := c.want(typeRoute, "bad")
		c.nack(a, "", "bad", "bad")
		names := []string{"bad", "good"}
		if delta {
			names = names[1:]
		}
		c.send(say{url: typeRoute, nonce: a.nonce, names: names})
		c.ack(c.want(typeRoute, "good"), "bad", "good")
		c.nothing()
		if n := r.server.Nodes()[0]; n.Synced || n.Types[0].Refused == nil {
			t.Errorf("in sync though refused: %+v", n)
		}
	})
}

// The log has one line for a refusal, which an operator can act on.
func TestRefusalIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newRig(t, Options{Logger: hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Warn})})
	r.publish("1", cluster("bad", 0), cluster("good", 0), cluster("bad.too", 0))
	c := r.connect(true, "edge-1")
	c.send(say{url: typeCluster})
	a := c.want(typeCluster, "bad", "bad.too", "good")
	c.nack(a, "", "Error adding/updating cluster(s) bad.too: unknown extension")
	c.nack(a, "", "said twice")
	c.nothing()
	r.server.Stop()
	log := out.String()
	if n := strings.Count(log, "refused"); n != 1 {
		t.Errorf("%d lines, want 1:\n%s", n, log)
	}
	for _, want := range []string{"edge-1", "CDS", "bad.too (main.yaml:1:1 bad.too)", "unknown extension"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in:\n%s", want, log)
		}
	}
	if strings.Contains(log, "good") || strings.Contains(log, "bad (") {
		t.Errorf("others are named:\n%s", log)
	}
}

func TestMentioned(t *testing.T) {
	t.Parallel()
	all := []*Resource{{name: "a"}, {name: "users"}, {name: "users-v2"}, {name: "GET /x"}}
	for message, want := range map[string][]string{
		"cluster users: bad":         {"users"},
		"'users-v2': a bad day":      {"a", "users-v2"},
		"users and users-v2":         {"users", "users-v2"},
		"route GET /x, superusers":   {"GET /x"},
		"nothing of what is here is": nil,
	} {
		var got []string
		for _, r := range mentioned(message, slices.Clone(all)) {
			got = append(got, r.name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", message, got, want)
		}
	}
}
