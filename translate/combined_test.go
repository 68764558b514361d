package translate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"backworks/envoy/testport"
)

// witness is a target that answers with all that it got: method and URI, the headers,
// sorted, and the body.
type witness struct {
	url   string
	asked atomic.Int64
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{}
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		lines := []string{"host: " + r.Host}
		for name, values := range r.Header {
			for _, v := range values {
				lines = append(lines, strings.ToLower(name)+": "+v)
			}
		}
		slices.Sort(lines)
		body, _ := io.ReadAll(r.Body)
		for name, values := range r.Trailer {
			lines = append(lines, "trailer "+strings.ToLower(name)+": "+strings.Join(values, ", "))
		}
		out.Header().Set("X-Target", "yes")
		_, _ = io.WriteString(out, r.Method+" "+r.RequestURI+"\n"+strings.Join(lines, "\n")+"\n\n"+string(body))
	}))
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

// combined has the plugins that meet each other: auth, cors, transformations, compression.
const combined = `
plugins:
  proxy: {config: {targets: ["$target"], upstreams: {shadow: {targets: ["$shadow"]}}}}
  cors: {config: {allow_origins: https://app.example.com, allow_credentials: true}}
  compression: true
  transformations:
    config:
      request:
        rename_headers: {X-API-Key: X-Was-Key, X-Client-Id: X-Was-Client}
        headers: {X-Saw: "[{{header.X-API-Key}}{{header.Cookie}}{{query.key}}]"}
        query: {rename: {key: was}}
        body: {set: {by: "{{header.X-Client-Id}}"}}
      response: {body: {wrap: data}, other_bodies: pass}
  auth:
    config:
      api_key: {headers: [X-API-Key], query: key, cookies: key, clients: {partner: "${NONE:-first-key-of-partner}", shop: "${NONE:-the-key-of-the-shop}"}}
      rules: [{clients: partner, methods: [GET, POST]}, {clients: shop, methods: GET}]
endpoints:
  - {path: /a, method: [GET, POST, DELETE], handler: proxy}
  - {path: "/moved/*rest", handler: proxy, config: {proxy: {path: "/a/{rest}"}}}
  - {path: /copied, handler: proxy, config: {proxy: {mirror: {upstream: shadow}}}}
  - {path: /page, handler: static, config: {static: {body: {a: 1}}}}
  - {path: /open, handler: proxy, public: true}
`

func serveCombined(t *testing.T) (p *proxy, target, shadow *witness) {
	t.Helper()
	target, shadow = newWitness(t), newWitness(t)
	return serve(t, combined, map[string]string{"target": target.url, "shadow": shadow.url}), target, shadow
}

// TestTransformationsSeeNoCredentials: what is taken away from a request is not there for
// those that change it, under another name neither; what the proxy says of a client is.
func TestTransformationsSeeNoCredentials(t *testing.T) {
	t.Parallel()
	p, _, shadow := serveCombined(t)
	for _, path := range []string{"/a", "/moved/b", "/copied", "/open"} {
		resp, body := p.send(t, "POST", path+"?key="+key+"&b=1", `{"a": 1}`, "Content-Type: application/json",
			"Cookie: key="+key+"; theme=dark", "X-API-Key: "+key)
		client := "x-was-client: partner\n"
		if path == "/open" {
			client = ""
		}
		if resp.StatusCode != 200 || strings.Contains(body, key) || !strings.Contains(body, client) ||
			!strings.Contains(body, "x-saw: [theme=dark]\n") || !strings.HasPrefix(strings.ReplaceAll(body, "/a/b?", "/moved/b?"), "POST "+path+"?b=1\n") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	poll(t, func() bool { return shadow.asked.Load() == 1 })
	// A name of the client's own making becomes none by another name.
	if _, body := p.ask(t, "GET", "/open", "X-Client-Id: root"); strings.Contains(body, "root") {
		t.Error(body)
	}
}

// TestRefusedMeansRefused: nothing of a request that auth refuses reaches a target, a
// mirror or a page, by whatever other plugin it would pass; the refusal is auth's own.
func TestRefusedMeansRefused(t *testing.T) {
	t.Parallel()
	p, target, shadow := serveCombined(t)
	const app, evil = "Origin: https://app.example.com", "Origin: https://evil.example"
	for _, path := range []string{"/a", "/moved/a", "/copied", "/page"} {
		for _, c := range []struct {
			method, headers string
			want            int
		}{
			{"GET", "", 401},
			{"GET", "Accept-Encoding: br, gzip", 401},
			{"GET", "X-API-Key: wrong|X-Client-Id: partner|" + app, 401},
			{"DELETE", "X-API-Key: " + shop, 403},
			{"POST", "X-API-Key: " + shop + "|X-HTTP-Method-Override: GET", 403},
			{"DELETE", "X-API-Key: " + key + "|X-Method-Override: GET", 403},
			// Questions before a request that are none, and such as nobody may ask.
			{"OPTIONS", app, 401},
			{"OPTIONS", "Access-Control-Request-Method: GET", 401},
			{"OPTIONS", evil + "|Access-Control-Request-Method: GET", 403},
			{"GET", app + "|Access-Control-Request-Method: GET", 401},
		} {
			resp, body := p.ask(t, c.method, path, split(c.headers)...)
			wanted := resp.StatusCode == c.want || path == "/a" && c.method == "OPTIONS" && resp.StatusCode == 405
			if !wanted || resp.Header.Get("X-Target") != "" || strings.Contains(body, `"data"`) || resp.Header.Get("Location") != "" {
				t.Errorf("%s %s %s: %d %v %s", c.method, path, c.headers, resp.StatusCode, resp.Header, body)
			}
		}
	}
	if n := target.asked.Load() + shadow.asked.Load(); n > 0 {
		t.Errorf("targets were asked %d times", n)
	}
}

// TestPlainPortGivesNothing: what comes to the port of plain HTTP is sent to HTTPS, with
// good credentials and spoofed headers too, and no target sees any of it.
func TestPlainPortGivesNothing(t *testing.T) {
	t.Parallel()
	f, target := newFolder(t), newWitness(t)
	f.has("a.example")
	port := strconv.Itoa(testport.Free(t))
	p := serve(t, `
server: {host: 127.0.0.1, port: 8443}
plugins:
  tls: {config: {certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}, redirect_port: $PORT, hsts: true}}
  proxy: {config: {targets: ["$target"]}}
  auth: {config: {api_key: {clients: {partner: "${NONE:-first-key-of-partner}"}}}}
endpoints:
  - {path: /a, handler: proxy}
  - {path: /open, handler: proxy, public: true}
`, map[string]string{"DIR": f.dir, "PORT": port, "target": target.url})
	plain := &proxy{url: "http://127.0.0.1:" + port}
	for _, path := range []string{"/a", "/open", "/health", "/none", "//evil.example/a", `/\evil.example/`} {
		for _, headers := range []string{
			"Host: a.example|X-API-Key: " + key,
			"Host: a.example|X-Forwarded-Proto: https|X-Forwarded-Ssl: on|Front-End-Https: on|Forwarded: proto=https",
			"Host: a.example|X-Forwarded-Host: evil.example|X-Original-URL: /open|X-Envoy-Original-Path: /open",
		} {
			resp, body := plain.ask(t, http.MethodGet, path, split(headers)...)
			to := resp.Header.Get("Location")
			if resp.StatusCode/100 != 3 || !strings.HasPrefix(to, "https://a.example:8443/") && !strings.HasPrefix(to, "https://127.0.0.1:8443/") || strings.Contains(body, key) {
				t.Errorf("%s %s: %d %s %s", path, headers, resp.StatusCode, to, body)
			}
		}
	}
	if n := target.asked.Load(); n > 0 {
		t.Errorf("the target was asked %d times", n)
	}
	// By TLS credentials are asked for as ever, and the target learns of TLS from the proxy.
	a := p.by(f, "a.example")
	if resp, _ := a.must("/a"); resp.StatusCode != 401 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error(resp.StatusCode, resp.Header)
	}
	if resp, body := a.must("/a", "X-API-Key: "+key, "X-Forwarded-Proto: http"); resp.StatusCode != 200 || !strings.Contains(body, "x-forwarded-proto: https\n") {
		t.Error(resp.StatusCode, body)
	}
}

// TestPagesOverTheLimit: a page of another origin can read that it is over a limit, and its
// browser's questions before requests cost it nothing.
func TestPagesOverTheLimit(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  cors: {config: {allow_origins: https://app.example.com}}
  transformations: {config: {response: {body: {wrap: data}, other_bodies: pass}}}
  auth: {config: {api_key: {clients: {partner: "${NONE:-first-key-of-partner}", shop: "${NONE:-the-key-of-the-shop}"}}}}
  rate_limit: {config: {requests: 2, per: 1h, by: client}}
endpoints: [{path: /a, method: [GET, POST]}]
`, map[string]string{"target": target(t)})
	const app, allowed = "Origin: https://app.example.com", "Access-Control-Allow-Origin"
	for range 5 {
		if resp, _ := p.ask(t, "OPTIONS", "/a", app, "Access-Control-Request-Method: GET"); resp.StatusCode != 200 {
			t.Error(resp.Status)
		}
		// What says that it is somebody's takes nothing from that one.
		if resp, _ := p.ask(t, "GET", "/a", "X-Client-Id: partner"); resp.StatusCode != 401 {
			t.Error(resp.Status)
		}
	}
	for i, want := range []int{200, 200, 429, 429} {
		resp, body := p.ask(t, "GET", "/a", app, "X-API-Key: "+key, "X-Client-Id: "+strconv.Itoa(i), "X-Forwarded-For: 192.0.2."+strconv.Itoa(i), "X-HTTP-Method-Override: POST")
		if resp.StatusCode != want || resp.Header.Get(allowed) == "" || want == 429 && (!strings.HasPrefix(body, `{"error":"too_many_requests"`) || resp.Header.Get("Retry-After") == "") {
			t.Errorf("%d: %d %v %s", i, resp.StatusCode, resp.Header, body)
		}
	}
	if resp, _ := p.ask(t, "GET", "/a", "X-API-Key: "+shop); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}
