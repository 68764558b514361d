package xds

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A node that no group fits is shown, sent nothing, and served when one fits.
func TestNodeWithoutGroup(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Group: func(n Node) (string, bool) { return n.Cluster, n.ID == "" }})
		c := r.connect(delta, "")
		c.send(say{url: typeCluster})
		c.send(say{url: typeRoute, names: []string{"x"}})
		c.nothing()
		if n := r.server.Nodes(); len(n) != 1 || n[0].Group != "test" || n[0].Synced || len(n[0].Types) != 2 {
			t.Fatalf("got %+v", n)
		}
		r.server.Publish(map[string]*Snapshot{"test": NewSnapshot("1", []*Resource{cluster("a", 0)})})
		c.ack(c.want(typeCluster, "a"))
		if delta {
			c.ack(c.removed(typeRoute, "x"))
		}
		// The group goes: the node keeps what it has. It comes back: the node has it.
		r.server.Publish(nil)
		c.nothing()
		r.server.Publish(map[string]*Snapshot{"test": NewSnapshot("2", []*Resource{cluster("a", 0)})})
		c.nothing()
	})
}

// A client that never reads delays nobody, and skips what it did not read.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	big := func(n int) []*Resource {
		return []*Resource{made(assignmentMessage("a", n), "a"), secret("s", fmt.Sprint(n)+strings.Repeat("x", 1<<20))}
	}
	r.publish("0", big(1)...)
	slow, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.dial()).StreamAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Send(&discoveryv3.DiscoveryRequest{TypeUrl: typeSecret, ResourceNames: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	c := r.connect(true, "n")
	c.send(say{url: typeEndpoint, names: []string{"a"}})
	c.ack(c.want(typeEndpoint, "a"))
	for i := 2; i < 52; i++ {
		r.publish(fmt.Sprint(i), big(i)...)
		c.ack(c.want(typeEndpoint, "a"))
	}
	// The newest is there after far fewer than 50 responses.
	want := secret("s", fmt.Sprint(51)+strings.Repeat("x", 1<<20)).Version()
	for n := 1; ; n++ {
		a, err := slow.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if contentVersion(a.Resources[0].Value) == want {
			break
		}
		if n > maxUnanswered {
			t.Fatalf("%d responses and the newest is not among them", n)
		}
		if err := slow.Send(&discoveryv3.DiscoveryRequest{TypeUrl: typeSecret, ResourceNames: []string{"s"}, ResponseNonce: a.Nonce}); err != nil {
			t.Fatal(err)
		}
	}
}

// A disconnect frees everything; Stop ends every stream.
func TestNothingIsLeft(t *testing.T) {
	r := newRig(t, Options{})
	r.publish("1", base()...)
	first := r.connect(true, "first")
	first.send(say{url: typeCluster})
	first.want(typeCluster, "a")
	before := runtime.NumGoroutine()
	var all []*client
	for i := range 50 {
		c := r.connect(i%2 == 0, fmt.Sprint("n", i))
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
		all = append(all, c)
	}
	if n := len(r.server.Nodes()); n != 51 {
		t.Fatalf("%d nodes, want 51", n)
	}
	for _, c := range all {
		c.cancel()
	}
	until(t, "disconnected", func() bool { return len(r.server.Nodes()) == 1 })
	until(t, "goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
	r.server.Stop()
	select {
	case err := <-first.end:
		if status.Code(err) != codes.Unavailable {
			t.Errorf("ended with %v, want Unavailable", err)
		}
	case <-time.After(patience):
		t.Fatal("the stream did not end")
	}
	if n := r.server.Nodes(); len(n) != 0 {
		t.Errorf("still there: %+v", n)
	}
}

// Nodes without an id are several.
func TestNodesWithoutID(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0))
	for range 2 {
		c := r.connect(true, "")
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
	}
	if n := r.server.Nodes(); len(n) != 2 {
		t.Errorf("%d nodes, want 2", len(n))
	}
}

// A panic in what is plugged in ends a stream at most.
func TestPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Group: func(n Node) (string, bool) {
		if n.ID == "bad" {
			panic("group")
		}
		return "", true
	}})
	r.server.Notify(func(Event) { panic("listener") })
	r.publish("1", cluster("a", 0))
	bad := r.connect(true, "bad")
	bad.send(say{url: typeCluster})
	if err := <-bad.end; status.Code(err) != codes.Internal {
		t.Errorf("ended with %v, want Internal", err)
	}
	good := r.connect(true, "good")
	good.send(say{url: typeCluster})
	good.want(typeCluster, "a")
}

// Events tell the whole story of a stream, in order.
func TestEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	events := make(chan Event, 100)
	r.server.Notify(func(e Event) { events <- e })
	next := func(kind EventKind) Event {
		t.Helper()
		select {
		case e := <-events:
			if e.Kind != kind || e.Node.ID != "n" {
				t.Fatalf("got %s of %q, want %s", e.Kind, e.Node.ID, kind)
			}
			return e
		case <-time.After(patience):
			t.Fatalf("no %s", kind)
		}
		return Event{}
	}
	r.publish("v1", cluster("a", 0))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster})
	a := c.want(typeCluster, "a")
	next(Connected)
	if e := next(Sent); e.Type != "CDS" || e.Version != a.version || e.Snapshot != "v1" || e.Bytes == 0 {
		t.Errorf("got %+v", e)
	}
	c.ack(a)
	next(Acknowledged)
	next(Synced)
	r.publish("v2", cluster("a", 1))
	a = c.want(typeCluster, "a")
	next(Sent)
	c.nack(a, "", "no")
	if e := next(Refused); e.Refusal == nil || e.Refusal.Message != "no" || e.Refusal.Resources[0].Origin != "main.yaml:1:1 a" {
		t.Errorf("got %+v", e.Refusal)
	}
	c.cancel()
	next(Disconnected)
}

// Rule 16: what Envoy would refuse as a whole is refused before it is sent.
func TestResourcesAreChecked(t *testing.T) {
	t.Parallel()
	bad := assignmentMessage("a", 1)
	bad.Endpoints[0].LbEndpoints[0].LoadBalancingWeight.Value = 0
	if _, err := NewResource(bad, "a", "x"); err == nil || !strings.Contains(err.Error(), "LoadBalancingWeight") {
		t.Errorf("weight 0: %v", err)
	}
	if _, err := NewResource(assignmentMessage("a", 1), "", "x"); err == nil {
		t.Error("no name: no error")
	}
	if _, err := NewResource(assignmentMessage("a", 1), "a\xff", "x"); err == nil {
		t.Error("not UTF-8: no error")
	}
	if _, err := NewResource(nil, "a", "x"); err == nil {
		t.Error("no message: no error")
	}
	defer func() {
		if recover() == nil {
			t.Error("a name twice: no panic")
		}
	}()
	NewSnapshot("1", []*Resource{assignment("a", 1), assignment("a", 2)})
}

// A request that cannot be read ends its stream only.
func TestUnreadableRequest(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{{0xff}, {0x12, 0x7f}, appendString(nil, 2, "a\xff"), {0x3a, 1, 0xff}} {
		r := &request{delta: true, known: &interner{}}
		if err := r.parse(b); err == nil && r.refusal == nil {
			t.Errorf("%x: no error", b)
		}
	}
}
