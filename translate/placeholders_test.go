package translate_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// told is what the client asked for, in each place that fills in placeholders.
const told = "{{method}} {{scheme}}://{{host}}{{path}} {{client_ip}}"

const telling = `
server: {trusted_hops: HOPS}
plugins:
  auth: {config: {basic: {users: {alice: "${NONE:-open sesame}"}}}}
  errors: {config: {body: {error: "{{error}}", told: "TOLD"}}}
  access_log: {config: {file: $LOG, LINE}}
  TLS
  proxy:
    config:
      targets: [$A]
      path_rewrite: {add_prefix: /new}
      transform_request: {headers: {X-Told: "TOLD"}}
      transform_response: {headers: {X-Told: "TOLD"}}
      upstreams: {dead: {targets: ["http://127.0.0.1:1"]}}
endpoints:
  - {path: /proxied, method: [GET, POST], public: true}
  - path: /changed
    public: true
    config:
      transformations:
        request: {query: {set: {told: "TOLD"}}, body: {set: {told: "TOLD"}}}
        response: {body: {set: {answer: "TOLD"}}}
  - {path: /closed}
  - {path: /closed/changed, config: {transformations: {request: {query: {set: {told: "TOLD"}}}}}}
  - {path: /dead/changed, public: true, upstream: dead, config: {transformations: {request: {query: {set: {told: "TOLD"}}}}}}
  - {path: /dead, public: true, upstream: dead}
  - {path: /limited, public: true, config: {rate_limit: {requests: 1, per: 1h}}}
  - {path: /static, public: true, config: {static: {body: {told: "TOLD"}}}}
  - {path: /text, public: true, config: {static: {body: "TOLD"}}}
`

// spoofs are what a client may say of its request.
var spoofs = []string{
	"X-Envoy-Original-Path: /evil", "X-Envoy-Original-Host: evil.example", "X-Original-URL: /evil",
	"X-Forwarded-Host: front.example", "X-Forwarded-Proto: https", "X-Forwarded-For: 6.6.6.6, 7.7.7.7",
	"Forwarded: for=6.6.6.6;host=evil.example;proto=https", "X-Real-IP: 6.6.6.6", "X-Envoy-External-Address: 6.6.6.6",
}

// tellBack answers with what it was told.
func tellBack(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Told string }
		_ = json.NewDecoder(r.Body).Decode(&body) // most have none
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"told": r.Header.Get("X-Told"), "query": r.URL.Query().Get("told"), "body": body.Told, "path": r.URL.Path})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Placeholders are what the client asked for, wherever they stand: not what its request
// became for the target, nor what the client says besides. Trusted proxies are believed.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	a := tellBack(t)
	f := newFolder(t)
	f.has("asked.example")
	const encrypted = "tls: {config: {certificates: [{certificate: $DIR/asked.example.pem, key: $DIR/asked.example.key}]}}"
	const fields, line = `fields: {told: "TOLD"}`, `format: text, line: "TOLD"`
	for _, c := range []struct{ hops, tls, line, scheme, host, ip string }{
		{"0", "", fields, "http", "asked.example", "127.0.0.1"},
		{"0", encrypted, line, "https", "asked.example", "127.0.0.1"},
		{"1", "", line, "https", "front.example", "7.7.7.7"},
		{"1", encrypted, fields, "https", "front.example", "7.7.7.7"},
	} {
		log := filepath.Join(t.TempDir(), "log")
		p := serve(t, strings.NewReplacer("HOPS", c.hops, "TOLD", told, "TLS", c.tls, "LINE", strings.ReplaceAll(c.line, "TOLD", told)).Replace(telling),
			map[string]string{"A": a, "DIR": f.dir, "LOG": log})
		ask := func(method, path string) *http.Response { return p.spoofing(t, f, c.tls != "", method, path) }
		var logged []string
		for _, x := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/proxied", 200}, {"POST", "/proxied", 200}, {"POST", "/changed", 200}, {"GET", "/closed", 401}, {"GET", "/dead", 503},
			{"GET", "/closed/changed", 401}, {"GET", "/dead/changed", 503},
			{"GET", "/limited", 200}, {"GET", "/limited", 429}, {"GET", "/static", 200}, {"GET", "/text", 200}, {"GET", "/none", 404}, {"PUT", "/proxied", 405},
		} {
			want := fmt.Sprintf("%s %s://%s%s?q=1 %s", x.method, c.scheme, c.host, x.path, c.ip)
			logged = append(logged, want)
			resp := ask(x.method, x.path+"?q=1")
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != x.status || resp.Header.Get("X-Told") != want {
				t.Errorf("hops %s, %s: %d, the answer's header: %q", c.hops, want, resp.StatusCode, resp.Header.Get("X-Told"))
			}
			if n := strings.Count(string(body), want); n != placesOf(x.path, x.status) || strings.Contains(string(body), "evil") {
				t.Errorf("hops %s, %s: %d %d times in %s", c.hops, want, resp.StatusCode, n, body)
			}
		}
		poll(t, func() bool { text, _ := os.ReadFile(log); return strings.Count(string(text), "\n") == len(logged) })
		text, _ := os.ReadFile(log)
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			if !strings.Contains(line, logged[i]) {
				t.Errorf("hops %s: logged %s, not %s", c.hops, line, logged[i])
			}
		}
	}
}

// placesOf is how often a body tells of the request.
func placesOf(path string, status int) int {
	if path == "/changed" && status == 200 {
		return 4 // the header, the query, the body, and the answer's
	}
	return 1
}

// spoofing is a request with all that may mislead.
func (p *proxy) spoofing(t *testing.T, f *folder, encrypted bool, method, path string) *http.Response {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: (&hardwired{strings.TrimPrefix(p.url, "http://")}).dial}
	u := url.URL{Scheme: "http", Host: "asked.example", Opaque: path}
	if encrypted {
		u.Scheme, transport.TLSClientConfig, transport.ForceAttemptHTTP2 = "https", p.by(f, "asked.example").config, true
	}
	req := &http.Request{Method: method, URL: &u, Header: http.Header{}, Host: "asked.example"}
	if method == http.MethodPost {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range spoofs {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := transport.RoundTrip(req.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// What a client did not send is nothing, whatever the proxy puts there for the target.
func TestPlaceholdersOfNothing(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins: {proxy: {config: {targets: [$A]}}}
endpoints:
  - path: /changed
    config:
      transformations:
        request: {query: {set: {q: new}}, rename_headers: {X-A: X-B}}
        response: {headers: {X-Was: "[{{header.X-B}}{{query.q}}]"}}
`, map[string]string{"A": target(t, "X-B")})
	for want, ask := range map[string][]string{"[]": {"/changed", "X-A: a"}, "[bq]": {"/changed?q=q", "X-B: b"}} {
		resp, body := p.ask(t, "GET", ask[0], ask[1])
		if resp.Header.Get("X-Was") != want || !strings.Contains(body, "q=new\nX-B: ") {
			t.Errorf("%v: %q, not %q: %s", ask, resp.Header.Get("X-Was"), want, body)
		}
	}
}

// What a client of HTTP/2 without TLS says of the scheme is not believed either.
func TestPlaceholderOfScheme(t *testing.T) {
	t.Parallel()
	p := serve(t, `
endpoints: [{path: /text, config: {static: {body: "{{scheme}}"}}}]
`, nil)
	client := &http2.Transport{DialTLSContext: func(ctx context.Context, network, _ string, _ *tls.Config) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(p.url, "http://"))
	}}
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://asked.example/text", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "http" {
		t.Errorf("%v %s", err, body)
	}
}
