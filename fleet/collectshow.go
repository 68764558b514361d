package fleet

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
)

var nothing = float32(Nothing)

// id is that of a row.
func id(parts ...string) string { return strings.Join(parts, "\x1f") }

var shapes = maphash.MakeSeed()

// show makes the figures of this moment, and a point of each series.
func (c *collector) show(now time.Time) {
	c.mu.Lock()
	c.number++
	c.times.put(c.number, now, time.Time{})
	t := &Telemetry{Number: c.number, At: now.UTC(), Envoys: []EnvoyFigures{}, Targets: []TargetFigures{}, Pools: []FlowFigures{}, Endpoints: []FlowFigures{}}
	sources := slices.Clone(c.sources)
	for _, node := range slices.Sorted(maps.Keys(c.reports)) {
		sources = append(sources, c.reports[node])
	}
	by := map[string][]*source{}
	for _, s := range sources {
		if !s.untold {
			t.Envoys = append(t.Envoys, c.envoyFigures(s))
		}
		if s.why == "" && s.file != "" && !s.at.IsZero() {
			by[s.file] = append(by[s.file], s)
		}
	}
	keep := map[TargetKey]bool{}
	for _, file := range slices.Sorted(maps.Keys(c.blueprints)) {
		bp := c.blueprints[file]
		for _, pool := range bp.Pools {
			t.Targets = append(t.Targets, c.poolTargets(bp, pool, by[file], keep, now)...)
		}
		eachFlow(bp, func(key flowKey, stat string) {
			f := c.flowFigures(key, c.now(key, stat, by[file], now))
			if key.pool != "" {
				t.Pools = append(t.Pools, f)
			} else {
				t.Endpoints = append(t.Endpoints, f)
			}
		})
	}
	// An Envoy that cannot be reached for a while has its totals when it is back.
	maps.DeleteFunc(c.rows, func(key TargetKey, r *row) bool { return !keep[key] && c.number-r.points.next > int64(telemetryPoints) })
	maps.DeleteFunc(c.flows, func(_ flowKey, f *flow) bool { return c.number-f.points.next > int64(telemetryPoints) })
	t.Shape = t.shape()
	c.shown.Store(t)
	c.mu.Unlock()
	c.feed.flush()
}

// shape tells sets of rows apart.
func (t *Telemetry) shape() uint64 {
	var h maphash.Hash
	h.SetSeed(shapes)
	add := func(id string) { _, _ = h.WriteString(id); _ = h.WriteByte(0) }
	for _, x := range t.Envoys {
		add(x.ID)
	}
	for _, x := range t.Targets {
		add(x.ID)
	}
	for _, x := range slices.Concat(t.Pools, t.Endpoints) {
		add(x.ID)
	}
	return h.Sum64()
}

func (c *collector) envoyFigures(s *source) EnvoyFigures {
	e := EnvoyFigures{
		ID: id("report", s.node), Node: s.node, Cluster: s.cluster, Blueprint: s.file, Source: FromLoadReport, Reachable: s.why == "" && !s.at.IsZero(),
		Error: s.why, Every: Figure(s.every.Seconds()), Took: Figure(s.took.Seconds()), Restarts: s.restarts, PerSecond: Nothing,
	}
	if !s.at.IsZero() {
		e.SampledAt = new(s.at.UTC())
	}
	if s.admin == nil {
		return e
	}
	address := string(s.admin.is.Address)
	e.ID, e.Address, e.Source = id("admin", address), address, FromAdmin
	if !e.Reachable {
		return e
	}
	r := s.listener
	e.Requests, e.PerSecond = new(s.total), Figure(r[flowTotal])
	e.Classes = classes([]Figure{Figure(r[0]), Figure(r[1]), Figure(r[2]), Figure(r[3]), Figure(r[4])})
	e.Connections, e.Active = new(s.gauges[listenerStat+"cx_active"]), new(s.gauges[listenerStat+"rq_active"])
	return e
}

// poolTargets are the rows of a pool's targets, by target and then by Envoy.
func (c *collector) poolTargets(bp *blueprints.Blueprint, pool *blueprints.Pool, of []*source, keep map[TargetKey]bool, at time.Time) []TargetFigures {
	var out []TargetFigures
	shares := wanted(pool)
	seen := map[string]float64{} // requests of all targets, by node
	recent := map[TargetKey]targetPoint{}
	for _, s := range of {
		for _, t := range pool.Targets {
			key := TargetKey{bp.File, pool.Name, t.Name, c.nodeOf(s)}
			now := s.targets[key]
			if now == nil {
				continue
			}
			r := c.row(key)
			r.points.put(c.number, targetPoint{
				float32(s.perSecond(now.requests)), float32(s.perSecond(now.successes)), float32(s.perSecond(now.failures)), float32(s.perSecond(now.timeouts)),
			}, targetPoint{})
			var sum targetPoint
			for _, p := range r.points.last(c.number+1, recentlyPoints, targetPoint{}) {
				sum.requests += p.requests
				sum.successes += p.successes
				sum.failures += p.failures
			}
			recent[key] = sum
			seen[key.Node] += float64(sum.requests)
		}
	}
	for i, t := range pool.Targets {
		plain := TargetFigures{
			ID: id(bp.File, pool.Name, t.Name, ""), Blueprint: bp.File, Pool: pool.Name, Target: t.Name, URL: t.URL, Weight: t.Weight, ShareWanted: Figure(shares[i]),
			ShareSeen: Nothing, Health: Unknown, Why: []string{}, ErrorRate: Nothing,
			RequestsPerSecond: Nothing, SuccessesPerSecond: Nothing, FailuresPerSecond: Nothing, TimeoutsPerSecond: Nothing,
		}
		before := len(out)
		for _, s := range of {
			key := TargetKey{bp.File, pool.Name, t.Name, c.nodeOf(s)}
			if now := s.targets[key]; now != nil {
				keep[key] = true
				f := c.targetFigures(plain, s, key, now, recent[key], seen[key.Node])
				f.Drained, f.Breaker = c.fleet.breakers.standing(place{bp.File, s.node}, pool, t, s.admin != nil, f.Ejected)
				f.Latency = s.ownLatency(pool, at)
				out = append(out, f)
			}
		}
		if len(out) == before {
			plain.Drained, plain.Breaker = c.fleet.breakers.standing(place{bp.File, ""}, pool, t, false, false)
			out = append(out, plain)
		}
	}
	return out
}

// targetFigures are those of a target of which an Envoy tells.
func (c *collector) targetFigures(f TargetFigures, s *source, key TargetKey, now *seenTarget, recent targetPoint, all float64) TargetFigures {
	r := c.rows[key]
	f.ID, f.Node, f.Address, f.Source = id(key.Blueprint, key.Pool, key.Target, key.Node), key.Node, now.host.Address, FromAdmin
	f.Requests, f.Successes, f.Failures = new(r.requests), new(r.successes), new(r.failures)
	f.Active = new(now.host.RequestsActive)
	f.RequestsPerSecond, f.SuccessesPerSecond = Figure(s.perSecond(now.requests)), Figure(s.perSecond(now.successes))
	f.FailuresPerSecond = Figure(s.perSecond(now.failures))
	if all > 0 {
		f.ShareSeen = Figure(float64(recent.requests) / all)
	}
	if ended := recent.successes + recent.failures; ended > 0 {
		f.ErrorRate = Figure(recent.failures / ended)
	}
	if s.admin == nil {
		f.Source = FromLoadReport
		return f
	}
	f.Timeouts, f.TimeoutsPerSecond, f.Connections = new(r.timeouts), Figure(s.perSecond(now.timeouts)), new(now.host.ConnectionsActive)
	f.Health, f.Ejected, f.FailedCheck, f.Why = health(now.host), now.host.Ejected, now.host.FailedCheck, why(now.host)
	return f
}

// failedCheck says how the last check failed, as far as Envoy tells.
func failedCheck(h envoy.Host) string {
	if h.CheckTimedOut {
		return "its health checks fail: there is no answer in time"
	}
	return "its health checks fail"
}

// why says what is wrong with a host.
func why(h envoy.Host) []string {
	out := []string{}
	if h.FailedCheck {
		out = append(out, failedCheck(h))
	}
	if h.PendingCheck {
		out = append(out, "its first health check is still to come")
	}
	if h.Ejected {
		out = append(out, "ejected: its requests failed")
	}
	switch h.EDSHealth {
	case "HEALTHY", "UNKNOWN", "DEGRADED":
	default:
		out = append(out, "held out: it is given as "+cmp.Or(strings.ToLower(h.EDSHealth), "unknown"))
	}
	return out
}

func (c *collector) flowFigures(key flowKey, n flowNow) FlowFigures {
	f := FlowFigures{
		ID: id(key.file, key.pool, key.endpoint), Blueprint: key.file, Pool: key.pool, Endpoint: key.endpoint,
		RequestsPerSecond: Nothing, RetriesPerSecond: Nothing, TimeoutsPerSecond: Nothing, ErrorRate: Nothing,
	}
	is := c.flows[key]
	if is == nil || !n.told && !n.loads {
		return f
	}
	q := quantiles(n.buckets, .5, .9, .95, .99)
	p := flowPoint{
		requests: float32(n.rates[flowTotal]), ended: float32(n.ended), errors: float32(n.errors), retries: float32(n.rates[flowRetry]),
		p50: float32(q[0]), p95: float32(q[2]), p99: float32(q[3]),
	}
	none := flowPoint{p50: nothing, p95: nothing, p99: nothing}
	is.points.put(c.number, p, none)
	var ended, errors float32
	for _, p := range is.points.last(c.number+1, recentlyPoints, none) {
		ended += p.ended
		errors += p.errors
	}
	if ended > 0 {
		f.ErrorRate = Figure(errors / ended)
	}
	f.Requests, f.RequestsPerSecond = new(is.counts[flowTotal]), Figure(n.rates[flowTotal])
	if !n.told {
		return f
	}
	r := n.rates
	f.Classes = classes(is.counts[:5])
	f.ClassesPerSecond = classes([]Figure{Figure(r[0]), Figure(r[1]), Figure(r[2]), Figure(r[3]), Figure(r[4])})
	f.Retries, f.RetriesPerSecond = new(is.counts[flowRetry]), Figure(r[flowRetry])
	f.Timeouts, f.TimeoutsPerSecond = new(is.counts[flowTimeout]+is.counts[flowTryTimeout]), Figure(r[flowTimeout]+r[flowTryTimeout])
	if q[0].Known() {
		f.Latency = &Quantiles{q[0], q[1], q[2], q[3]}
	}
	return f
}

// series gives the points of the rows that are shown.
func (c *collector) series(window time.Duration) *Series {
	t := c.shown.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(int(window/telemetryEvery), len(c.times.points))
	end := c.number + 1
	s := &Series{Times: c.times.last(end, n, time.Time{}), Targets: []TargetSeries{}, Pools: []FlowSeries{}, Endpoints: []FlowSeries{}}
	for i := range s.Times {
		s.Times[i] = s.Times[i].UTC()
	}
	for _, x := range t.Targets {
		r := c.rows[TargetKey{x.Blueprint, x.Pool, x.Target, x.Node}]
		if r == nil {
			continue
		}
		one := TargetSeries{ID: x.ID}
		for _, p := range r.points.last(end, n, targetPoint{requests: nothing, failures: nothing}) {
			one.Requests, one.Failures = append(one.Requests, p.requests), append(one.Failures, p.failures)
		}
		s.Targets = append(s.Targets, one)
	}
	s.Pools, s.Endpoints = c.flowSeries(t.Pools, end, n), c.flowSeries(t.Endpoints, end, n)
	return s
}

func (c *collector) flowSeries(of []FlowFigures, end int64, n int) []FlowSeries {
	out := []FlowSeries{}
	for _, x := range of {
		f := c.flows[flowKey{x.Blueprint, x.Pool, x.Endpoint}]
		if f == nil {
			continue
		}
		one := FlowSeries{ID: x.ID}
		for _, p := range f.points.last(end, n, flowPoint{requests: nothing, errors: nothing, p50: nothing, p95: nothing, p99: nothing}) {
			one.Requests, one.Errors = append(one.Requests, p.requests), append(one.Errors, p.errors)
			one.P50, one.P95, one.P99 = append(one.P50, p.p50), append(one.P95, p.p95), append(one.P99, p.p99)
		}
		out = append(out, one)
	}
	return out
}
