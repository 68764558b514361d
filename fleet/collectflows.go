package fleet

import (
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// flowKey is a pool or an endpoint; the Envoys of a blueprint are taken together.
type flowKey struct{ file, pool, endpoint string }

// flowNames are the endings of the statistics of a pool or endpoint; those of
// requests by class come first.
var flowNames = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx", "total", "retry", "timeout", "per_try_timeout"}

// The places of flowNames.
const (
	flowTotal = iota + 5
	flowRetry
	flowTimeout
	flowTryTimeout
)

type (
	flowCounts [len(flowNames)]uint64
	flowRates  [len(flowNames)]float64 // a second
)

// flow is a pool or endpoint.
type flow struct {
	counts flowCounts
	points ring[flowPoint]
	// used by the newest round
	number int64
}

// flowPoint are numbers a second, and milliseconds.
type flowPoint struct {
	classes                [5]float32
	requests               float32
	ended, errors          float32
	p50, p95, p99, retries float32
}

// requestStat ends what the names of the statistics of a cluster or route begin with.
const requestStat = ".upstream_rq_"

// statOf begins the names of a pool's or endpoint's statistics.
func poolStat(p *blueprints.Pool) string {
	return "cluster." + strings.ReplaceAll(translate.StatName(p), ":", "_") + requestStat
}

func endpointStat(e *blueprints.Endpoint) string {
	return "vhost." + translate.RouteName + ".route." + translate.RouteStat(e) + requestStat
}

const listenerStat = "http." + translate.ListenerStat + ".downstream_"

// eachFlow gives the pools and endpoints of a blueprint with what their statistics
// begin with. Endpoints without targets have none.
func eachFlow(bp *blueprints.Blueprint, do func(flowKey, string)) {
	for _, p := range bp.Pools {
		do(flowKey{bp.File, p.Name, ""}, poolStat(p))
	}
	for _, e := range bp.Endpoints {
		if e.Handler == blueprints.HandlerProxy {
			do(flowKey{bp.File, "", translate.EndpointName(e)}, endpointStat(e))
		}
	}
}

// takeFlows adds the statistics that an Envoy has told to its blueprint's pools and
// endpoints.
func (c *collector) takeFlows(s *source) {
	clear(s.flows)
	s.listener = s.rates(s.counts(listenerStat + "rq_"))
	s.total += s.counts(listenerStat + "rq_")[flowTotal]
	bp := c.blueprints[s.file]
	if bp == nil {
		return
	}
	eachFlow(bp, func(key flowKey, stat string) {
		grown := s.counts(stat)
		c.grow(key, grown)
		s.flows[key] = s.rates(grown)
	})
}

func (s *source) counts(stat string) (n flowCounts) {
	for i, name := range flowNames {
		n[i] = s.grown[stat+name]
	}
	// Where there is a fallback, Envoy counts answers and retries at the one cluster and
	// what the pool's targets got at the other.
	if own, is := strings.CutSuffix(stat, translate.Fallback+requestStat); is {
		n[flowTotal] = s.grown[own+requestStat+flowNames[flowTotal]]
	}
	return n
}

// rates makes numbers a second of what was counted since the time before.
func (s *source) rates(n flowCounts) (r flowRates) {
	for i, count := range n {
		r[i] = s.perSecond(count)
	}
	return r
}

func (s *source) perSecond(count uint64) float64 {
	if s.first || s.elapsed <= 0 {
		return 0
	}
	return float64(count) / s.elapsed.Seconds()
}

// grow adds to the totals of a pool or endpoint.
func (c *collector) grow(key flowKey, n flowCounts) {
	f := c.flows[key]
	if f == nil {
		f = new(flow)
		c.flows[key] = f
	}
	for i := range n {
		f.counts[i] += n[i]
	}
}

// flowNow is a pool or endpoint over all its Envoys.
type flowNow struct {
	rates   flowRates
	told    bool // some Envoy tells of it, by class
	loads   bool // some reports its load, which has no classes
	errors  float64
	ended   float64
	buckets []envoy.Bucket
}

// now adds up what the Envoys of a blueprint say of a pool or endpoint.
func (c *collector) now(key flowKey, stat string, of []*source, now time.Time) (n flowNow) {
	for _, s := range of {
		r, ok := s.flows[key]
		if !ok {
			continue
		}
		for i := range r {
			n.rates[i] += r[i]
		}
		if s.admin == nil { // errors are counted as answers of 5xx
			n.loads = true
			n.errors += r[4]
			n.ended += r[4] + r[1]
			n.rates[1], n.rates[4] = n.rates[1]-r[1], n.rates[4]-r[4]
			continue
		}
		n.told = true
		n.errors += r[4]
		for class := range 5 {
			n.ended += r[class]
		}
		if l := s.times[stat+"time"]; l != nil {
			l.forget(now)
			for _, g := range l.recent {
				n.buckets = append(n.buckets, g.buckets...)
			}
		}
	}
	return n
}
