package translate_test

import (
	"net/http"
	"strings"
	"testing"
)

const corsBlueprint = `
plugins:
  proxy: {config: {targets: ["$target"], upstreams: {gone: {targets: ["http://127.0.0.1:1"]}}}}
  cors: {config: {allow_origins: ["https://app.example.com", "https://*.example.org", "http://localhost:*"], allow_credentials: true, expose_headers: X-Count, max_age: 60}}
endpoints:
  - {path: /a, method: GET}
  - {path: /a, method: PUT}
  - {path: /a, method: DELETE, config: {cors: false}}
  - {path: /any}
  - {path: /gone, upstream: gone}
  - {path: /open, method: GET, config: {cors: {allow_origins: "*", allow_credentials: false, allow_headers: X-Token, allow_methods: [GET, PATCH]}}}
  - {path: /text, method: GET, handler: static, config: {static: {body: x}}}
  - {path: /off, method: GET, config: {cors: false}}
  - {path: "/*", method: [OPTIONS, GET]}
`

// TestPreflight: a browser's question is answered by the policy of the endpoint that the
// request itself would reach, and never by a target.
func TestPreflight(t *testing.T) {
	t.Parallel()
	p := serve(t, corsBlueprint, map[string]string{"target": target(t)})
	const app = "https://app.example.com"
	for _, c := range []struct {
		path, method, origin string
		status               int
		methods              string
	}{
		{"/a", "GET", app, 200, "GET,HEAD,PUT"},
		{"/a", "PUT", app, 200, "GET,HEAD,PUT"},
		{"/a", "DELETE", app, 403, ""},
		{"/any", "PATCH", app, 200, "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"},
		{"/off", "GET", app, 403, ""},
		{"/open", "GET", "null", 200, "GET,PATCH"},
		{"/gone", "POST", app, 200, "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"},
		{"/else", "GET", app, 200, "GET,HEAD,OPTIONS"},
		{"/a", "GET", "https://x.example.org", 200, "GET,HEAD,PUT"},
		{"/a", "GET", "https://x.y-1.example.org", 200, "GET,HEAD,PUT"},
		{"/a", "GET", "http://localhost:3000", 200, "GET,HEAD,PUT"},
		{"/a", "GET", "http://localhost", 200, "GET,HEAD,PUT"},
		{"/a", "GET", "http://localhost:3000.evil.com", 403, ""},
		{"/a", "GET", "https://example.org", 403, ""},
		{"/a", "GET", "https://.example.org", 403, ""},
		{"/a", "GET", "https://evil.com/.example.org", 403, ""},
		{"/a", "GET", "https://evil.com#.example.org", 403, ""},
		{"/a", "GET", "https://x.example.org.evil.com", 403, ""},
		{"/a", "GET", "https://xexample.org", 403, ""},
		{"/a", "GET", "http://x.example.org", 403, ""},
		{"/a", "GET", "https://x.example.org:8443", 403, ""},
		{"/a", "GET", "https://app.example.com.evil.com", 403, ""},
		{"/a", "GET", "null", 403, ""},
	} {
		resp, body := p.ask(t, "OPTIONS", c.path, "Origin: "+c.origin, "Access-Control-Request-Method: "+c.method, "Access-Control-Request-Headers: x-one,authorization")
		h := resp.Header
		if resp.StatusCode != c.status || h.Get("Access-Control-Allow-Methods") != c.methods || h.Get("X-Target") != "" {
			t.Errorf("%s %s from %s: got %d %q, want %d %q: %v %s", c.method, c.path, c.origin, resp.StatusCode, h.Get("Access-Control-Allow-Methods"), c.status, c.methods, h, body)
		}
		allowed := map[bool]string{true: c.origin}[c.status == 200]
		if got := h.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("%s %s from %s: allows %q", c.method, c.path, c.origin, got)
		}
		if c.status != 200 {
			if !strings.HasPrefix(body, `{"error":"origin_not_allowed",`) {
				t.Errorf("%s from %s: %s", c.path, c.origin, body)
			}
			continue
		}
		headers, credentials, age := "x-one,authorization", "true", "60"
		if c.path == "/open" {
			headers, credentials = "X-Token", ""
		}
		if h.Get("Access-Control-Allow-Headers") != headers || h.Get("Access-Control-Allow-Credentials") != credentials ||
			h.Get("Access-Control-Max-Age") != age || h.Get("Vary") != "Origin" {
			t.Errorf("%s %s from %s: %v", c.method, c.path, c.origin, h)
		}
	}
	if resp, _ := p.ask(t, "OPTIONS", "/a", "Origin: "+app); resp.StatusCode != 200 || resp.Header.Get("X-Target") != "yes" {
		t.Error("what is no preflight request goes on to the endpoint behind:", resp.StatusCode, resp.Header)
	}
}

// TestCORSAnswers: answers of targets, and the proxy's own, can be read by those pages
// alone, whatever a target says.
func TestCORSAnswers(t *testing.T) {
	t.Parallel()
	p := serve(t, corsBlueprint, map[string]string{"target": setsHeaders(t, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "Vary: Accept")})
	for _, c := range []struct {
		path, origin, allowed string
		status                int
	}{
		{"/a", "https://app.example.com", "https://app.example.com", 200},
		{"/a", "https://evil.com", "", 200},
		{"/a", "", "", 200},
		{"/gone", "https://app.example.com", "https://app.example.com", 503},
		{"/gone", "https://evil.com", "", 503},
		{"/open", "https://evil.com", "https://evil.com", 200},
		{"/text", "https://app.example.com", "https://app.example.com", 200},
		{"/text", "https://evil.com", "", 200},
		{"/off", "https://evil.com", "*", 200}, // the target's own affair
	} {
		var headers []string
		if c.origin != "" {
			headers = []string{"Origin: " + c.origin}
		}
		resp, _ := p.ask(t, http.MethodGet, c.path, headers...)
		h := resp.Header
		if resp.StatusCode != c.status || h.Get("Access-Control-Allow-Origin") != c.allowed {
			t.Errorf("%s from %q: %d %v", c.path, c.origin, resp.StatusCode, h)
		}
		exposed := c.allowed != ""
		if c.path != "/off" && (!strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") || c.path != "/gone" && c.path != "/open" && (h.Get("Access-Control-Expose-Headers") == "X-Count") != exposed) {
			t.Errorf("%s from %q: %v", c.path, c.origin, h)
		}
	}
}

// TestPreflightHasNoCredentials: a browser asks without any, and can read that the request
// itself needs some.
func TestPreflightHasNoCredentials(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  cors: {config: {allow_origins: https://app.example.com}}
  auth: {config: {api_key: {headers: X-Key, clients: {shop: "${BACKWORKS_NO_SUCH_KEY:-0123456789abcdef}"}}}}
endpoints: [{path: /a, method: GET}]
`, map[string]string{"target": target(t)})
	const origin = "Origin: https://app.example.com"
	for _, c := range []struct {
		method  string
		headers []string
		status  int
	}{
		{http.MethodOptions, []string{origin, "Access-Control-Request-Method: GET"}, 200},
		{http.MethodGet, []string{origin}, 401},
		{http.MethodGet, []string{origin, "X-Key: 0123456789abcdef"}, 200},
	} {
		resp, body := p.ask(t, c.method, "/a", c.headers...)
		if resp.StatusCode != c.status || resp.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
			t.Errorf("%s %v: %d %v %s", c.method, c.headers, resp.StatusCode, resp.Header, body)
		}
	}
}
