package translate_test

import (
	"strings"
	"testing"
)

// TestCacheStatus: whoever was refused is not told of the cache, which was not asked, and
// is not counted; requests that pass it by are told so and counted, beside hits and misses.
func TestCacheStatus(t *testing.T) {
	t.Parallel()
	url, asked := counted(t)
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  auth: {config: {basic: {users: {ann: "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="}}}}
  cache: {config: {directory: "$dir", ttl: 60, authenticated: true}}
endpoints:
  - {path: /closed, method: [GET, POST]}
  - {path: /nobody, method: GET, config: {auth: {rules: [{action: deny, clients: ann}]}}}
  - {path: /limited, method: GET, public: true, config: {rate_limit: {requests: 1, per: hour}}}
  - {path: /off, public: true, config: {cache: false}}
`, map[string]string{"target": url, "dir": t.TempDir()})
	const ann = "Authorization: Basic YW5uOm9wZW4gc2VzYW1l"
	p.kept(t, "/closed", ann)
	n := asked.Load()
	for _, c := range []struct {
		want    string
		status  int
		request []string
	}{
		{"", 401, []string{"GET", "/closed"}},
		{"", 401, []string{"GET", "/closed", "Authorization: Basic YW5uOndyb25n"}},
		{"", 401, []string{"POST", "/closed"}},
		{"", 401, []string{"GET", "/closed", "Range: bytes=0-1"}},
		{"", 403, []string{"GET", "/nobody", ann}},
		{"hit", 200, []string{"GET", "/closed", ann}},
		{"bypass", 200, []string{"POST", "/closed", ann}},
		{"bypass", 200, []string{"GET", "/closed", ann, "Range: bytes=0-1"}},
		{"miss", 200, []string{"GET", "/limited"}},
		{"", 429, []string{"GET", "/limited"}},
		{"", 200, []string{"GET", "/off"}},
	} {
		resp, body := p.ask(t, c.request[0], c.request[1], c.request[2:]...)
		if resp.StatusCode != c.status || resp.Header.Get("X-Cache") != c.want {
			t.Errorf("%v: %d %v %s", c.request, resp.StatusCode, resp.Header, body)
		}
	}
	if got := asked.Load() - n; got != 4 {
		t.Errorf("the target was asked %d times, want 4", got)
	}
	var metrics strings.Builder
	poll(t, func() bool {
		metrics.Reset()
		err := p.admin.Prometheus(t.Context(), &metrics)
		return err == nil && strings.Contains(metrics.String(), `envoy_backworks_cache_requests{result="miss",endpoint="GET /limited"} 1`)
	})
	if want := `envoy_backworks_cache_requests{result="bypass",endpoint="GET|POST /closed"} 2`; !strings.Contains(metrics.String(), want+"\n") {
		t.Error("not counted: ", want)
	}
	for line := range strings.Lines(metrics.String()) {
		if strings.HasPrefix(line, "envoy_backworks_cache_requests{") && (strings.Contains(line, "/nobody") || strings.Contains(line, "/off")) {
			t.Error("counted: ", line)
		}
	}
}
