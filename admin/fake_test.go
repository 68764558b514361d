package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/fleet"
	"backworks/xds"
)

// fakeFleet is what the tests say it is.
type fakeFleet struct {
	status   fleet.Status
	report   *fleet.Report
	envoys   []fleet.Envoy
	targets  []fleet.TargetStatus
	breakers []fleet.BreakerStatus
	reloads  int
	did      []string // by hand

	// Where look is not nil, looks tells when the status is being made, which waits for it.
	looked      atomic.Int64
	looks, look chan struct{}

	mu        sync.Mutex
	telemetry *fleet.Telemetry
	series    *fleet.Series
	times     *fleet.ResponseTimes
	events    []fleet.Event // the newest first
	changed   chan struct{}
}

func (f *fakeFleet) Ready() bool { return f.status.Ready }
func (f *fakeFleet) Status() fleet.Status {
	f.looked.Add(1)
	if f.look != nil {
		select {
		case f.looks <- struct{}{}:
		default:
		}
		<-f.look
	}
	return f.status
}
func (f *fakeFleet) Numbers() fleet.Numbers {
	return fleet.Numbers{Loads: map[fleet.Outcome]uint64{fleet.Published: 3}, LoadTook: time.Millisecond, LastLoad: time.Unix(1700000000, 0), Nodes: len(f.status.Nodes)}
}
func (f *fakeFleet) Envoys() []fleet.Envoy                        { return f.envoys }
func (f *fakeFleet) Targets(context.Context) []fleet.TargetStatus { return f.targets }
func (f *fakeFleet) Breakers() []fleet.BreakerStatus              { return f.breakers }
func (f *fakeFleet) History(blueprint string) map[string][]fleet.Version {
	if blueprint != "" && blueprint != "shop" {
		return nil
	}
	return map[string][]fleet.Version{"/x/main.yaml": {{Version: "abc", Name: "shop", Verdict: fleet.Verdict{Stage: fleet.Refused, Reason: "no such port", Where: []string{"main.yaml:2:1"}}}}}
}

func (f *fakeFleet) Text(_ context.Context, blueprint, version string) (fleet.Written, error) {
	if blueprint != "shop" {
		return fleet.Written{}, errors.New("no such blueprint")
	}
	return fleet.Written{
		Version: cmp.Or(version, "abc"), Files: blueprints.FileSet{"/x/main.yaml": []byte("key: ${KEY}\n"), "/x/a.yaml": []byte("")},
		Resources: []xds.Listed{{Type: "CDS", Name: "pool", Origin: "main.yaml:3:5"}},
	}, nil
}

func (f *fakeFleet) Content(_ context.Context, blueprint, _, label, name string) (json.RawMessage, error) {
	if blueprint != "shop" {
		return nil, errors.New("no such blueprint")
	}
	if label != "CDS" || name != "pool" {
		return nil, nil
	}
	return json.RawMessage(`{"name": "pool"}`), nil
}

func (f *fakeFleet) Rollback(_ context.Context, blueprint, version string) error {
	return f.byHand("rollback", blueprint, version)
}

func (f *fakeFleet) Retry(_ context.Context, blueprint string) error {
	return f.byHand("retry", blueprint, "")
}

func (f *fakeFleet) Switch(of fleet.Switched, to fleet.Switch) error {
	if of.Target == "gone" {
		return errors.New("no such target")
	}
	f.did = append(f.did, string(to)+" "+of.Pool+"/"+of.Target)
	return nil
}

func (f *fakeFleet) byHand(what, blueprint, version string) error {
	if blueprint != "shop" {
		return errors.New("no such blueprint")
	}
	f.did = append(f.did, what+" "+version)
	return nil
}

func (f *fakeFleet) ResponseTimes() (*fleet.ResponseTimes, map[fleet.TargetKey]*fleet.ResponseTimes) {
	return f.times, map[fleet.TargetKey]*fleet.ResponseTimes{{Pool: "default", Target: "a", Node: "edge-1"}: f.times}
}

func (f *fakeFleet) Series(window time.Duration) *fleet.Series { return f.series }
func (f *fakeFleet) Events() []fleet.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events
}

func (f *fakeFleet) Telemetry() *fleet.Telemetry {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.telemetry == nil {
		return &fleet.Telemetry{}
	}
	return f.telemetry
}

func (f *fakeFleet) TelemetryChanged() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// tell makes figures and events the newest.
func (f *fakeFleet) tell(t *fleet.Telemetry, events ...fleet.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.telemetry, f.events = t, append(events, f.events...)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

func (f *fakeFleet) Reload(context.Context) (*fleet.Report, error) {
	f.mu.Lock()
	f.reloads++
	f.mu.Unlock()
	if f.report == nil {
		return nil, errors.New("stopped")
	}
	return f.report, nil
}

var problem = blueprints.Problem{Position: blueprints.Position{File: "main.yaml", Line: 3, Column: 5}, Path: "endpoints", Message: "is bad"}

// busy is a fleet of which there is something to tell.
func busy() *fakeFleet {
	refusal := &xds.Refusal{Version: "v2", Message: "no such port", Count: 2, Resources: []xds.RefusedResource{{Name: "proxy", Origin: "main.yaml:2:1"}}}
	return &fakeFleet{
		status: fleet.Status{
			Ready: true, Degraded: true, Problems: blueprints.Problems{problem},
			Blueprints: []fleet.BlueprintStatus{{File: "/x/main.yaml", Name: "shop", Version: "abc", Degraded: true}},
			Nodes: []fleet.Node{{NodeStatus: xds.NodeStatus{
				ID: "edge-1", Cluster: "edge", Group: "/x/main.yaml", Metadata: map[string]any{"token": "s3cret"},
				Types: []xds.TypeStatus{{Type: "LDS", Sent: "2", Acked: "1", Refused: refusal}},
			}}},
		},
		targets: []fleet.TargetStatus{
			{Pool: "default", Target: "a", URL: "http://a:1", Node: "edge-1", Health: fleet.Healthy, Requests: 5, Successes: 4, Errors: 1, Connections: 2},
			{Pool: "default", Target: "b", URL: "http://b:1", Node: "edge-1", Health: fleet.Unhealthy, Ejected: true, Requests: 7, Errors: 7},
			{Pool: "default", Target: "d", URL: "http://d:1", Node: "edge-1", Health: fleet.Healthy, Breaker: &fleet.TargetBreaker{State: fleet.BreakerHalfOpen, Scope: blueprints.ScopeFleet}},
			{Pool: "other", Target: "c", URL: "http://c:1", Health: fleet.Unknown},
		},
		breakers: []fleet.BreakerStatus{{
			Blueprint: "/x/main.yaml", Pool: "default", Target: "d", Node: "edge-1", State: fleet.BreakerHalfOpen,
			Turns: map[fleet.BreakerState]uint64{fleet.BreakerOpen: 2, fleet.BreakerHalfOpen: 1},
		}},
	}
}

// call asks a handler; headers are "Name: value".
func call(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Host = "127.0.0.1:8081"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// answered gives the status of an answer.
func answered(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// fakeEnvoy is an admin interface with those statistics.
func fakeEnvoy(t testing.TB, node, statistics string) fleet.Envoy {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, statistics) }))
	t.Cleanup(s.Close)
	address := envoy.Address(strings.TrimPrefix(s.URL, "http://"))
	return fleet.Envoy{Node: node, Address: address, Admin: envoy.NewAdmin(address)}
}
