package fleet

import (
	"slices"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// TargetKey is a target as one Envoy has it.
type TargetKey struct{ Blueprint, Pool, Target, Node string }

// hostKey is a host of a cluster.
type hostKey struct{ cluster, hostname, address string }

// meter is what an Envoy said of a host.
type meter struct {
	host                                               envoy.Host
	at                                                 time.Time
	requests, successes, failures, timeouts, connected counter
}

// tally are numbers of requests.
type tally struct{ requests, successes, failures, timeouts uint64 }

func (t *tally) add(o tally) {
	t.requests += o.requests
	t.successes += o.successes
	t.failures += o.failures
	t.timeouts += o.timeouts
}

// take returns what was counted since the host was looked at last. When one of its
// counters went back, its cluster was built again, and all of them began at 0.
func (m *meter) take(h envoy.Host) tally {
	for _, c := range []struct {
		was counter
		is  uint64
	}{{m.requests, h.RequestsTotal}, {m.successes, h.RequestsSuccess}, {m.failures, h.RequestsError}, {m.timeouts, h.RequestsTimeout}, {m.connected, h.ConnectionsTotal}} {
		if c.is < uint64(c.was) {
			m.anew()
		}
	}
	m.host = h
	m.connected.take(h.ConnectionsTotal)
	return tally{m.requests.take(h.RequestsTotal), m.successes.take(h.RequestsSuccess), m.failures.take(h.RequestsError), m.timeouts.take(h.RequestsTimeout)}
}

func (m *meter) anew() { m.requests, m.successes, m.failures, m.timeouts, m.connected = 0, 0, 0, 0, 0 }

// seenTarget is a target in the eyes of one Envoy: the sum over its hosts, of which
// there are several only where Envoy resolves its name.
type seenTarget struct {
	hosts int
	host  envoy.Host // the first, with the sums of what is under way
	tally            // since the time before
}

// row is a target of which one Envoy tells.
type row struct {
	tally  // all of them, since it is known
	points ring[targetPoint]
}

// targetPoint are numbers a second.
type targetPoint struct{ requests, successes, failures, timeouts float32 }

// hostsByName are the hosts of each cluster by the name of their target.
type hostsByName map[string]map[string][]envoy.Host

func hostsOf(clusters []envoy.Cluster) hostsByName {
	out := make(hostsByName, len(clusters))
	for _, c := range clusters {
		by := make(map[string][]envoy.Host, len(c.Hosts))
		for _, h := range c.Hosts {
			by[h.Hostname] = append(by[h.Hostname], h)
		}
		out[c.Name] = by
	}
	return out
}

// takeHosts adds what an Envoy said of its hosts.
func (c *collector) takeHosts(s *source, said hostsByName) {
	clear(s.targets)
	bp := c.blueprints[s.file]
	if bp == nil {
		return
	}
	for _, pool := range bp.Pools {
		cluster := translate.ClusterName(pool)
		for _, t := range pool.Targets {
			hosts := said[cluster][translate.Authority(pool, t)]
			if len(hosts) == 0 {
				continue
			}
			key := TargetKey{bp.File, pool.Name, t.Name, c.nodeOf(s)}
			seen := &seenTarget{hosts: len(hosts), host: hosts[0]}
			seen.host.RequestsActive, seen.host.ConnectionsActive = 0, 0
			for _, h := range hosts {
				m := s.meter(hostKey{cluster, h.Hostname, h.Address})
				c.compare(s, key, m, h)
				seen.tally.add(m.take(h))
				m.at = s.at
				seen.host.RequestsActive += h.RequestsActive
				seen.host.ConnectionsActive += h.ConnectionsActive
				if !seen.host.Healthy() && h.Healthy() { // one that serves will do
					active, connections := seen.host.RequestsActive, seen.host.ConnectionsActive
					seen.host = h
					seen.host.RequestsActive, seen.host.ConnectionsActive = active, connections
				}
			}
			s.targets[key] = seen
			r := c.row(key)
			r.tally.add(seen.tally)
		}
	}
	for key, m := range s.hosts {
		if !m.at.Equal(s.at) {
			delete(s.hosts, key) // when it comes back it counts from 0
		}
	}
}

func (s *source) meter(key hostKey) *meter {
	m := s.hosts[key]
	if m == nil {
		m = new(meter)
		s.hosts[key] = m
	}
	return m
}

func (c *collector) row(key TargetKey) *row {
	r := c.rows[key]
	if r == nil {
		r = new(row)
		c.rows[key] = r
	}
	return r
}

// nodeOf is what a source is called: by its address as well, when another one has the
// same id.
func (c *collector) nodeOf(s *source) string {
	if s.admin == nil {
		return s.node
	}
	same := slices.ContainsFunc(c.sources, func(o *source) bool { return o != s && o.node == s.node && o.why == "" })
	if same {
		return s.node + "@" + string(s.admin.is.Address)
	}
	return s.node
}

// compare tells when a host is taken out or comes back.
func (c *collector) compare(s *source, key TargetKey, m *meter, h envoy.Host) {
	if m.at.IsZero() || s.admin == nil {
		return
	}
	e := Event{Subject: key.Target, Node: key.Node, Blueprint: key.Blueprint}
	if h.Ejected != m.host.Ejected {
		e.Kind, e.Text = EjectionEvent, "pool "+key.Pool+": ejected, its requests failed"
		if !h.Ejected {
			e.Kind, e.Text = UnejectEvent, "pool "+key.Pool+": no longer ejected"
		}
		c.feed.add(e)
	}
	if h.FailedCheck != m.host.FailedCheck && !h.PendingCheck && !m.host.PendingCheck {
		e.Kind, e.Text = HealthEvent, "pool "+key.Pool+": healthy, its health checks pass"
		if h.FailedCheck {
			e.Text = "pool " + key.Pool + ": unhealthy, " + failedCheck(h)
		}
		c.feed.add(e)
	}
}

// wanted is the part of a pool's requests that each of its targets should get.
func wanted(pool *blueprints.Pool) []float64 {
	out := make([]float64, len(pool.Targets))
	sum := 0.0
	for i, t := range pool.Targets {
		if out[i] = t.Weight; pool.Algorithm == blueprints.Random || pool.Algorithm == blueprints.IPHash {
			out[i] = 1
		}
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
