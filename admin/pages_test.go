package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"backworks/envoy"
	"backworks/fleet"
)

func TestPages(t *testing.T) {
	t.Parallel()
	f := busy()
	all := New(Options{Fleet: f, Version: "1.2.3", Sidecar: func() envoy.State { return envoy.State{Phase: envoy.Live, PID: 7} }})
	for _, c := range []struct {
		method, path string
		status       int
		want         []string // parts of the body
	}{
		{"GET", "/", 200, []string{"/metrics", "/api/v1/reload"}},
		{"GET", "/health", 200, []string{`"status": "healthy"`, `"version": "1.2.3"`}},
		{"GET", "/ready", 200, []string{`"ready": true`, `"degraded": true`, "main.yaml:3:5: endpoints: is bad"}},
		{"GET", "/api/v1/status", 200, []string{
			`"id": "edge-1"`, `"message": "no such port"`, `"position": "main.yaml:2:1"`, `"line": 3`, `"column": 5`, `"acknowledged": "1"`,
			`"phase": "live"`, `"degraded": true`,
		}},
		{"GET", "/api/v1/targets", 200, []string{`"target": "b"`, `"ejected": true`, `"health": "unknown"`, `"requests": 7`}},
		{"GET", "/api/v1/status", 200, []string{`"state": "REJECTED"`, `"stage": ""`}},
		{"GET", "/api/v1/history", 200, []string{`"file": "/x/main.yaml"`, `"version": "abc"`, `"stage": "refused"`, `"main.yaml:2:1"`}},
		{"GET", "/api/v1/history?blueprint=shop", 200, []string{`"version": "abc"`}},
		{"GET", "/api/v1/history?blueprint=other", 404, []string{"no blueprint"}},
		{"POST", "/api/v1/history", 405, []string{"GET"}},
		{"POST", "/api/v1/rollback?blueprint=shop&version=v1", 200, []string{`"name": "shop"`}},
		{"POST", "/api/v1/rollback?blueprint=other", 409, []string{"no such blueprint"}},
		{"GET", "/api/v1/rollback?blueprint=shop", 405, []string{"POST"}},
		{"POST", "/api/v1/retry?blueprint=shop", 200, []string{`"name": "shop"`}},
		{"GET", "/api/v1/retry?blueprint=shop", 405, []string{"POST"}},
		{"HEAD", "/health", 200, nil},
		{"POST", "/health", 405, []string{"GET, HEAD"}},
		{"GET", "/api/v1/reload", 405, []string{"POST"}},
		{"GET", "/nothing", 404, []string{"no such page"}},
		{"GET", "/health/", 404, nil},
	} {
		w := call(all, c.method, c.path)
		body := w.Body.String()
		if w.Code != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, body)
		}
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s %s: no %q in %s", c.method, c.path, want, body)
			}
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Code == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: headers %v", c.method, c.path, w.Header())
		}
		if strings.Contains(body, "s3cret") {
			t.Errorf("%s %s tells metadata", c.method, c.path)
		}
	}
	if did := strings.Join(f.did, ", "); did != "rollback v1, retry " {
		t.Errorf("done by hand: %s", did)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	f := &fakeFleet{}
	h := New(Options{Fleet: f})
	if w := call(h, "GET", "/ready"); w.Code != 503 || !strings.Contains(w.Body.String(), "not loaded yet") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.status = fleet.Status{Last: &fleet.Report{}, Blueprints: []fleet.BlueprintStatus{{}}}
	if w := call(h, "GET", "/ready"); w.Code != 503 || !strings.Contains(w.Body.String(), "no Envoy is connected") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.status.Ready = true
	if w := call(h, "GET", "/ready"); w.Code != 200 || strings.Contains(w.Body.String(), "reason") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	f := busy()
	h := New(Options{Fleet: f})
	if w := call(h, "POST", "/api/v1/reload"); w.Code != 503 {
		t.Errorf("stopped: %d", w.Code)
	}
	f.report = &fleet.Report{By: "hand", Outcome: fleet.Published}
	if w := call(h, "POST", "/api/v1/reload"); w.Code != 200 || !strings.Contains(w.Body.String(), `"outcome": "published"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.report = &fleet.Report{By: "hand", Outcome: fleet.Rejected, Problems: f.status.Problems}
	if w := call(h, "POST", "/api/v1/reload"); w.Code != 422 || !strings.Contains(w.Body.String(), "main.yaml:3:5: endpoints: is bad") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestWebPagesAreKeptOut: neither by another name for our address, nor by a request
// of another origin.
func TestWebPagesAreKeptOut(t *testing.T) {
	t.Parallel()
	f := busy()
	f.report = &fleet.Report{}
	h := New(Options{Fleet: f, Hosts: []string{"admin.example"}})
	for _, c := range []struct {
		method, path, header string
		status               int
	}{
		{"GET", "/health", "Host: evil.example", 421},
		{"GET", "/health", "Host: evil.example:8081", 421},
		{"GET", "/health", "Host: localhost:8081", 200},
		{"GET", "/health", "Host: backworks:8081", 200},
		{"GET", "/health", "Host: [::1]:8081", 200},
		{"GET", "/health", "Host: me.localhost", 200},
		{"GET", "/health", "Host: admin.example", 200},
		{"GET", "/health", "Host: Admin.Example.:8081", 200},
		{"GET", "/health", "Host: backworks.edge.svc.cluster.local:8081", 200},
		{"GET", "/health", "Host: backworks.edge.svc:8081", 200},
		{"GET", "/health", "Host: localhost.evil.example", 421},
		{"GET", "/health", "Host: evilinternal.example", 421},
		{"POST", "/api/v1/reload", "Sec-Fetch-Site: cross-site", 403},
		{"POST", "/api/v1/reload", "Origin: http://evil.example", 403},
		{"POST", "/api/v1/reload", "Origin: http://127.0.0.1:8081", 200},
		{"POST", "/api/v1/reload", "X-Any: thing", 200},
	} {
		if w := call(h, c.method, c.path, c.header); w.Code != c.status {
			t.Errorf("%s %s with %q: %d, want %d", c.method, c.path, c.header, w.Code, c.status)
		}
	}
	if f.reloads != 2 {
		t.Errorf("%d reloads", f.reloads)
	}
}

// TestStatusOfMany: the status is made once for all who ask while it is being made.
func TestStatusOfMany(t *testing.T) {
	t.Parallel()
	f := busy()
	f.looks, f.look = make(chan struct{}, 1), make(chan struct{})
	h := New(Options{Fleet: f})
	ask := func() {
		if w := call(h, "GET", "/api/v1/status"); w.Code != 200 || !strings.Contains(w.Body.String(), "edge-1") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	var answers sync.WaitGroup
	answers.Go(ask)
	<-f.looks // the first is being made
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 50 { // they do not wait, so that they have asked when this is over
		r := httptest.NewRequestWithContext(gone, http.MethodGet, "http://127.0.0.1/api/v1/status", http.NoBody)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	answers.Go(ask)
	close(f.look)
	answers.Wait()
	if n := f.looked.Load(); n > 3 {
		t.Errorf("it was made %d times", n)
	}
}

// TestMetricsAlone: what Envoys lead clients to has no other page.
func TestMetricsAlone(t *testing.T) {
	t.Parallel()
	h := Metrics(Options{Fleet: busy()})
	for _, e := range entries {
		path, _, _ := strings.Cut(e.path, "?")
		if w := call(h, e.method, path); (w.Code == 200) != (path == "/metrics") {
			t.Errorf("%s %s: %d", e.method, path, w.Code)
		}
	}
}

func TestJSONFigures(t *testing.T) {
	t.Parallel()
	f := busy()
	f.times = &fleet.ResponseTimes{Average: 2, Minimum: 1, Maximum: 9, P95: 5, P99: 8}
	h := New(Options{Fleet: f})
	var got map[string]any
	for _, how := range [][]string{{"/metrics?format=json"}, {"/metrics", "Accept: application/json"}} {
		w := call(h, "GET", how[0], how[1:]...)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("%v: %d %v %s", how, w.Code, err, w.Body)
		}
	}
	targets := got["targets"].([]any)
	a, b, d, c, sum := targets[0].(map[string]any), targets[1].(map[string]any), targets[2].(map[string]any), targets[3].(map[string]any), got["aggregated"].(map[string]any)
	for _, x := range []struct {
		of   map[string]any
		key  string
		want any
	}{
		{b, "target_name", "b"}, {b, "total_requests", 7.0}, {b, "failed_requests", 7.0}, {b, "circuit_breaker_state", "Open"}, {b, "is_healthy", false},
		{b, "p99_response_time_ms", nil}, {d, "circuit_breaker_state", "HalfOpen"}, {c, "total_requests", nil}, {c, "is_healthy", nil},
		{sum, "target_name", "aggregated"}, {sum, "total_requests", 12.0}, {sum, "successful_requests", 4.0}, {sum, "is_healthy", true},
		{sum, "avg_response_time_ms", 2.0}, {sum, "min_response_time_ms", 1.0}, {sum, "max_response_time_ms", 9.0}, {sum, "p95_response_time_ms", 5.0}, {a, "p99_response_time_ms", 8.0},
	} {
		if got, there := x.of[x.key]; got != x.want || !there {
			t.Errorf("%v: %s is %v (%v), want %v", x.of["target_name"], x.key, got, there, x.want)
		}
	}
}
