package fleet

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"backworks/xds"
)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// loading is a fleet that takes load reports, at a time of the test's.
func loading() (*Fleet, *clock) {
	c := &clock{at: time.Now()}
	return &Fleet{loads: loads{now: c.now}}, c
}

// done is a report of a node: good and bad requests to one endpoint of a cluster.
func done(stream uint64, node, cluster string, good, bad, open uint64) xds.LoadReport {
	counts := xds.Counts{Issued: good + bad, Successes: good, Errors: bad, InProgress: open}
	return xds.LoadReport{Stream: stream, Node: xds.Node{ID: node}, Clusters: []xds.ClusterLoad{{
		Cluster: cluster, Interval: time.Second, Counts: counts, Dropped: 1,
		Endpoints: []xds.EndpointLoad{{Address: "10.0.0.1:80", Counts: counts}},
	}}}
}

func TestLoadAddsUp(t *testing.T) {
	t.Parallel()
	f, c := loading()
	began := c.now()
	if _, ok := f.Load("n"); ok || f.ClusterLoads("n") != nil {
		t.Error("a node that never reported has a load")
	}
	f.loads.add(done(1, "n", "b", 9, 1, 4))
	first, _ := f.Load("n")
	c.pass(time.Second)
	f.loads.add(done(1, "n", "a", 5, 5, 2))
	f.loads.add(done(2, "other", "a", 100, 0, 0))
	got, ok := f.Load("n")
	want := Load{
		Stream: 1, Since: began, Last: c.now(), Counts: xds.Counts{Issued: 20, Successes: 14, Errors: 6, InProgress: 2}, Dropped: 2, began: began,
	}
	if !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if share := got.ErrorShare(); share != 0.3 {
		t.Errorf("error share is %v", share)
	}
	if d := got.After(first); d.Issued != 10 || d.Errors != 5 || d.Dropped != 1 || d.InProgress != 2 || !d.Since.Equal(began) || d.ErrorShare() != 0.5 {
		t.Errorf("since the first: %+v", d)
	}
	if (Load{}).ErrorShare() != 0 {
		t.Error("nothing was done, and there is a share")
	}
	text := fmt.Sprint(f.ClusterLoads("n"))
	if want := fmt.Sprint([]xds.ClusterLoad{
		{Cluster: "a", Interval: time.Second, Counts: xds.Counts{Issued: 10, Successes: 5, Errors: 5, InProgress: 2}, Dropped: 1, Endpoints: []xds.EndpointLoad{{Address: "10.0.0.1:80", Counts: xds.Counts{Issued: 10, Successes: 5, Errors: 5, InProgress: 2}}}},
		{Cluster: "b", Interval: time.Second, Counts: xds.Counts{Issued: 10, Successes: 9, Errors: 1}, Dropped: 1, Endpoints: []xds.EndpointLoad{{Address: "10.0.0.1:80", Counts: xds.Counts{Issued: 10, Successes: 9, Errors: 1}}}},
	}); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// A node that comes back counts from 0; what comes late of the stream before is not
// counted, and nobody computes a difference below 0.
func TestLoadStartsAgain(t *testing.T) {
	t.Parallel()
	f, c := loading()
	f.loads.add(done(1, "n", "a", 50, 50, 0))
	before, _ := f.Load("n")
	f.loads.add(done(2, "n", "b", 1, 0, 0))
	f.loads.add(done(1, "n", "a", 50, 50, 0))
	got, _ := f.Load("n")
	if got.Stream != 2 || got.Issued != 1 || got.After(before) != got || len(f.ClusterLoads("n")) != 1 {
		t.Errorf("got %+v and %+v", got, f.ClusterLoads("n"))
	}
	if n := f.loads.entries.Load(); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	// The same stream, after a pause that was taken for its end.
	c.pass(loadKept + time.Second)
	f.loads.add(done(2, "n", "b", 0, 1, 0))
	if again, _ := f.Load("n"); again.Issued != 1 || again.After(got) != again {
		t.Errorf("after a pause: %+v", again.After(got))
	}
}

// A node is forgotten a minute after its last report, and its memory with it.
func TestLoadIsForgotten(t *testing.T) {
	t.Parallel()
	f, c := loading()
	f.loads.add(done(1, "gone", "a", 1, 0, 0))
	c.pass(loadKept)
	if _, ok := f.Load("gone"); !ok {
		t.Error("forgotten too early")
	}
	c.pass(time.Second)
	if _, ok := f.Load("gone"); ok {
		t.Error("still there")
	}
	f.loads.add(done(2, "here", "a", 1, 0, 0))
	c.pass(sweepEvery)
	f.loads.add(done(2, "here", "a", 1, 0, 0))
	if n, entries := len(f.loads.nodes), f.loads.entries.Load(); n != 1 || entries != 2 {
		t.Errorf("%d nodes with %d entries are kept", n, entries)
	}
}

// However much is reported, what is kept is bounded; the totals go on.
func TestLoadIsBounded(t *testing.T) {
	t.Parallel()
	f, _ := loading()
	var r xds.LoadReport
	for i := range maxNodeEntries {
		r.Clusters = append(r.Clusters, done(1, "", fmt.Sprint(i), 1, 0, 0).Clusters...)
	}
	const nodes = maxLoadEntries/maxNodeEntries + 5
	for i := range uint64(nodes) {
		r.Stream, r.Node.ID = i+1, fmt.Sprint("n", i)
		f.loads.add(r)
	}
	if n := f.loads.entries.Load(); n != maxLoadEntries {
		t.Errorf("%d entries, want %d", n, maxLoadEntries)
	}
	if l, _ := f.Load(fmt.Sprint("n", nodes-1)); l.Issued != maxNodeEntries {
		t.Errorf("the last node has %+v", l)
	}
	for i := range maxLoadNodes + 5 {
		f.loads.add(xds.LoadReport{Stream: 1e6, Node: xds.Node{ID: fmt.Sprint("x", i)}})
	}
	if n := len(f.loads.nodes); n != maxLoadNodes {
		t.Errorf("%d nodes, want %d", n, maxLoadNodes)
	}
}

// Reports and readers do not get in each other's way.
func TestLoadAtOnce(t *testing.T) {
	t.Parallel()
	f, c := loading()
	var all sync.WaitGroup
	for i := range uint64(8) {
		all.Go(func() {
			for n := range uint64(300) {
				f.loads.add(done(n/50*8+i, "n", "a", 1, 0, 0))
				f.Load("n")
				f.ClusterLoads("n")
				c.pass(time.Second)
			}
		})
	}
	all.Wait()
	if n := f.loads.entries.Load(); n != 2 {
		t.Errorf("%d entries of one node with one cluster", n)
	}
}

// The fleet takes the reports of its server, and counts them.
func TestFleetTakesLoadReports(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"a.yaml": blueprint("a", "p=http://a.test")})
	r.server.load(done(1, "n", "a", 3, 1, 0))
	if l, ok := r.fleet.Load("n"); !ok || l.Issued != 4 || l.Errors != 1 {
		t.Errorf("got %+v", l)
	}
	if n := r.fleet.Numbers(); n.LoadReports != 1 || n.LoadStreams != 2 {
		t.Errorf("got %d reports of %d streams", n.LoadReports, n.LoadStreams)
	}
}
