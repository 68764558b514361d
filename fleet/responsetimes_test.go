package fleet

import (
	"strings"
	"testing"

	"backworks/envoy"
)

// TestResponseTimes: of all pools as Envoy counted them, of a target where it is all of
// its pool, and of nothing where nobody tells.
func TestResponseTimes(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	ask := func() (*ResponseTimes, map[TargetKey]*ResponseTimes) { return (&Fleet{collector: r.c}).ResponseTimes() }
	if all, own := ask(); all != nil || len(own) > 0 {
		t.Errorf("of nothing: %+v %v", all, own)
	}
	r.serve(1, 0, 0)
	name := "cluster.default.upstream_rq_time"
	r.times = map[string][]envoy.Bucket{name: {{Lower: 10, Width: 1, Count: 10}}}
	if f := r.second(nil); f.Targets[0].Latency != nil {
		t.Errorf("one of two: %+v", f.Targets[0].Latency)
	}
	r.times = map[string][]envoy.Bucket{name: {{Lower: 1, Width: 0.1, Count: 90}, {Lower: 10, Width: 1, Count: 10}}}
	if f := r.second(nil); f.Targets[0].Latency != nil {
		t.Errorf("one of two: %+v", f.Targets[0].Latency)
	}
	all, own := ask()
	if all == nil || len(own) > 0 {
		t.Fatalf("of two targets: %+v %v", all, own)
	}
	for what, got := range map[string][2]float64{
		"average": {all.Average, .9*1.05 + .1*10.5}, "minimum": {all.Minimum, 1}, "maximum": {all.Maximum, 11}, "p95": {all.P95, 10.5}, "p99": {all.P99, 10.9},
	} {
		is(t, what, Figure(got[0]), got[1])
	}
	lines := strings.Split(twoTargets, "\n")
	r.write("one.yaml", strings.Join(append(lines[:7:7], lines[8:]...), "\n"))
	r.reload()
	r.times = map[string][]envoy.Bucket{name: {{Lower: 1, Width: 0.1, Count: 90}, {Lower: 10, Width: 1, Count: 20}}}
	f := r.second(nil)
	if len(f.Targets) != 1 || f.Targets[0].Latency == nil {
		t.Fatalf("all of its pool: %+v", f.Targets)
	}
	is(t, "p50 of the target", f.Targets[0].Latency.P50, 1+0.1*50/90)
	if _, own := ask(); len(own) != 1 {
		t.Errorf("own: %v", own)
	}
}
