package translate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	logsv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	spansv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// collector receives OTLP over gRPC and HTTP.
type collector struct {
	tracev1.UnimplementedTraceServiceServer
	logsv1.UnimplementedLogsServiceServer
	grpc, http string

	mu       sync.Mutex
	services []string
	spans    []*spansv1.Span
	lines    []string // of logs: "service key=value ..."
	paths    []string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := new(collector)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	tracev1.RegisterTraceServiceServer(s, c)
	logsv1.RegisterLogsServiceServer(s, logs{c: c})
	go func() { _ = s.Serve(lis) }()
	t.Cleanup(s.Stop)
	c.grpc = "http://" + lis.Addr().String()
	h := httptest.NewServer(c)
	t.Cleanup(h.Close)
	c.http = h.URL
	return c
}

func (c *collector) Export(_ context.Context, r *tracev1.ExportTraceServiceRequest) (*tracev1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range r.ResourceSpans {
		c.services = append(c.services, attribute(x.Resource.Attributes, "service.name"))
		for _, y := range x.ScopeSpans {
			c.spans = append(c.spans, y.Spans...)
		}
	}
	return &tracev1.ExportTraceServiceResponse{}, nil
}

type logs struct {
	logsv1.UnimplementedLogsServiceServer
	c *collector
}

func (l logs) Export(_ context.Context, r *logsv1.ExportLogsServiceRequest) (*logsv1.ExportLogsServiceResponse, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for _, x := range r.ResourceLogs {
		for _, y := range x.ScopeLogs {
			for _, z := range y.LogRecords {
				line := attribute(x.Resource.Attributes, "service.name")
				for _, a := range z.Attributes {
					line += " " + a.Key + "=" + a.Value.GetStringValue()
				}
				l.c.lines = append(l.c.lines, line+" "+z.Body.GetStringValue())
			}
		}
	}
	return &logsv1.ExportLogsServiceResponse{}, nil
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.paths = append(c.paths, r.URL.Path)
	c.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/v1/logs") {
		var m logsv1.ExportLogsServiceRequest
		if proto.Unmarshal(body, &m) == nil {
			_, _ = logs{c: c}.Export(r.Context(), &m)
		}
		return
	}
	var m tracev1.ExportTraceServiceRequest
	if proto.Unmarshal(body, &m) == nil {
		_, _ = c.Export(r.Context(), &m)
	}
	w.WriteHeader(http.StatusOK)
}

func attribute(list []*commonv1.KeyValue, key string) string {
	for _, a := range list {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// span is the one of the request with this query.
func (c *collector) span(query string) *spansv1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.spans, func(s *spansv1.Span) bool { return strings.HasSuffix(attribute(s.Attributes, "http.url"), query) })
	if i < 0 {
		return nil
	}
	return c.spans[i]
}

func (c *collector) logged(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.lines, func(l string) bool { return strings.Contains(l, what) })
}

const tracingBlueprint = `
name: shop
plugins:
  proxy: {config: {targets: ["$target"], upstreams: {otel: {targets: ["$http/otlp/v1/logs"]}}}}
  access_log: {config: {collector: "$grpc", fields: {p: "{{path}}", s: "{{status}}", share: "100%"}}}
  tracing: {config: {collector: "$grpc", tags: {tenant: "{{header.X-Tenant}}", share: "100%", code: "{{status}}"}}}
endpoints:
  - {path: "/*"}
  - {path: /off, config: {tracing: false, access_log: {collector: otel, protocol: http, line: "off {{status}}"}}}
  - {path: /never, config: {tracing: {sampling: 0}}}
`

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestCollector: spans and logs reach a collector; the W3C context goes on to targets.
func TestCollector(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := serve(t, tracingBlueprint, map[string]string{"target": target(t, "Traceparent", "Tracestate"), "grpc": c.grpc, "http": c.http})
	_, body := p.ask(t, "GET", "/a?1", "Traceparent: "+parent, "Tracestate: a=b", "X-Tenant: one")
	if !strings.Contains(body, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-") || strings.Contains(body, parent) || !strings.Contains(body, "Tracestate: a=b") {
		t.Error("the context that a target gets:", body)
	}
	_, body = p.ask(t, "GET", "/a?2")
	if !strings.Contains(body, "Traceparent: 00-") || !strings.Contains(body, "-01\n") {
		t.Error("a context of the proxy's own:", body)
	}
	p.ask(t, "GET", "/off?3", "Traceparent: "+parent)
	p.ask(t, "GET", "/never?4")
	p.ask(t, "GET", "/a?5")
	poll(t, func() bool { return c.span("?1") != nil && c.span("?2") != nil && c.span("?5") != nil })
	s := c.span("?1")
	if attribute(s.Attributes, "tenant") != "one" || attribute(s.Attributes, "share") != "100%" || attribute(s.Attributes, "code") != "200" ||
		len(s.ParentSpanId) != 8 || c.services[0] != "shop" {
		t.Error("a span:", s, c.services)
	}
	if c.span("?4") != nil {
		t.Error("what has sampling 0 is traced")
	}
	if c.span("?3") != nil {
		t.Error("what is off is traced")
	}
	poll(t, func() bool { return c.logged("shop p=/a?2 s=200 share=100%") && c.logged("shop off 200") })
	if !slices.Equal(slices.Compact(slices.Sorted(slices.Values(c.paths))), []string{"/otlp/v1/logs"}) {
		t.Error("by HTTP:", c.paths)
	}
}

// TestFollowedTraces: a request that comes with a trace is traced as its sender decided,
// whatever the sampling of the others.
func TestFollowedTraces(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  tracing: {config: {collector: "$grpc", service_name: shop, sampling: 0}}
endpoints:
  - {path: "/*"}
  - {path: /off, config: {tracing: false}}
`, map[string]string{"target": target(t, "Traceparent"), "grpc": c.grpc})
	for _, x := range []struct{ path, header, flags string }{
		{"/a", "Traceparent: " + parent, "-01"},
		{"/a", "Traceparent: " + strings.TrimSuffix(parent, "1") + "0", "-00"},
		{"/a", "X-Other: 1", "-00"},
		{"/off", "Traceparent: " + parent, "-00"},
	} {
		for range 20 {
			if _, body := p.ask(t, "GET", x.path, x.header); !strings.HasSuffix(body, x.flags) {
				t.Fatalf("%s, %s: %s", x.path, x.header, body)
			}
		}
	}
}

// TestTracingOverHTTP: the same by OTLP over HTTP, for one endpoint alone, and ids of
// requests as the blueprint wants them.
func TestTracingOverHTTP(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := serve(t, `
server: {request_id: {keep: true}}
plugins:
  proxy: {config: {targets: ["$target"]}}
  tracing: {enabled: false, config: {collector: "$http", protocol: http, service_name: shop}}
endpoints:
  - {path: "/*"}
  - {path: /on, config: {tracing: true}}
`, map[string]string{"target": target(t, "X-Request-Id"), "http": c.http})
	resp, body := p.ask(t, "GET", "/on?1", "X-Request-Id: 00000000-1111-4222-8333-444444444444")
	if resp.Header.Get("X-Request-Id") != "00000000-1111-4222-8333-444444444444" || !strings.Contains(body, "X-Request-Id: 00000000-1111-4222-8333-444444444444") {
		t.Error("an id that is to be kept:", resp.Header, body)
	}
	p.ask(t, "GET", "/a?2")
	p.ask(t, "GET", "/on?3")
	poll(t, func() bool { return c.span("?1") != nil && c.span("?3") != nil })
	if c.span("?2") != nil || c.paths[0] != "/v1/traces" || c.services[0] != "shop" {
		t.Error(c.paths, c.services)
	}
}

// TestCollectorsFail: a collector that is away, says nothing, or answers rubbish costs no
// request and no time.
func TestCollectorsFail(t *testing.T) {
	t.Parallel()
	hang, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in its backlog
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hang.Close() })
	rubbish := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "\xff\x00 no protocol")
	}))
	t.Cleanup(rubbish.Close)
	for name, url := range map[string]string{"away": "http://127.0.0.1:1", "silent": "http://" + hang.Addr().String(), "rubbish": rubbish.URL} {
		for _, protocol := range []string{"grpc", "http"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Parallel()
				p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  access_log: {config: {collector: "$url", protocol: `+protocol+`}}
  tracing: {config: {collector: "$url", protocol: `+protocol+`}}
`, map[string]string{"target": target(t), "url": url})
				began := time.Now()
				for range 200 {
					if resp, _ := p.ask(t, "GET", "/"); resp.StatusCode != http.StatusOK || resp.Header.Get("X-Request-Id") == "" {
						t.Fatal(resp.StatusCode, resp.Header)
					}
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Error("200 requests took", took)
				}
				if got, err := p.admin.Stats(t.Context(), "http.proxy.downstream_rq_2xx"); err != nil || got["http.proxy.downstream_rq_2xx"] != 200 {
					t.Error(got, err)
				}
			})
		}
	}
}
