package translate_test

import (
	"net/http"
	"strings"
	"testing"
)

const headerRules = `
plugins:
  proxy:
    config:
      targets: [{url: "$one"}]
      transform_request:
        headers: {X-Plugin: plugin, X-Both: plugin, X-Percent: "100% %START_TIME%", X-Ip: "{{client_ip}}"}
        remove_headers: [X-Secret]
      transform_response:
        headers: {X-Proxied-By: backworks, X-Answer: plugin}
        remove_headers: [X-Target]
endpoints:
  - path: /own
    method: GET
    handler: proxy
    config:
      proxy:
        transform_request: {headers: {X-Both: endpoint, X-Was: "{{header.X-In}}/{{query.q}}/{{path}}/{{host}}/{{method}}"}, add_headers: {X-List: more}}
        transform_response: {headers: {X-Answer: endpoint}}
  - {path: /plain, method: GET, handler: proxy}
  - {path: /kept, method: GET, handler: proxy, config: {proxy: {preserve_host: true}}}
  - {path: /static, method: GET, handler: static, config: {static: {status: 200, body: {a: 1}, headers: {X-Own: "1"}}}}
`

// TestRequestHeaders: what a target gets of the client's headers and of ours.
func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	names := []string{
		"Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Plugin", "X-Both", "X-Percent", "X-Ip", "X-Secret", "X-Was", "X-List",
		"X-Envoy-Max-Retries", "X-Envoy-Upstream-Rq-Timeout-Ms", "X-Envoy-Expected-Rq-Timeout-Ms",
	}
	one := target(t, names...)
	host := strings.TrimPrefix(one, "http://")
	p := serve(t, headerRules, map[string]string{"one": one})
	// The router tells the time that is left only where something reads what it tells,
	// such as the {{path}} of these rules.
	const limit = "\nX-Envoy-Expected-Rq-Timeout-Ms: 30000"
	for _, c := range []struct {
		path string
		in   []string
		want string
	}{
		{"/plain", []string{"Host: shop.example"}, "Host: " + host + "\nX-Forwarded-Host: shop.example\nX-Forwarded-Proto: http\n" +
			"X-Plugin: plugin\nX-Both: plugin\nX-Percent: 100% %START_TIME%\nX-Ip: 127.0.0.1" + limit},
		{"/own?q=7", []string{"Host: shop.example", "X-In: in", "X-List: one", "X-Both: client"}, "Host: " + host +
			"\nX-Forwarded-Host: shop.example\nX-Forwarded-Proto: http\nX-Plugin: plugin\nX-Both: endpoint\nX-Percent: 100% %START_TIME%\n" +
			"X-Ip: 127.0.0.1\nX-Was: in/7//own?q=7/shop.example/GET\nX-List: one\nX-List: more" + limit},
		// A client can say neither who it is nor how it is to be retried.
		{"/plain", []string{
			"Host: shop.example", "X-Forwarded-Host: evil.example", "X-Secret: s", "X-Ip: 6.6.6.6", "X-Envoy-Max-Retries: 9",
			"X-Envoy-Upstream-Rq-Timeout-Ms: 1",
		}, "Host: " + host + "\nX-Forwarded-Host: shop.example\nX-Forwarded-Proto: http\n" +
			"X-Plugin: plugin\nX-Both: plugin\nX-Percent: 100% %START_TIME%\nX-Ip: 127.0.0.1" + limit},
		{"/kept", []string{"Host: shop.example", "X-Forwarded-Host: evil.example"}, "Host: shop.example\nX-Forwarded-Proto: http\n" +
			"X-Plugin: plugin\nX-Both: plugin\nX-Percent: 100% %START_TIME%\nX-Ip: 127.0.0.1" + limit},
	} {
		_, body := p.ask(t, "GET", c.path, c.in...)
		if _, got, _ := strings.Cut(body, "\n"); got != c.want {
			t.Errorf("%s %q: the target got\n%s\nwant\n%s", c.path, c.in, got, c.want)
		}
	}
}

const parameterRules = `
plugins: {proxy: {config: {targets: [{url: "$one"}]}}}
endpoints:
  - path: /shops/{shop}/items/:id
    handler: proxy
    config:
      proxy:
        path: /i/{id}
        transform_request: {headers: {X-Id: "{{path.id}} of {{path.shop}}"}}
        transform_response: {headers: {X-Shop: "{{path.shop}}"}}
  - {path: "/files/*rest", handler: proxy, config: {proxy: {transform_request: {headers: {X-Id: "{{path.rest}}"}}}}}
  - {path: "/u/{_a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{last}.json", handler: static, config: {static: {headers: {X-A: "{{path._a}}"}, body: {last: "<{{path.last}}>", list: ["{{path.i}}"]}}}}
  - {path: "/text/{id}", handler: static, config: {static: {body: "100% {{path.id}}"}}}
  - {path: "/plain/{id}", handler: proxy}
`

// TestParameters: what stands in a path, in headers and bodies.
func TestParameters(t *testing.T) {
	t.Parallel()
	p := serve(t, parameterRules, map[string]string{"one": target(t, "X-Id")})
	for _, c := range []struct{ path, header, value, body string }{
		{"/shops/7/items/9?a=/b/c?d", "X-Shop", "7", "GET /i/9?a=/b/c?d\nX-Id: 9 of 7"},
		{"/shops/a%20b/items/%25NAME%25", "X-Shop", "a%20b", "GET /i/%25NAME%25\nX-Id: %25NAME%25 of a%20b"},
		{"/files/a/b.txt?x=/y", "X-Shop", "", "GET /files/a/b.txt?x=/y\nX-Id: a/b.txt"},
		{"/files", "X-Shop", "", "GET /files"},
		{"/u/1/2/3/4/5/6/7/8/9/10.json", "X-A", "1", `{"last":"<10>","list":["9"]}`},
		{"/text/%START_TIME%25?q", "X-Shop", "", "100% %START_TIME%25"},
		{"/plain/1", "X-Shop", "", "GET /plain/1"},
	} {
		resp, body := p.ask(t, "GET", c.path)
		if got := strings.TrimSpace(body); got != c.body || resp.Header.Get(c.header) != c.value {
			t.Errorf("%s: got %s %q and %q, want %q and %q", c.path, c.header, resp.Header.Get(c.header), got, c.value, c.body)
		}
	}
}

// TestResponseHeaders: what a client gets, from a target and from the proxy itself.
func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	p := serve(t, headerRules, map[string]string{"one": target(t)})
	for _, c := range []struct {
		method, path string
		status       int
		want         map[string]string
	}{
		{"GET", "/own", 200, map[string]string{"X-Proxied-By": "backworks", "X-Answer": "endpoint", "X-Target": ""}},
		{"GET", "/plain", 200, map[string]string{"X-Proxied-By": "backworks", "X-Answer": "plugin", "X-Target": ""}},
		{"GET", "/static", 200, map[string]string{"X-Proxied-By": "backworks", "X-Own": "1", "Content-Type": "application/json"}},
		{"GET", "/none", 404, map[string]string{"X-Proxied-By": "backworks", "X-Answer": "plugin", "Content-Type": "application/json"}},
		{"POST", "/own", 405, map[string]string{"X-Proxied-By": "backworks", "Allow": "GET, HEAD", "Content-Type": "application/json"}},
		{"GET", "/health", 200, map[string]string{"X-Proxied-By": "backworks", "Content-Type": "application/json"}},
	} {
		resp, _ := p.ask(t, c.method, c.path)
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.status)
		}
		for name, want := range c.want {
			if got := strings.Join(resp.Header.Values(name), "|"); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
			}
		}
	}
}

// TestUnderscores: a header that a target could take for another one is refused.
func TestUnderscores(t *testing.T) {
	t.Parallel()
	p := serve(t, headerRules, map[string]string{"one": target(t)})
	if resp, body := p.ask(t, http.MethodGet, "/plain", "X_Plugin: evil"); resp.StatusCode != 400 || resp.Header.Get("X-Proxied-By") != "backworks" {
		t.Errorf("got %d %q %v", resp.StatusCode, body, resp.Header)
	}
}

// TestRouterIsQuiet: what Envoy's router finds out is told to nobody, unless something reads
// it, such as a placeholder of an answer.
func TestRouterIsQuiet(t *testing.T) {
	t.Parallel()
	const rules = `
plugins: {proxy: {config: {targets: ["$target"]}}}
endpoints: [{path: /a, handler: proxy, config: {proxy: {path: /b, transform_response: {headers: {X-Path: "$PATH"}}}}}]
`
	w := newWitness(t)
	for path, told := range map[string]string{"-": "", "{{path}}": "/a?x=1"} {
		p := serve(t, rules, map[string]string{"target": w.url, "PATH": path})
		resp, body := p.ask(t, "GET", "/a?x=1", "X-Envoy-Original-Path: /evil")
		if resp.StatusCode != 200 || !strings.HasPrefix(body, "GET /b?x=1\n") || told != "" && resp.Header.Get("X-Path") != told {
			t.Errorf("%s: %d %v\n%s", path, resp.StatusCode, resp.Header, body)
		}
		for _, tells := range []bool{
			strings.Contains(body, "x-envoy-original-path: /a?x=1\n"), strings.Contains(body, "x-envoy-expected-rq-timeout-ms: "),
			resp.Header.Get("X-Envoy-Upstream-Service-Time") != "",
		} {
			if tells != (told != "") || strings.Contains(body, "/evil") {
				t.Errorf("%s: the router tells: %t\n%v\n%s", path, tells, resp.Header, body)
			}
		}
	}
}
