package translate_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

const ownAnswers = `
plugins:
  proxy:
    config:
      targets: [{url: "$slow", timeout: 1}]
      upstreams: {gone: {targets: [{url: "http://127.0.0.1:1"}]}}
      transform_response: {headers: {X-Proxied-By: backworks}}
endpoints:
  - {path: /slow, method: GET, handler: proxy}
  - {path: /gone, method: "*", handler: proxy, upstream: gone}
  - {path: /object, method: GET, handler: static, config: {static: {status: 201, body: {a: "50%", n: 1.5, l: [1, null, true]}}}}
  - {path: /now, method: GET, handler: static, config: {static: {status: 200, body: {at: "{{now}}", ip: "{{client_ip}}", n: 3, deep: {x: ["{{method}}", 2]}}}}}
  - {path: /list, method: GET, handler: static, config: {static: {status: 200, body: [1, 2]}}}
  - {path: /text, method: GET, handler: static, config: {static: {status: 200, body: "100% of {{method}}", headers: {Content-Type: text/html}}}}
  - {path: /plain, method: GET, handler: static, config: {static: {status: 503, body: "closed"}}}
  - {path: /empty, method: GET, handler: static, config: {static: {status: 204}}}
  - {path: /hello, method: GET, handler: static, config: {static: {body: "Hello {{query.name}}."}}}
  - {path: /moved, method: GET, handler: static, config: {static: {status: 301, headers: {Location: /text}}}}
`

// TestOwnAnswers: all that the proxy says without a target.
func TestOwnAnswers(t *testing.T) {
	t.Parallel()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(slow.Close)
	p := serve(t, ownAnswers, map[string]string{"slow": slow.URL})
	const isJSON, isText = "application/json", "text/plain"
	now := `"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`
	for _, c := range []struct {
		method, path string
		status       int
		kind, body   string // body: a regular expression
	}{
		{"GET", "/slow", 504, isJSON, `{"error":"timeout","message":"[^"]+"}`},
		{"GET", "/gone", 503, isJSON, `{"error":"service_unavailable","message":"[^"]+"}`},
		{"POST", "/gone", 503, isJSON, `{"error":"service_unavailable","message":"[^"]+"}`},
		{"GET", "/none", 404, isJSON, `{"error":"not_found","message":"[^"]+"}`},
		{"PUT", "/slow", 405, isJSON, `{"error":"method_not_allowed","message":"[^"]+"}`},
		{"GET", "/object", 201, isJSON, `{"a":"50%","l":\[1,null,true\],"n":1.5}`},
		{"GET", "/now", 200, isJSON, `{"at":` + now + `,"deep":{"x":\["GET",2\]},"ip":"127.0.0.1","n":3}`},
		{"GET", "/list", 200, isJSON, `\[1,2\]`},
		{"GET", "/text", 200, "text/html", `100% of GET`},
		{"GET", "/plain", 503, isText, `closed`},
		{"GET", "/empty", 204, "", ``},
		{"GET", "/moved", 301, "", ``},
		{"GET", "/hello?name=you", 200, isText, `Hello you.`},
		{"GET", "/hello", 200, isText, `Hello .`},
		{"HEAD", "/object", 201, isJSON, ``},
		{"HEAD", "/now", 200, isJSON, ``},
		{"GET", "/health", 200, isJSON, `{"status":"healthy","timestamp":` + now + `}`},
		{"GET", "/health?x", 200, isJSON, `{"status":"healthy","timestamp":` + now + `}`},
		{"GET", "/healthy", 404, isJSON, `.+`},
	} {
		resp, body := p.ask(t, c.method, c.path)
		if resp.StatusCode != c.status || !regexp.MustCompile(`^(?:`+c.body+`)\n?$`).MatchString(body) {
			t.Errorf("%s %s: got %d %q, want %d %s", c.method, c.path, resp.StatusCode, body, c.status, c.body)
		}
		if got := resp.Header.Get("Content-Type"); got != c.kind && !strings.HasPrefix(got, c.kind+";") {
			t.Errorf("%s %s: content type %q, want %q", c.method, c.path, got, c.kind)
		}
		if resp.Header.Get("X-Proxied-By") != "backworks" {
			t.Errorf("%s %s: no X-Proxied-By", c.method, c.path)
		}
		if got, wanted := resp.Header.Get("Location"), map[string]string{"/moved": "/text"}[c.path]; got != wanted {
			t.Errorf("%s %s: Location %q, want %q", c.method, c.path, got, wanted)
		}
		if c.kind == isJSON && c.method == "GET" && !json.Valid([]byte(body)) {
			t.Errorf("%s %s: no JSON: %q", c.method, c.path, body)
		}
	}
}

const checked = `
plugins:
  proxy:
    config:
      targets: [{url: "$one", health_check: {path: /health, interval: 1, timeout: 1, healthy_threshold: 1, unhealthy_threshold: 1}}]
endpoints:
  - {path: /, method: GET, handler: proxy}
`

// TestUnhealthy: the proxy's own health follows its targets'.
func TestUnhealthy(t *testing.T) {
	t.Parallel()
	healthy := make(chan bool, 1)
	healthy <- true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		up := <-healthy
		healthy <- up
		if !up {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	p := serve(t, checked, map[string]string{"one": s.URL})
	for _, c := range []struct {
		up     bool
		status int
		text   string
	}{{true, 200, `"status":"healthy"`}, {false, 503, `"status":"unhealthy"`}, {true, 200, `"status":"healthy"`}} {
		<-healthy
		healthy <- c.up
		poll(t, func() bool {
			resp, body := p.ask(t, "GET", "/health")
			return resp.StatusCode == c.status && strings.Contains(body, c.text)
		})
		if resp, body := p.ask(t, "GET", "/"); !c.up && (resp.StatusCode != 503 || !strings.Contains(body, "service_unavailable")) {
			t.Errorf("all targets down: %d %q", resp.StatusCode, body)
		}
	}
}
