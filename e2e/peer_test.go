package e2e

import (
	"context"
	"crypto/sha256"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
)

const (
	prefix = "type.googleapis.com/"
	cds    = prefix + "envoy.config.cluster.v3.Cluster"
	eds    = prefix + "envoy.config.endpoint.v3.ClusterLoadAssignment"
	lds    = prefix + "envoy.config.listener.v3.Listener"
	rds    = prefix + "envoy.config.route.v3.RouteConfiguration"
)

// peer is a client that does on the stream what Envoy does: clusters, their
// assignments by name, then listeners, then their routes by name; it acknowledges,
// refuses on demand, and comes back with what it has.
type peer struct {
	id, cluster string
	delta       bool
	dial        func() *grpc.ClientConn

	mu    sync.Mutex
	has   map[string]map[string]held // by type and name
	last  map[string]string          // SotW version by type
	names map[string][]string        // subscribed, by type
	// refuses is what it refuses: resources in which these bytes are.
	refuses []byte
	nacked  time.Time // the first time
	back    time.Time // when routes came last
	edits   []int     // in the order in which they came
	synced  map[int]time.Time
	sent    int // resources that it was sent, but those that warm a cluster
	streams int
}

// held is a resource that a peer has.
type held struct {
	version string
	sum     [sha256.Size]byte
}

func newPeer(id, cluster string, delta bool, dial func() *grpc.ClientConn) *peer {
	return &peer{id: id, cluster: cluster, delta: delta, dial: dial, has: map[string]map[string]held{cds: {}, eds: {}, lds: {}, rds: {}},
		last: map[string]string{}, names: map[string][]string{}, synced: map[int]time.Time{}}
}

// run connects, and again when the stream ends, until ctx does.
func (p *peer) run(ctx context.Context) {
	for ctx.Err() == nil {
		p.mu.Lock()
		p.streams++
		p.mu.Unlock()
		s := &peerStream{peer: p, asked: map[string]bool{}, nonces: map[string]string{}}
		_ = s.live(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// state is what the peer has, by type and name.
func (p *peer) state() map[string]map[string][sha256.Size]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]map[string][sha256.Size]byte{}
	for url, all := range p.has {
		out[url] = map[string][sha256.Size]byte{}
		for name, h := range all {
			out[url][name] = h.sum
		}
	}
	return out
}

// edit is the newest one that it has; below 0: none.
func (p *peer) edit() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.edits) == 0 {
		return -1
	}
	return p.edits[len(p.edits)-1]
}

func (p *peer) refuse(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = []byte(what)
}

// received is how many resources it was sent, and on how many streams.
func (p *peer) received() (resources, streams int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.streams
}

// fleetOf runs peers until the test ends.
func fleetOf(t testing.TB, peers ...*peer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, p := range peers {
		all.Go(func() { p.run(ctx) })
	}
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(stop)
	return stop
}
