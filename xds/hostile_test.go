package xds

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
)

// flood sends requests without end, until the stream ends or it is told to stop.
func (c *client) flood(ctx context.Context, s say) {
	for ctx.Err() == nil {
		select {
		case <-c.end:
			return
		case <-c.answers:
		default:
			if c.trySend(s) != nil {
				return
			}
		}
	}
}

// Whoever sends too much is read no faster, and not turned away.
func TestFloodWaits(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{RequestRate: 20}})
		r.publish("1", cluster("a", 0))
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.flood(ctx, say{url: typeEndpoint, names: []string{"x"}, nonce: "stale"})
		until(t, "it waits", func() bool { return r.server.Figures().RequestWaits.Now == 1 })
		// Others do not.
		d := r.connect(delta, "m")
		d.send(say{url: typeCluster})
		d.ack(d.want(typeCluster, "a"))
		r.publish("2", cluster("a", 1))
		d.ack(d.want(typeCluster, "a"))
		until(t, "it is in sync", func() bool { n := r.server.Nodes(); return len(n) == 2 && n[0].Synced })
		if f := r.server.Figures(); len(f.Ended) != 0 || f.RequestWaits.Total == 0 {
			t.Errorf("%+v", f)
		}
	})
}

// An answer to what a client was sent counts for nothing, however much it is sent.
func TestAnswersAreFree(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{RequestRate: 1}})
		r.publish("0", assignment("a", 1))
		c := r.connect(delta, "n")
		c.send(say{url: typeEndpoint, names: []string{"a"}})
		c.ack(c.want(typeEndpoint, "a"), "a")
		for i := range 20 * burstSeconds {
			r.publish(fmt.Sprint(i), assignment("a", i+2))
			c.ack(c.want(typeEndpoint, "a"), "a")
		}
		if w := r.server.Figures().RequestWaits; w.Total != 0 {
			t.Errorf("it had to wait: %+v", w)
		}
	})
}

func TestBucket(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(10, 10*burstSeconds, now)
	for i := range 10 * burstSeconds {
		if wait := b.take(cost(1), 0, now); wait != 0 {
			t.Fatalf("request %d waits for %v", i, wait)
		}
	}
	if wait := b.take(cost(requestUnit-1), 0, now); wait != 200*time.Millisecond {
		t.Errorf("the next one waits for %v", wait)
	}
	now = now.Add(time.Second)
	if wait := b.take(cost(10*requestUnit), 0, now); wait != 300*time.Millisecond {
		t.Errorf("a large one costs %v", wait)
	}
	now = now.Add(time.Hour)
	b.take(cost(1<<30), 0, now)
	if wait := b.take(cost(1), 0, now); wait > time.Second {
		t.Errorf("after the largest one: %v", wait)
	}
}

// What would be kept for a client is bounded, and the end says by what.
func TestRequestsAreBounded(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		limits := Limits{Names: 100, RequestBytes: 1 << 20}
		many := func(n int) (out []string) {
			for i := range n {
				out = append(out, fmt.Sprintf("%t-%d", delta, i))
			}
			return out
		}
		huge := &corev3.Node{Id: "n", Cluster: "test", UserAgentName: strings.Repeat("x", maxNode)}
		for name, c := range map[string]struct {
			node   *corev3.Node
			says   []say
			code   codes.Code
			error  string
			reason Ending
		}{
			"names of a request":    {nil, []say{{url: typeEndpoint, names: many(101)}}, codes.ResourceExhausted, "a request may have 100 names", TooManyNames},
			"names of a stream":     {nil, []say{{url: typeEndpoint, names: many(60)}, {url: typeRoute, names: many(60)}}, codes.ResourceExhausted, "a stream may subscribe to 100 names", TooManyNames},
			"bytes of names":        {nil, []say{{url: typeEndpoint, names: []string{strings.Repeat("a", 600<<10)}}, {url: typeRoute, names: []string{strings.Repeat("b", 600<<10)}}}, codes.ResourceExhausted, "of 1048576 bytes together", TooManyNames},
			"a message":             {nil, []say{{url: typeEndpoint, names: []string{strings.Repeat("a", 1<<20)}}}, codes.ResourceExhausted, "larger than max", TooLarge},
			"the name of a type":    {nil, []say{{url: strings.Repeat("a", maxTypeURL+1)}}, codes.InvalidArgument, "a type_url may have", TooLarge},
			"a node":                {huge, []say{{url: typeCluster}}, codes.InvalidArgument, "a node may have 512 KiB", TooLarge},
			"the id of a node":      {&corev3.Node{Id: strings.Repeat("n", maxNodeName+1)}, []say{{url: typeCluster}}, codes.InvalidArgument, "id and cluster of a node", TooLarge},
			"no type":               {nil, []say{{}}, codes.InvalidArgument, "type_url is required", Malformed},
			"what a client has had": {nil, []say{{url: typeCluster, initial: map[string]string{}}}, codes.OK, "", ""},
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, Options{Limits: limits})
				r.publish("1", cluster("a", 0))
				d := r.connect(delta, "n")
				if c.node != nil {
					d.node = c.node
				}
				for _, s := range c.says {
					if s.initial != nil && delta {
						for _, name := range many(101) {
							s.initial[name] = "1"
						}
						c.code, c.error, c.reason = codes.ResourceExhausted, "a request may have 100 names", TooManyNames
					}
					d.send(s)
				}
				if c.code == codes.OK {
					d.want(typeCluster, "a")
					return
				}
				d.ended(c.code, c.error)
				until(t, "it is counted", func() bool { n := r.server.Figures().Ended; return n[c.reason] == 1 && len(n) == 1 })
			})
		}
	})
}

// Types that there are rules for count for nothing.
func TestKnownTypesAreFree(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{UnknownTypes: 1}})
		c := r.connect(delta, "n")
		for _, url := range []string{"one", typeSecret, typeCluster, typeEndpoint, typeListener, typeRoute, "one"} {
			c.send(say{url: url, names: []string{"x"}})
		}
		c.nothing()
		c.send(say{url: "two", names: []string{"x"}})
		c.ended(codes.ResourceExhausted, "1 types that are unknown")
	})
}

// heap is what is in use, after what nobody holds is gone.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // interned names go with the second
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Clients that read and never answer, and clients that never read, have a bounded part
// of what was published for them kept, though it was 100 MiB.
func TestSilentClientsAreBounded(t *testing.T) {
	for name, reads := range map[string]bool{"never acknowledges": true, "never reads": false} {
		for protocol, delta := range map[string]bool{"SotW": false, "delta": true} {
			t.Run(name+" "+protocol, func(t *testing.T) { silentClients(t, delta, reads) })
		}
	}
}

// discard reads what comes and keeps none of it.
func (c *client) discard() {
	var err error
	for err == nil {
		if c.delta {
			_, err = c.deltas.Recv()
		} else {
			_, err = c.sotw.Recv()
		}
	}
}

func silentClients(t *testing.T, delta, reads bool) {
	const silent, edits, size = 20, 100, 1 << 20
	r := newRig(t, Options{})
	big := func(n int) []*Resource {
		return []*Resource{assignment("a", n), secret("s", fmt.Sprint(n)+strings.Repeat("x", size))}
	}
	r.publish("0", big(1)...)
	before := heap()
	for i := range silent {
		conn := *r
		conn.conn = r.dial() // a window of its own
		c := conn.open(delta, fmt.Sprint("silent-", i))
		c.send(say{url: typeSecret, names: []string{"s"}})
		if reads {
			go c.discard()
		}
	}
	c := r.connect(delta, "n")
	c.send(say{url: typeEndpoint, names: []string{"a"}})
	c.ack(c.want(typeEndpoint, "a"), "a")
	for i := 2; i < edits+2; i++ {
		r.publish(fmt.Sprint(i), big(i)...)
		c.ack(c.want(typeEndpoint, "a"), "a")
	}
	// At most maxUnanswered responses, which they share if they were sent the same, and
	// the windows of their streams.
	grown := heap() - before
	t.Logf("%d KiB for each of %d, after %d MiB", grown/silent>>10, silent, edits*size>>20)
	if most := silent * 5 * size; grown > most {
		t.Errorf("it grew by %d MiB, above %d", grown>>20, most>>20)
	}
}
