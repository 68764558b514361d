package fleet

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"backworks/xds"
)

const (
	// loadKept is how long the load of a node is kept after its last report; reports
	// come every second, or every 20 from large fleets.
	loadKept = time.Minute
	// sweepEvery is how often those that are gone are looked for.
	sweepEvery = 10 * time.Second
	// maxLoadNodes bounds the nodes, maxNodeEntries the clusters and endpoints of one
	// that are counted apart, and maxLoadEntries those of all, at some 100 bytes each:
	// 50 MB. What is above is in the totals of its node alone.
	maxLoadNodes   = 20_000
	maxNodeEntries = 10_000
	maxLoadEntries = 500_000
)

// Load is what a node has done since it began to report, on the stream that it now
// reports on. Its totals only grow on one stream.
type Load struct {
	// Stream tells streams apart: a node that comes back counts from 0 on another.
	Stream uint64
	// Since is when the first report came, and Last the newest.
	Since, Last time.Time
	// Counts are of requests to all clusters. InProgress is that of the last report.
	xds.Counts
	// Dropped are requests that it answered itself, by circuit breakers.
	Dropped uint64

	began time.Time // as Since; After leaves it
	group string    // the node's
}

// After returns what was done after an earlier Load of the same node; all of it, when
// the node came back since.
func (l Load) After(before Load) Load {
	if l.Stream != before.Stream || !l.began.Equal(before.began) {
		return l
	}
	l.Since = before.Last
	l.Issued -= before.Issued
	l.Successes -= before.Successes
	l.Errors -= before.Errors
	l.Dropped -= before.Dropped
	return l
}

// ErrorShare returns which part of the requests that ended did so as errors, 0 to 1; 0
// when none ended.
func (l Load) ErrorShare() float64 {
	ended := l.Successes + l.Errors
	if ended == 0 {
		return 0
	}
	return float64(l.Errors) / float64(ended)
}

// Load returns what a node has done; false when it does not report, or has not for a
// minute.
func (f *Fleet) Load(node string) (Load, bool) {
	n := f.loads.get(node)
	if n == nil {
		return Load{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.Load, true
}

// ClusterLoads returns the same by cluster and endpoint, sorted; Interval is how long
// the node has reported. Those that never got a request are not among them.
func (f *Fleet) ClusterLoads(node string) []xds.ClusterLoad {
	n := f.loads.get(node)
	if n == nil {
		return nil
	}
	return n.clusters()
}

// loads are the loads of all nodes, by node ID.
type loads struct {
	reports atomic.Uint64
	entries atomic.Int64
	now     func() time.Time // nil: time.Now

	mu    sync.Mutex
	nodes map[string]*nodeLoad
	swept time.Time
}

// nodeLoad is the load of one node.
type nodeLoad struct {
	mu sync.Mutex
	Load
	number  uint64 // of the report that is counted
	dropped bool   // another took its place
	entries map[loadKey]loadEntry
}

// loadKey is a cluster, or one of its endpoints. The names are the same on all nodes
// of a blueprint, so they are kept once.
type loadKey struct{ cluster, endpoint unique.Handle[string] }

type loadEntry struct {
	xds.Counts
	dropped uint64
	number  uint64 // of the report that counted last
}

func (l *loads) time() time.Time {
	if l.now == nil {
		return time.Now()
	}
	return l.now()
}

// add counts a report. It is called by the server's streams and must not wait; a
// report only ever waits for another of the same node, or a reader of it.
func (l *loads) add(r xds.LoadReport) {
	l.reports.Add(1)
	now := l.time()
	n := l.of(r, now)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dropped {
		return
	}
	n.number++
	n.group = r.Group
	n.Last, n.InProgress = now, 0
	for _, c := range r.Clusters {
		add(&n.Counts, c.Counts)
		n.InProgress += c.InProgress
		n.Dropped += c.Dropped
		l.count(n, loadKey{unique.Make(c.Cluster), unique.Make("")}, c.Counts, c.Dropped)
		for _, e := range c.Endpoints {
			if e.Address == "" { // of a kind we do not know
				continue
			}
			l.count(n, loadKey{unique.Make(c.Cluster), unique.Make(e.Address)}, e.Counts, 0)
		}
	}
}

// add adds what is a total.
func add(to *xds.Counts, c xds.Counts) {
	to.Issued += c.Issued
	to.Successes += c.Successes
	to.Errors += c.Errors
}

// of returns the node that a report is of; nil when it is not to be counted: another
// stream of the node is newer, or there are too many.
func (l *loads) of(r xds.LoadReport, now time.Time) *nodeLoad {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	old := l.nodes[r.Node.ID]
	switch {
	case old != nil && old.Stream == r.Stream:
		return old
	case old != nil && old.Stream > r.Stream, old == nil && len(l.nodes) >= maxLoadNodes:
		return nil
	case old != nil:
		l.drop(r.Node.ID)
	}
	if l.nodes == nil {
		l.nodes = map[string]*nodeLoad{}
	}
	n := &nodeLoad{Load: Load{Stream: r.Stream, Since: now, Last: now, began: now}, entries: map[loadKey]loadEntry{}}
	l.nodes[r.Node.ID] = n
	return n
}

// count adds to a cluster or endpoint, if there is room for it; n.mu is held.
func (l *loads) count(n *nodeLoad, key loadKey, c xds.Counts, dropped uint64) {
	e, ok := n.entries[key]
	if !ok {
		if len(n.entries) >= maxNodeEntries || l.entries.Load() >= maxLoadEntries {
			return
		}
		l.entries.Add(1)
	}
	if e.number != n.number {
		e.number, e.InProgress = n.number, 0
	}
	add(&e.Counts, c)
	e.InProgress += c.InProgress
	e.dropped += dropped
	n.entries[key] = e
}

// get returns a node that reports.
func (l *loads) get(node string) *nodeLoad {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.time()
	l.sweep(now)
	if n := l.nodes[node]; n != nil && !n.gone(now) {
		return n
	}
	return nil
}

// ids are those of the nodes that report, sorted.
func (l *loads) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(l.time())
	return slices.Sorted(maps.Keys(l.nodes))
}

// sweep forgets the nodes that are gone, now and then; l.mu is held.
func (l *loads) sweep(now time.Time) {
	if now.Sub(l.swept) < sweepEvery {
		return
	}
	l.swept = now
	for id, n := range l.nodes {
		if n.gone(now) {
			l.drop(id)
		}
	}
}

// drop forgets a node; l.mu is held.
func (l *loads) drop(id string) {
	n := l.nodes[id]
	n.mu.Lock()
	defer n.mu.Unlock()
	l.entries.Add(-int64(len(n.entries)))
	n.entries, n.dropped = nil, true
	delete(l.nodes, id)
}

func (n *nodeLoad) gone(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return now.Sub(n.Last) > loadKept
}

func (n *nodeLoad) clusters() []xds.ClusterLoad {
	n.mu.Lock()
	defer n.mu.Unlock()
	by := map[string]*xds.ClusterLoad{}
	for key, e := range n.entries {
		name, address := key.cluster.Value(), key.endpoint.Value()
		c := by[name]
		if c == nil {
			c = &xds.ClusterLoad{Cluster: name, Interval: n.Last.Sub(n.Since)}
			by[name] = c
		}
		if e.number != n.number {
			e.InProgress = 0
		}
		if address == "" {
			c.Counts, c.Dropped = e.Counts, e.dropped
		} else {
			c.Endpoints = append(c.Endpoints, xds.EndpointLoad{Address: address, Counts: e.Counts})
		}
	}
	out := make([]xds.ClusterLoad, 0, len(by))
	for _, c := range by {
		slices.SortFunc(c.Endpoints, func(a, b xds.EndpointLoad) int { return cmp.Compare(a.Address, b.Address) })
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b xds.ClusterLoad) int { return cmp.Compare(a.Cluster, b.Cluster) })
	return out
}
