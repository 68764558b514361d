package fleet

import (
	"slices"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
)

// ResponseTimes are milliseconds of all tries that were answered, as far as the buckets of
// Envoy's histograms tell: to a tenth of the power of ten.
type ResponseTimes struct{ Average, Minimum, Maximum, P95, P99 float64 }

// ResponseTimes are those of all pools since their Envoys, or their clusters, began, nil
// where no Envoy tells any; and those of targets, which Envoy does not tell from each
// other, where a target is all of its pool.
func (f *Fleet) ResponseTimes() (all *ResponseTimes, own map[TargetKey]*ResponseTimes) {
	c := f.collector
	c.mu.Lock()
	defer c.mu.Unlock()
	own = map[TargetKey]*ResponseTimes{}
	var everything []envoy.Bucket
	for _, s := range c.sources {
		bp := c.blueprints[s.file]
		if bp == nil || s.why != "" {
			continue
		}
		for _, p := range bp.Pools {
			l := s.times[poolStat(p)+"time"]
			if l == nil {
				continue
			}
			everything = append(everything, l.last...)
			if len(p.Targets) == 1 {
				own[TargetKey{bp.File, p.Name, p.Targets[0].Name, c.nodeOf(s)}] = responseTimes(slices.Clone(l.last))
			}
		}
	}
	return responseTimes(everything), own
}

// responseTimes sorts the buckets.
func responseTimes(buckets []envoy.Bucket) *ResponseTimes {
	buckets = slices.DeleteFunc(buckets, func(b envoy.Bucket) bool { return b.Count == 0 })
	if len(buckets) == 0 {
		return nil
	}
	q := quantiles(buckets, .95, .99)
	r := &ResponseTimes{Minimum: buckets[0].Lower, P95: float64(q[0]), P99: float64(q[1])}
	var count float64
	for _, b := range buckets {
		count += float64(b.Count)
		r.Average += float64(b.Count) * (b.Lower + b.Width/2)
		r.Maximum = max(r.Maximum, b.Lower+b.Width)
	}
	r.Average /= count
	return r
}

// ownLatency are the response times of the last moments of a target that is all of its
// pool; nil of others, since Envoy has them by pool.
func (s *source) ownLatency(p *blueprints.Pool, now time.Time) *Quantiles {
	l := s.times[poolStat(p)+"time"]
	if len(p.Targets) != 1 || l == nil {
		return nil
	}
	l.forget(now)
	var buckets []envoy.Bucket
	for _, g := range l.recent {
		buckets = append(buckets, g.buckets...)
	}
	q := quantiles(buckets, .5, .9, .95, .99)
	if !q[0].Known() {
		return nil
	}
	return &Quantiles{q[0], q[1], q[2], q[3]}
}
