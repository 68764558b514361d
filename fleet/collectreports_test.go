package fleet

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"backworks/xds"
)

// TestCollectReports: an Envoy whose admin interface is out of reach is told of by its
// load reports; its health is not known.
func TestCollectReports(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.stop() // its own collector has a clock of its own
	at := time.Unix(1700000100, 0)
	r.fleet.loads.now = func() time.Time { return at }
	report := func(stream, issued, failed uint64) *Telemetry {
		at = at.Add(time.Second)
		counts := xds.Counts{Issued: issued, Successes: issued - failed, Errors: failed}
		r.fleet.loads.add(xds.LoadReport{Stream: stream, Node: xds.Node{ID: "far"}, Group: r.file("one.yaml"), Clusters: []xds.ClusterLoad{
			{Cluster: "default", Counts: counts, Endpoints: []xds.EndpointLoad{{Address: "10.0.0.2:80", Counts: counts}}},
		}})
		r.now = at.Add(-time.Second)
		return r.second(errors.New("out of reach"))
	}
	report(1, 8, 0)
	f := report(1, 4, 1)
	far := f.Targets[1]
	if f.Targets[0].Node != "" || far.Node != "far" || far.Source != FromLoadReport || *far.Requests != 12 || *far.Failures != 1 || far.Health != Unknown || far.Timeouts != nil {
		t.Errorf("%+v", f.Targets)
	}
	is(t, "rate", far.RequestsPerSecond, 4)
	if p := f.Pools[0]; *p.Requests != 12 || p.Classes != nil {
		t.Errorf("%+v", p)
	}
	is(t, "error rate", f.Pools[0].ErrorRate, 0.25)
	if f = report(2, 3, 0); *f.Targets[1].Requests != 15 {
		t.Errorf("on another stream: %d", *f.Targets[1].Requests)
	}
}

// TestCollectCrowds: of many nodes that report, pools have them all, and rows only some.
func TestCollectCrowds(t *testing.T) {
	t.Parallel()
	r := newCollectRig(t)
	r.stop() // its own collector has a clock of its own
	at := time.Unix(1700000100, 0)
	r.fleet.loads.now = func() time.Time { return at }
	for i := range 3 * maxTold {
		counts := xds.Counts{Issued: 2, Successes: 2}
		r.fleet.loads.add(xds.LoadReport{Stream: uint64(i), Node: xds.Node{ID: fmt.Sprintf("n%03d", i)}, Group: r.file("one.yaml"), Clusters: []xds.ClusterLoad{
			{Cluster: "default", Counts: counts, Endpoints: []xds.EndpointLoad{{Address: "10.0.0.2:80", Counts: counts}}},
		}})
	}
	f := r.second(errors.New("out of reach"))
	if len(f.Targets) != 1+maxTold || len(f.Envoys) != 1+maxTold || *f.Pools[0].Requests != 6*maxTold {
		t.Errorf("%d rows, %d Envoys, %d requests", len(f.Targets), len(f.Envoys), *f.Pools[0].Requests)
	}
	if len(r.c.rows) != maxTold {
		t.Errorf("%d series", len(r.c.rows))
	}
}
