package fleet

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"backworks/envoy"
)

// collectRig feeds a collector with what an Envoy says, a second at a time.
type collectRig struct {
	*rig
	c      *collector
	s      *source
	now    time.Time
	took   time.Duration
	uptime time.Duration
	hosts  []envoy.Host
	values map[string]uint64
	times  map[string][]envoy.Bucket
}

const twoTargets = `name: one
nodes: {id: one}
plugins:
  proxy:
    config:
      targets:
        - {name: a, url: "http://10.0.0.1:80", weight: 1}
        - {name: b, url: "http://10.0.0.2:80", weight: 3}
endpoints:
  - {path: /x, method: GET, handler: proxy}
  - {path: /s, method: GET, handler: static, config: {static: {status: 200, body: {a: b}}}}
`

func newCollectRig(t *testing.T) *collectRig {
	t.Helper()
	r := &collectRig{
		rig: newRig(t, map[string]string{"one.yaml": twoTargets}), now: time.Unix(1700000000, 0), took: time.Millisecond, uptime: time.Hour,
		hosts:  []envoy.Host{{Hostname: "10.0.0.1", Address: "10.0.0.1:80", EDSHealth: "HEALTHY"}, {Hostname: "10.0.0.2", Address: "10.0.0.2:80", EDSHealth: "HEALTHY"}},
		values: map[string]uint64{}, times: map[string][]envoy.Bucket{},
	}
	r.c = newCollector(r.fleet)
	r.s = newSource(newAdmin("unix:///nowhere"))
	r.c.sources = []*source{r.s}
	return r
}

// second has the Envoy answer, or not, and gives what is shown then.
func (r *collectRig) second(err error) *Telemetry {
	r.now, r.uptime = r.now.Add(time.Second), r.uptime+time.Second
	r.c.learn()
	values := map[string]uint64{}
	for name, n := range r.values {
		values[name] = n
	}
	r.c.take(answered{
		from: r.s, at: r.now, took: r.took, envoy: Envoy{Node: "one", Cluster: "c"}, uptime: r.uptime, err: err,
		clusters: []envoy.Cluster{{Name: "default", Hosts: slices.Clone(r.hosts)}}, samples: &envoy.Samples{Values: values, Histograms: r.times},
	})
	r.c.takeReports(r.now)
	r.c.show(r.now)
	return r.c.shown.Load()
}

// serve counts requests of both targets.
func (r *collectRig) serve(a, b, failed uint64) {
	for i, n := range []uint64{a, b} {
		h := &r.hosts[i]
		h.RequestsTotal += n
		h.ConnectionsTotal++
		h.RequestsSuccess += n
	}
	r.hosts[0].RequestsSuccess -= failed
	r.hosts[0].RequestsError += failed
	r.values["cluster.default.upstream_rq_total"] += a + b
	r.values["cluster.default.upstream_rq_2xx"] += a + b - failed
	r.values["cluster.default.upstream_rq_5xx"] += failed
	r.values["vhost.proxy.route.GET /x.upstream_rq_total"] += a + b
	r.values["http.proxy.downstream_rq_total"] += a + b
}

func (r *collectRig) restart() {
	r.uptime = 0
	for i := range r.hosts {
		h := r.hosts[i]
		r.hosts[i] = envoy.Host{Hostname: h.Hostname, Address: h.Address, EDSHealth: h.EDSHealth}
	}
	clear(r.values)
	r.times = map[string][]envoy.Bucket{}
}

func is(t *testing.T, what string, got Figure, want float64) {
	t.Helper()
	if math.IsNaN(want) && !got.Known() {
		return
	}
	if math.Abs(float64(got)-want) > 1e-4 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestCollect: what was counted before anybody looked is in the totals and in no rate;
// from then on both follow.
func TestCollect(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.serve(100, 300, 0)
	f := r.second(nil)
	if *f.Targets[0].Requests != 100 || *f.Pools[0].Requests != 400 || *f.Envoys[0].Requests != 400 {
		t.Errorf("%+v", f)
	}
	is(t, "rate", f.Targets[0].RequestsPerSecond, 0)
	is(t, "share", f.Targets[0].ShareSeen, math.NaN())
	r.serve(10, 30, 5)
	f = r.second(nil)
	a, b, pool := f.Targets[0], f.Targets[1], f.Pools[0]
	is(t, "rate", a.RequestsPerSecond, 10)
	is(t, "successes", a.SuccessesPerSecond, 5)
	is(t, "failures", a.FailuresPerSecond, 5)
	is(t, "error rate", a.ErrorRate, 0.5)
	is(t, "error rate", b.ErrorRate, 0)
	is(t, "share wanted", b.ShareWanted, 0.75)
	is(t, "share seen", b.ShareSeen, 0.75)
	is(t, "pool", pool.RequestsPerSecond, 40)
	is(t, "pool's errors", pool.ErrorRate, 0.125)
	is(t, "5xx", pool.ClassesPerSecond.ServerErrors, 5)
	if *a.Requests != 110 || *a.Failures != 5 || a.Health != Healthy || len(a.Why) != 0 || pool.Classes.ServerErrors != 5 {
		t.Errorf("%+v %+v", a, pool)
	}
	if len(f.Endpoints) != 1 || f.Endpoints[0].Endpoint != "GET /x" || *f.Endpoints[0].Requests != 440 {
		t.Errorf("endpoints %+v", f.Endpoints)
	}
	s := r.c.series(time.Minute)
	if len(s.Times) != 2 || !slices.Equal(s.Targets[0].Requests, Figures{0, 10}) || !slices.Equal(s.Pools[0].Errors, Figures{0, 5}) {
		t.Errorf("series %+v", s)
	}
}

// TestCollectAcrossRestarts: totals go on, though the counters began at 0 and are
// already beyond what they were.
func TestCollectAcrossRestarts(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.serve(5, 15, 0)
	r.second(nil)
	r.restart()
	r.serve(50, 150, 0)
	f := r.second(nil)
	if *f.Targets[0].Requests != 55 || *f.Pools[0].Requests != 220 || *f.Envoys[0].Requests != 220 || f.Envoys[0].Restarts != 1 {
		t.Errorf("after a restart: %+v", f)
	}
	is(t, "rate", f.Targets[0].RequestsPerSecond, 50)
	// Envoy builds the cluster again: its hosts count from 0, some already beyond.
	for i := range r.hosts {
		r.hosts[i].RequestsTotal, r.hosts[i].RequestsSuccess, r.hosts[i].ConnectionsTotal = 60, 60, 0
	}
	if f = r.second(nil); *f.Targets[0].Requests != 115 || *f.Targets[1].Requests != 165+60 || f.Envoys[0].Restarts != 1 {
		t.Errorf("after a change of the cluster: %d %d", *f.Targets[0].Requests, *f.Targets[1].Requests)
	}
	// It is away for a while.
	if f = r.second(errors.New("refused")); f.Targets[0].Requests != nil || f.Targets[0].Health != Unknown || f.Envoys[0].Reachable || f.Pools[0].Requests != nil {
		t.Errorf("without an Envoy: %+v", f)
	}
	r.serve(4, 0, 0)
	if f = r.second(nil); *f.Targets[0].Requests != 119 {
		t.Errorf("back again: %d", *f.Targets[0].Requests)
	}
	is(t, "over two seconds", f.Targets[0].RequestsPerSecond, 2)
	texts := ""
	for _, e := range r.c.feed.newest() {
		texts = e.Text + "\n" + texts
	}
	if texts != "started again\nits admin interface does not answer: refused\nits admin interface answers\n" {
		t.Errorf("events:\n%s", texts)
	}
}

// TestCollectCost: an Envoy to which telling is work is asked less often, and one slow
// answer is no measure.
func TestCollectCost(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	for _, x := range []struct{ took, every time.Duration }{
		{time.Second, time.Second}, {time.Millisecond, time.Second}, {time.Second, time.Second}, {200 * time.Millisecond, 4 * time.Second}, {time.Second, 4 * time.Second},
		{time.Millisecond, time.Second},
	} {
		r.took = x.took
		if f := r.second(nil); f.Envoys[0].Every != Figure(x.every.Seconds()) {
			t.Errorf("took %v: asked every %v s, want %v", x.took, f.Envoys[0].Every, x.every)
		}
	}
}

// TestCollectNamesakes: two Envoys of one id are told apart by their addresses.
func TestCollectNamesakes(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.serve(1, 2, 0)
	r.second(nil)
	other := newSource(newAdmin("unix:///elsewhere"))
	r.c.sources = append(r.c.sources, other)
	r.s = other
	r.second(nil)
	r.s = r.c.sources[0]
	f := r.second(nil)
	var nodes []string
	for _, x := range f.Targets {
		nodes = append(nodes, x.Node)
	}
	if want := []string{"one@unix:///nowhere", "one@unix:///elsewhere"}; !slices.Equal(nodes[:2], want) || len(nodes) != 4 {
		t.Errorf("nodes %q", nodes)
	}
	if *f.Pools[0].Requests != 6 {
		t.Errorf("pool %d", *f.Pools[0].Requests)
	}
}

// TestCollectHealth: what takes a target out is told, with the reason, and as an event.
func TestCollectHealth(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.second(nil)
	r.hosts[0].Ejected, r.hosts[1].FailedCheck = true, true
	f := r.second(nil)
	if a := f.Targets[0]; a.Health != Unhealthy || !a.Ejected || !slices.Equal(a.Why, []string{"ejected: its requests failed"}) {
		t.Errorf("%+v", a)
	}
	if b := f.Targets[1]; b.Health != Unhealthy || !slices.Equal(b.Why, []string{"its health checks fail"}) {
		t.Errorf("%+v", b)
	}
	r.hosts[1].CheckTimedOut = true
	if b := r.second(nil).Targets[1]; !slices.Equal(b.Why, []string{"its health checks fail: there is no answer in time"}) {
		t.Errorf("%+v", b)
	}
	r.hosts[0].Ejected, r.hosts[1].FailedCheck, r.hosts[1].EDSHealth = false, false, "DRAINING"
	f = r.second(nil)
	if b := f.Targets[1]; b.Health != Unhealthy || !slices.Equal(b.Why, []string{"held out: it is given as draining"}) {
		t.Errorf("%+v", b)
	}
	var got []string
	for _, e := range slices.Backward(r.c.feed.newest()) {
		got = append(got, string(e.Kind)+" "+e.Subject+" "+e.Node)
	}
	if want := []string{"ejection a one", "health b one", "uneject a one", "health b one"}; !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
}

// TestCollectLatency: quantiles are of the last seconds, whatever was before.
func TestCollectLatency(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.serve(1, 0, 0)
	name := "cluster.default.upstream_rq_time"
	slow := envoy.Bucket{Lower: 1000, Width: 100, Count: 1000}
	r.times = map[string][]envoy.Bucket{name: {slow}}
	if f := r.second(nil); f.Pools[0].Latency != nil {
		t.Errorf("of before: %+v", f.Pools[0].Latency)
	}
	r.times = map[string][]envoy.Bucket{name: {{Lower: 1, Width: 0.1, Count: 90}, {Lower: 10, Width: 1, Count: 10}, slow}}
	f := r.second(nil)
	is(t, "p50", f.Pools[0].Latency.P50, 1+0.1*50/90)
	is(t, "p90", f.Pools[0].Latency.P90, 1.1)
	is(t, "p99", f.Pools[0].Latency.P99, 10.9)
	for range recentlyPoints {
		f = r.second(nil)
	}
	if f.Pools[0].Latency != nil {
		t.Errorf("long ago: %+v", f.Pools[0].Latency)
	}
}

// TestCollectEarlyRestart: an Envoy that was not up for long begins again unseen, and is as
// far as it was when it is asked next.
func TestCollectEarlyRestart(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.uptime = time.Second
	r.serve(5, 15, 0)
	r.second(nil)
	r.restart()
	r.serve(5, 15, 0)
	r.now, r.uptime = r.now.Add(time.Second), time.Second
	if f := r.second(nil); *f.Targets[0].Requests != 10 || f.Envoys[0].Restarts != 1 {
		t.Errorf("%d requests, %d restarts", *f.Targets[0].Requests, f.Envoys[0].Restarts)
	}
}
