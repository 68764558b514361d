package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// dialing bounds how many connections are opened at the same time: the kernel's queue
// of a listener is not long.
const dialing = 100

// fleet is many simulated Envoys of one server.
type fleet struct {
	address string
	delta   bool
	memory  *memory
	clients []*client
	goal    atomic.Pointer[goal]

	bytes [kinds]atomic.Int64

	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

func newFleet(address string, delta bool) *fleet {
	return &fleet{address: address, delta: delta, memory: newMemory(delta), failed: make(chan error, 1), stop: func() {}}
}

// grow adds clients until there are n, and connects them.
func (f *fleet) grow(n int) {
	first := len(f.clients)
	for i := first; i < n; i++ {
		f.clients = append(f.clients, newClient(f, fmt.Sprintf("envoy-%05d", i)))
	}
	f.connect(f.clients[first:])
}

func (f *fleet) connect(clients []*client) {
	ctx, stop := context.WithCancel(context.Background())
	before := f.stop
	f.stop = func() { stop(); before() }
	gate := make(chan struct{}, dialing)
	for _, c := range clients {
		gate <- struct{}{}
		f.running.Go(func() {
			var once sync.Once
			err := c.live(ctx, func() { once.Do(func() { <-gate }) })
			if ctx.Err() != nil {
				return
			}
			select {
			case f.failed <- fmt.Errorf("client %s: %w", c.id, err):
			default:
			}
		})
	}
}

// disconnect ends all streams; the clients keep what they have.
func (f *fleet) disconnect() {
	f.stop()
	f.running.Wait()
	f.stop = func() {}
}

// received are the bytes so far.
func (f *fleet) received() (sum int64) {
	for k := range f.bytes {
		sum += f.bytes[k].Load()
	}
	return sum
}

// besides are the bytes of all responses but those of one kind.
func (f *fleet) besides(k kind) int64 { return f.received() - f.bytes[k].Load() }

// goal is a state that a number of clients is to reach.
type goal struct {
	want        [kinds]digest
	left        atomic.Int64
	first, last atomic.Int64 // when, in Unix nanoseconds
	done        chan struct{}
}

// aim sets the goal for n clients that have something else now.
func (f *fleet) aim(want [kinds]digest, n int) *goal {
	g := &goal{want: want, done: make(chan struct{})}
	g.left.Store(int64(n))
	f.goal.Store(g)
	return g
}

func (g *goal) hit() {
	now := time.Now().UnixNano()
	g.first.CompareAndSwap(0, now)
	if g.left.Add(-1) == 0 {
		g.last.Store(now)
		close(g.done)
	}
}

// wait waits for the goal, and tells when the first and the last client reached it.
func (f *fleet) wait(g *goal, limit time.Duration) (first, last time.Time, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-g.done:
		return time.Unix(0, g.first.Load()), time.Unix(0, g.last.Load()), nil
	case err := <-f.failed:
		return first, last, err
	case <-timer.C:
		return first, last, fmt.Errorf("%w: %d clients lack something after %v", errLate, g.left.Load(), limit)
	}
}

var errLate = errors.New("not everybody arrived")
