package translate_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

const checkedPools = `
plugins:
  proxy:
    config:
      targets: [{url: "$other"}]
      upstreams:
        http:
          targets: [{url: "$asked"}]
          health_check: {path: "/live?x=1", method: HEAD, host: "Health.example:81", port: $port, headers: {X-Probe: "5%"}, expected_statuses: [204, 401-403], interval: 100ms, timeout: 90ms, unhealthy_threshold: 2}
        tcp: {targets: [{url: "$tcp"}], health_check: {type: tcp, interval: 100ms, timeout: 90ms}}
        closed: {targets: [{url: "$other"}], health_check: {type: tcp, port: $closed, interval: 100ms, timeout: 90ms}}
        whole: {protocol: http2, targets: [{url: "$grpc"}], health_check: {type: grpc, interval: 100ms, timeout: 90ms}}
        service: {protocol: http2, targets: [{url: "$grpc"}], health_check: {type: grpc, service: shop, interval: 100ms, timeout: 90ms}}
        unknown: {protocol: http2, targets: [{url: "$grpc"}], health_check: {type: grpc, service: nobody, interval: 100ms, timeout: 90ms}}
        rubbish: {protocol: http2, targets: [{url: "$other"}], health_check: {type: grpc, interval: 100ms, timeout: 90ms}}
        hangs: {targets: [{url: "$hang"}], health_check: {interval: 100ms, timeout: 90ms}}
        h2: {protocol: http2, targets: [{url: "$h2"}], health_check: {interval: 100ms, timeout: 90ms}}
endpoints: [{path: /, upstream: http}]
`

// TestHealthChecks: what each type of check asks, and what it makes of the answers, those
// of a target that is away, slow or speaks something else among them.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	var answer atomic.Int64
	answer.Store(204)
	var asked atomic.Pointer[string]
	probe := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Host, " ", r.Header.Get("X-Probe"))
		asked.Store(&s)
		w.WriteHeader(int(answer.Load()))
	}))
	t.Cleanup(probe.Close)
	grpc, grpcURL := newCalls(t)
	grpc.health.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	hang, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hang.Close() })
	h2 := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h2.Config.Protocols = new(http.Protocols)
	h2.Config.Protocols.SetUnencryptedHTTP2(true)
	h2.Start()
	t.Cleanup(h2.Close)
	other := target(t)
	p := serve(t, checkedPools, map[string]string{
		"asked": other, "other": other, "grpc": grpcURL, "hang": "http://" + hang.Addr().String(), "h2": h2.URL,
		"tcp": "http://" + hang.Addr().String(), "port": port(t, probe.URL), "closed": port(t, "http://"+closedPort(t)),
	})
	want := map[string]bool{"http": true, "tcp": true, "closed": false, "whole": true, "service": true, "unknown": false, "rubbish": false, "hangs": false, "h2": true}
	expect := func(when string) {
		t.Helper()
		for name, healthy := range want {
			p.health(t, name, healthy, when)
		}
	}
	expect("at first")
	if got := *asked.Load(); got != "HEAD /live?x=1 health.example:81 5%" {
		t.Errorf("asked %q", got)
	}

	grpc.health.SetServingStatus("shop", healthpb.HealthCheckResponse_NOT_SERVING)
	answer.Store(200) // a good status elsewhere
	_ = hang.Close()
	want["service"], want["http"], want["tcp"] = false, false, false
	expect("after targets fell sick")

	grpc.health.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	answer.Store(402)
	want["service"], want["http"] = true, true
	expect("after they recovered")
}

func port(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// health waits until the only target of a pool is healthy or not.
func (p *proxy) health(t *testing.T, pool string, want bool, when string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		clusters, err := p.admin.Clusters(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clusters {
			if c.Name == pool && len(c.Hosts) == 1 && !c.Hosts[0].PendingCheck && c.Hosts[0].Healthy() == want {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: pool %s: healthy is not %v", when, pool, want)
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}
