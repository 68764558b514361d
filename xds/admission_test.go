package xds

import (
	"fmt"
	"testing"
	"time"
)

// asks opens a stream and sends a first request, which may have to wait.
func (r *rig) asks(delta bool, node string) *client {
	r.t.Helper()
	c := r.connect(delta, node)
	c.send(say{url: typeCluster})
	return c
}

// Streams over the limit of their connection wait until others of it end; those of
// other connections do not.
func TestStreamsOfAConnectionWait(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{ConnectionStreams: 2}})
		r.publish("1", cluster("a", 0))
		first, second := r.asks(delta, "1"), r.asks(delta, "2")
		first.want(typeCluster, "a")
		second.want(typeCluster, "a")
		third := r.asks(delta, "3")
		until(t, "one waits", func() bool { return r.server.Figures().ConnectionWaits == Waits{1, 1} })
		third.nothing()
		other := *r
		other.conn = r.dial()
		other.asks(delta, "4").want(typeCluster, "a")
		first.cancel()
		third.want(typeCluster, "a")
		// Who goes while he waits is gone.
		fourth := r.asks(delta, "5")
		until(t, "one more waits", func() bool { return r.server.Figures().ConnectionWaits == Waits{1, 2} })
		fourth.cancel()
		until(t, "nobody waits", func() bool { return r.server.Figures().ConnectionWaits.Now == 0 })
		if n := r.server.Figures().Streams; n != 3 {
			t.Errorf("%d streams are let in", n)
		}
	})
}

// Whoever opens streams without end, and closes them, waits as well.
func TestNewStreamsOfAConnectionWait(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{ConnectionStreams: 2, RequestRate: 20}})
		r.publish("1", cluster("a", 0))
		began := time.Now()
		for i := range 30 {
			c := r.asks(delta, fmt.Sprint(i))
			c.want(typeCluster, "a")
			c.cancel()
			until(t, "it is gone", func() bool { return r.server.Figures().Streams == 0 })
		}
		if f := r.server.Figures(); f.ConnectionWaits.Total == 0 || time.Since(began) < 100*time.Millisecond {
			t.Errorf("%+v after %v", f.ConnectionWaits, time.Since(began))
		}
	})
}

func TestStreamsInAllWait(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{Streams: 1}})
		r.publish("1", cluster("a", 0))
		first := r.asks(delta, "1")
		first.want(typeCluster, "a")
		other := *r
		other.conn = r.dial()
		second := other.asks(delta, "2")
		until(t, "it waits", func() bool { return r.server.Figures().StreamWaits == Waits{1, 1} })
		second.nothing()
		first.cancel()
		second.want(typeCluster, "a")
	})
}

// One that opens a stream and says nothing holds up the next for a moment only.
func TestArrivalsWait(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{Limits: Limits{Arrivals: 1}})
		r.publish("1", cluster("a", 0))
		silent := r.connect(delta, "silent")
		until(t, "it is there", func() bool { return r.server.Figures().Streams == 1 })
		began := time.Now()
		c := r.asks(delta, "1")
		c.want(typeCluster, "a")
		f := r.server.Figures()
		if waited := time.Since(began); waited < arrivalTime/2 || f.ArrivalWaits != (Waits{0, 1}) {
			t.Errorf("it waited for %v: %+v", waited, f)
		}
		silent.send(say{url: typeCluster})
		silent.want(typeCluster, "a")
	})
}

// A whole fleet that comes back at once is let in in turn, nobody is refused, and who
// has everything is sent nothing.
func TestReconnectStorm(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		const fleet = 300
		r := newRig(t, Options{Limits: Limits{Arrivals: 1}})
		r.publish("1", cluster("a", 0), cluster("b", 0))
		before := r.asks(delta, "before")
		a := before.want(typeCluster, "a", "b")
		had := say{url: typeCluster, version: a.version}
		if delta {
			had.initial = a.versions
		}
		silent := r.connect(delta, "silent") // so that there is a crowd
		until(t, "it is there", func() bool { return r.server.Figures().Streams == 2 })
		defer silent.cancel()
		clients := make([]*client, fleet)
		for i := range clients {
			clients[i] = r.connect(delta, fmt.Sprint(i))
			clients[i].send(had)
		}
		until(t, "all are in sync", func() bool {
			synced := 0
			for _, n := range r.server.Nodes() {
				if n.ID != "before" && n.Synced {
					synced++
				}
			}
			return synced == fleet
		})
		for _, c := range clients {
			select {
			case a := <-c.answers:
				t.Fatalf("%v was sent again", a.names)
			case err := <-c.end:
				t.Fatal(err)
			default:
			}
		}
		if f := r.server.Figures(); f.ArrivalWaits.Total == 0 || f.ArrivalWaits.Now != 0 || len(f.Ended) != 0 {
			t.Errorf("%+v", f)
		}
	})
}
