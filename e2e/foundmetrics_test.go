package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestMetricsOfFoundEnvoys: what the page shows of an Envoy that says in its metadata where
// it can be asked is in /metrics as well; its own statistics are not, which takes
// --envoy-admin.
func TestMetricsOfFoundEnvoys(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "edge")
	sick := newBackend(t, "sick")
	sick.status.Store(http.StatusInternalServerError)
	f.write("edge.yaml", strings.Replace(f.text("edge", 0, "  - {path: /sick, method: GET, handler: proxy, upstream: ill}\n"), "      upstreams:\n",
		fmt.Sprintf("      upstreams:\n        ill: {circuit_breaker: {failure_threshold: 5, recovery_timeout: 60, half_open_max_calls: 3}, targets: [{name: sick, url: %q}]}\n", sick.url), 1))
	p, xds := f.serve("one")
	n := f.envoyNode("edge-1", "edge", xds)
	proxy := fmt.Sprintf("http://127.0.0.1:%d", f.ports["edge"])
	f.until("it serves", func() bool { status, _ := f.get(proxy + "/0"); return status == http.StatusOK })
	metrics := func() string {
		_, body := p.get(p.admin + "/metrics")
		return body
	}
	at := fmt.Sprintf(`{address="127.0.0.1:%d",node="edge-1"} `, n.admin)
	f.until("it is asked", func() bool { return strings.Contains(metrics(), "backworks_envoy_requests_total"+at) })
	for range 10 {
		f.get(proxy + "/0")
		f.get(proxy + "/sick")
	}
	plain := fmt.Sprintf(`{blueprint=%q,node="edge-1",pool="pool0",target=%q} `, f.path("edge.yaml"), strings.TrimPrefix(f.target.url, "http://"))
	ill := fmt.Sprintf(`{blueprint=%q,node="edge-1",pool="ill",target="sick"} `, f.path("edge.yaml"))
	for _, want := range []string{
		`backworks_target_requests_total` + regexp.QuoteMeta(plain) + `1[1-9]`, `backworks_target_successes_total` + regexp.QuoteMeta(plain) + `1[1-9]`,
		`backworks_target_healthy` + regexp.QuoteMeta(plain) + `1`, `backworks_target_seen_share_ratio` + regexp.QuoteMeta(plain) + `1`,
		`backworks_target_active_connections` + regexp.QuoteMeta(plain) + `[1-9]`, `backworks_target_drained` + regexp.QuoteMeta(plain) + `0`,
		`backworks_target_failures_total` + regexp.QuoteMeta(ill) + `[5-9]`, `backworks_target_ejected` + regexp.QuoteMeta(ill) + `1`,
		`backworks_breaker_state` + regexp.QuoteMeta(strings.Replace(ill, `target=`, `state="Open",target=`, 1)) + `1`,
		`backworks_pool_response_seconds\{.*percentile="99",pool="pool0"\} 0`, `backworks_endpoint_requests_total\{.*endpoint="GET /0"\} 1[1-9]`,
		`backworks_envoy_requests_total` + regexp.QuoteMeta(at) + `[23][0-9]`, `backworks_envoy_active_requests` + regexp.QuoteMeta(at) + `0`,
		`backworks_envoy_active_connections` + regexp.QuoteMeta(at) + `[0-9]`, `backworks_envoy_restarts_total` + regexp.QuoteMeta(at) + `0`,
	} {
		line := regexp.MustCompile(`(?m)^` + want)
		f.until(want, func() bool { return line.MatchString(metrics()) })
	}
	body := metrics()
	if strings.Contains(body, "\nenvoy_") || !strings.Contains(body, "\nbackworks_envoys_known 0\n") {
		t.Error("its own statistics are there")
	}
	averaged := regexp.MustCompile(`"target_name": "127[^}]*"total_requests": 1[1-9],[^}]*"avg_response_time_ms": [0-9.]+`)
	f.until("it is among the figures as JSON", func() bool {
		_, body := p.get(p.admin + "/metrics?format=json")
		return averaged.MatchString(body)
	})
}
