package fleet

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

const (
	// maxReporting bounds the nodes whose load reports are part of the figures of pools:
	// of more, the first by their ids are.
	maxReporting = 1000
	// maxTold bounds those that are told of one by one: each adds a row for every target.
	maxTold = 100
)

// takeReports adds the load reports of nodes whose admin interface is not asked.
func (c *collector) takeReports(now time.Time) {
	nodes := c.fleet.loads.ids()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		if s.why == "" {
			nodes = slices.DeleteFunc(nodes, func(id string) bool { return id == s.node })
		}
	}
	nodes = nodes[:min(len(nodes), maxReporting)]
	maps.DeleteFunc(c.reports, func(id string, _ *source) bool { return !slices.Contains(nodes, id) })
	for i, id := range nodes {
		load, reports := c.fleet.Load(id)
		if !reports {
			continue
		}
		s := c.reports[id]
		if s == nil {
			s = newSource(nil)
			s.node = id
			c.reports[id] = s
		}
		s.untold = i >= maxTold
		if !load.Last.After(s.at) {
			if now.Sub(s.at) > 3*s.every {
				s.elapsed = 0 // what it did then is no rate of now
				clear(s.flows)
			}
			continue
		}
		c.takeReport(s, load)
	}
}

func (c *collector) takeReport(s *source, load Load) {
	if s.stream != load.Stream {
		s.anew()
	}
	s.file, s.cluster = fileOf(load.group), ""
	s.first, s.elapsed, s.stream = s.at.IsZero(), load.Last.Sub(s.at), load.Stream
	s.at, s.every = load.Last, max(telemetryEvery, s.elapsed)
	if s.first {
		s.every = telemetryEvery
	}
	clear(s.flows)
	bp := c.blueprints[s.file]
	if bp == nil {
		clear(s.targets)
		return
	}
	said := hostsByName{}
	loads := map[string]int{}
	clusters := c.fleet.ClusterLoads(s.node)
	for i, l := range clusters {
		loads[l.Cluster] = i
	}
	state := c.fleet.resolver.answers.Load().state
	for _, pool := range bp.Pools {
		i, told := loads[translate.ClusterName(pool)]
		if !told {
			continue
		}
		l := clusters[i]
		by := map[string][]envoy.Host{}
		for _, e := range l.Endpoints {
			by[e.Address] = append(by[e.Address], envoy.Host{
				Address: e.Address, RequestsTotal: e.Issued, RequestsSuccess: e.Successes, RequestsError: e.Errors, RequestsActive: e.InProgress,
			})
		}
		said[l.Cluster] = map[string][]envoy.Host{}
		for _, t := range pool.Targets {
			hosts := slices.Clone(by[addressOf(t, state)])
			for i := range hosts {
				hosts[i].Hostname = translate.Authority(pool, t)
			}
			said[l.Cluster][translate.Authority(pool, t)] = hosts
		}
		c.takeLoad(s, bp, pool, l.Issued, l.Successes, l.Errors)
	}
	if s.untold {
		clear(s.targets)
		return
	}
	c.takeHosts(s, said)
}

// takeLoad adds what a node reports of a pool: successes stand as answers of 2xx and
// errors as those of 5xx until they are shown.
func (c *collector) takeLoad(s *source, bp *blueprints.Blueprint, pool *blueprints.Pool, issued, successes, errors uint64) {
	var n flowCounts
	for i, value := range map[int]uint64{flowTotal: issued, 1: successes, 4: errors} {
		name := poolStat(pool) + flowNames[i]
		v := s.values[name]
		if v == nil {
			v = new(counter)
			s.values[name] = v
		}
		n[i] = v.take(value)
	}
	key := flowKey{bp.File, pool.Name, ""}
	s.flows[key] = s.rates(n)
	c.grow(key, flowCounts{flowTotal: n[flowTotal]})
}

// addressOf is where a target is, as its assignment has it; "" when it is not known.
func addressOf(t *blueprints.Target, state *translate.State) string {
	host := t.Host
	if state != nil {
		if known := state.Addresses[t.Host]; len(known) > 0 {
			host = known[0].String()
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(int(t.Port)))
}
