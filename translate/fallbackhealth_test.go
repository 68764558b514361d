package translate_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// The proxy's own /health does not look at a pool with a fallback, which need not be able
// to serve. An endpoint at that path which leads there does, and answers by all of them.
func TestHealthOfFallbacks(t *testing.T) {
	t.Parallel()
	var first, reserve atomic.Bool // down
	checked := func(down *atomic.Bool) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	const pools = `
plugins:
  proxy:
    config:
      upstreams:
        first: {targets: [$A], fallback: reserve, health_check: {interval: 100ms, timeout: 90ms, unhealthy_threshold: 1, healthy_threshold: 1}}
        reserve: {targets: [$B], health_check: {interval: 100ms, timeout: 90ms, unhealthy_threshold: 1, healthy_threshold: 1}}
endpoints:
  - {path: /shop, upstream: first}
`
	targets := map[string]string{"A": checked(&first), "B": checked(&reserve)}
	own := serve(t, pools, targets)
	through := serve(t, pools+"  - {path: /health, method: GET, upstream: first}\n", targets)
	status := func(p *proxy, path string) int {
		resp, _ := p.ask(t, "GET", path)
		return resp.StatusCode
	}
	for _, c := range []struct {
		first, reserve bool
		want           int
	}{{false, false, 200}, {true, false, 200}, {true, true, 503}, {false, true, 200}, {true, true, 503}, {true, false, 200}} {
		first.Store(c.first)
		reserve.Store(c.reserve)
		for _, p := range []*proxy{own, through} {
			poll(t, func() bool { return p.serves(t, "first") != c.first && p.serves(t, "reserve") != c.reserve })
		}
		if got := status(through, "/health"); got != c.want || status(through, "/shop") != c.want {
			t.Errorf("first down: %t, reserve down: %t: /health is %d, not %d", c.first, c.reserve, got, c.want)
		}
		if got := status(own, "/health"); got != 200 {
			t.Errorf("first down: %t, reserve down: %t: the proxy's own /health is %d", c.first, c.reserve, got)
		}
	}
}

// serves says that Envoy has a target in the pool that passes its checks.
func (p *proxy) serves(t *testing.T, pool string) bool {
	t.Helper()
	stats, err := p.admin.Stats(t.Context(), "membership_healthy")
	if err != nil {
		t.Fatal(err)
	}
	return stats["cluster."+pool+".membership_healthy"] > 0
}
