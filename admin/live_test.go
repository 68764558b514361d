package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"backworks/fleet"
)

const patience = 10 * time.Second

// watch opens a stream and gives its messages as "event", data.
func watch(t *testing.T, s *httptest.Server) func() (string, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/stream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("%s %s", answer.Status, kind)
	}
	lines := bufio.NewReader(answer.Body)
	return func() (event, data string) {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			line = strings.TrimSpace(line)
			switch field, value, _ := strings.Cut(line, ": "); {
			case field == "event":
				event = value
			case field == "data":
				data = value
			case line == "" && event != "":
				return event, data
			}
		}
	}
}

func serving(t *testing.T, f *fakeFleet) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(New(Options{Fleet: f}), nil)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// TestStream: all at first, then what changes, and all again when something was missed
// or there are other rows.
func TestStream(t *testing.T) {
	t.Parallel()
	_, c := described(t)
	f := busy()
	f.tell(figures3(1), fleet.Event{ID: 1, At: time.Now(), Kind: fleet.EditEvent, Text: "before"})
	next := watch(t, serving(t, f))
	want := func(event, schema string, parts ...string) string {
		t.Helper()
		got, data := next()
		if got != event {
			t.Fatalf("%s %s, want %s", got, data, event)
		}
		judge(t, c, "/components/schemas/"+schema, []byte(data))
		for _, part := range parts {
			if !strings.Contains(data, part) {
				t.Errorf("%s: no %s in %s", event, part, data)
			}
		}
		return data
	}
	want("snapshot", "Telemetry", `"before"`, `"id":"u"`, `"series":null`)
	two := figures3(2)
	f.tell(two)
	data := want("sample", "Sample", `"id":"t"`, `"requests":2`)
	if strings.Contains(data, `"id":"u"`) || strings.Contains(data, "events") {
		t.Errorf("a row that did not change: %s", data)
	}
	f.tell(two, fleet.Event{ID: 2, At: time.Now(), Kind: fleet.HealthEvent, Subject: "a", Text: "one"}) // between two moments
	want("event", "Event", `"one"`, `"kind":"health"`)
	f.tell(figures3(9))
	want("snapshot", "Telemetry", `"requests":9`, `"before"`)
	other := figures3(10)
	other.Shape++
	f.tell(other)
	want("snapshot", "Telemetry", `"requests":10`)
}

// TestStreamLimits: no more than there is room for, and room again when one is gone.
func TestStreamLimits(t *testing.T) {
	t.Parallel()
	f := busy()
	f.tell(figures3(1))
	p := newPages(Options{Fleet: f})
	p.live.open.Store(maxStreams)
	w := call(p.guarded(p.routes(p.all()...)), "GET", "/api/v1/stream")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if n := p.live.open.Load(); n != maxStreams {
		t.Errorf("%d streams are counted", n)
	}
	if w := call(p.routes(p.all()...), "HEAD", "/api/v1/stream"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("HEAD: %d", w.Code)
	}
}

// TestStreamsOfManySlowClients: clients that read nothing hold up neither those who do
// nor the other pages, and what they are owed does not grow.
func TestStreamsOfManySlowClients(t *testing.T) {
	t.Parallel()
	f := busy()
	f.tell(figures3(1))
	s := serving(t, f)
	for range maxStreams - 1 {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, "GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	next := watch(t, s)
	if event, _ := next(); event != "snapshot" {
		t.Fatal(event)
	}
	big := strings.Repeat("x", 64<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for number := int64(2); number < 60; number++ {
		t2 := figures3(number)
		t2.Targets[0].URL = big
		f.tell(t2)
		if event, data := next(); event == "" || len(data) < len(big) {
			t.Fatalf("%d: %s of %d bytes", number, event, len(data))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("%d MiB are kept for clients who do not read", grown>>20)
	}
	answer, err := s.Client().Get(s.URL + "/health")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", answer, err)
	}
	_ = answer.Body.Close()
}

// TestShutdownEndsStreams: it does not wait for answers without an end.
func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	f := busy()
	f.tell(figures3(1))
	s := serving(t, f)
	next := watch(t, s)
	next()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Config.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestTelemetryWindow(t *testing.T) {
	t.Parallel()
	f := busy()
	f.tell(figures3(1))
	f.series = &fleet.Series{Times: []time.Time{time.Unix(1, 0).UTC()}}
	h := New(Options{Fleet: f})
	var got struct{ Series *fleet.Series }
	for query, series := range map[string]bool{"": false, "?window=0": false, "?window=60": true} {
		got.Series = nil
		w := call(h, "GET", "/api/v1/telemetry"+query)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || (got.Series != nil) != series {
			t.Errorf("%q: %d %v %s", query, w.Code, err, w.Body)
		}
	}
	for _, window := range []string{"-1", "301", "x", "1e2", "99999999999999999999"} {
		if w := call(h, "GET", "/api/v1/telemetry?window="+window); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", window, w.Code)
		}
	}
}

// TestTargetMetrics: what the page shows is there for Prometheus, and what is not known
// has no series.
func TestTargetMetrics(t *testing.T) {
	t.Parallel()
	f := busy()
	f.tell(figures3(4))
	body := call(New(Options{Fleet: f}), "GET", "/metrics").Body.String()
	of := `{blueprint="/x/main.yaml",node="edge-1",pool="default",target="a"} `
	for _, line := range []string{
		"backworks_target_requests_total" + of + "4", "backworks_target_healthy" + of + "1", "backworks_target_seen_share_ratio" + of + "1",
		"backworks_target_drained" + of + "1",
		`backworks_pool_answers_total{blueprint="/x/main.yaml",class="2xx",pool="default"} 4`,
		`backworks_pool_response_seconds{blueprint="/x/main.yaml",percentile="99",pool="default"} 0.004`,
		`backworks_endpoint_requests_total{blueprint="/x/main.yaml",endpoint="GET /a"} 4`,
		`backworks_envoy_requests_total{address="",node="edge-1"} 4`, `backworks_envoy_active_requests{address="",node="edge-1"} 4`,
		`backworks_envoy_active_connections{address="",node="edge-1"} 4`, `backworks_envoy_restarts_total{address="",node="edge-1"} 0`,
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(body, `target="b"`) || strings.Contains(body, `node="edge-2"} `) || strings.Contains(body, "NaN") {
		t.Errorf("what nobody knows is told: %s", body)
	}
	var got figuresAnswer
	w := call(New(Options{Fleet: f}), "GET", "/metrics?format=json")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Targets[0].PerSecond != nil { // another blueprint's
		t.Errorf("%v", *got.Targets[0].PerSecond)
	}
	f.targets[0].Blueprint = "/x/main.yaml"
	w = call(New(Options{Fleet: f}), "GET", "/metrics?format=json")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Targets[0].PerSecond == nil || *got.Targets[0].PerSecond != 1.5 || *got.Aggregated.PerSecond != 1.5 {
		t.Errorf("%v %s", err, w.Body)
	}
}

// BenchmarkStream is a second of 1,000 pools of 3 targets of which all have traffic, for 50
// who look on.
func BenchmarkStream(b *testing.B) {
	f := busy()
	second := func(number int64) *fleet.Telemetry {
		t := figures3(number)
		for _, rows := range []*[]fleet.FlowFigures{&t.Pools, &t.Endpoints} {
			*rows = slices.Repeat(*rows, 1000)
		}
		t.Targets = slices.Repeat(t.Targets[:1], 3000)
		return t
	}
	f.tell(second(1))
	p := newPages(Options{Fleet: f})
	viewers := make([]viewer, 50)
	for i := range viewers {
		p.next(&viewers[i])
	}
	bytes := 0
	number := int64(1)
	for b.Loop() {
		number++
		f.tell(second(number))
		for i := range viewers {
			for _, m := range p.next(&viewers[i]) {
				bytes += len(m)
			}
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N*len(viewers)), "sent-B/viewer")
	b.ReportAllocs()
}
