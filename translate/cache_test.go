package translate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// counted is a target that says how often it was asked, what it was asked, and what its
// query's parameters say.
func counted(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		for name, values := range r.URL.Query() {
			if h, is := strings.CutPrefix(name, "set-"); is {
				for _, v := range values {
					w.Header().Add(h, v)
				}
			}
		}
		if w.Header().Get("Cache-Control") == "" && r.URL.Query().Get("plain") == "" {
			w.Header().Set("Cache-Control", "max-age=60")
		}
		switch r.URL.Query().Get("status") {
		case "404":
			w.WriteHeader(404)
		case "500":
			w.WriteHeader(500)
		}
		fmt.Fprintf(w, "%d %s %s host=%s", n, r.Method, r.RequestURI, r.Host)
		for _, h := range []string{"Cookie", "Authorization", "Accept-Language", "X-Forwarded-Host", "X-Forwarded-For", "X-Original-Url", "User-Agent", "Range", "X-Team"} {
			if v := r.Header.Values(h); v != nil {
				fmt.Fprintf(w, " %s=%s", h, strings.Join(v, ","))
			}
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Backworks") {
				fmt.Fprintf(w, " %s=%s", name, r.Header.Get(name))
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

const cacheBlueprint = `
plugins:
  proxy: {config: {targets: ["$target"], transform_response: {headers: {X-Id: "{{request_id}}", X-Lang: "{{header.Accept-Language}}"}}}}
  cache: {config: {directory: "$dir"}}
endpoints:
  - {path: "/*"}
  - {path: /forced, config: {cache: {ttl: 60}}}
  - {path: /short, config: {cache: {ttl: 1}}}
  - {path: /dropped, config: {cache: {drop_set_cookie: true}}}
  - {path: /mine, config: {cache: {authenticated: true, vary: [Authorization], cookies: [team]}}}
  - {path: /part, config: {cache: {query: [q], cookies: [], bypass: {headers: [X-Preview], cookies: [session], query: [debug]}, status_header: X-Kept}}}
  - {path: "/old/*", config: {proxy: {path_rewrite: {strip_prefix: /old}}}}
  - {path: /off, config: {cache: false}}
`

// kept asks until an answer is a hit, since answers are kept after they were sent, and
// gives the body.
func (p *proxy) kept(t *testing.T, path string, headers ...string) string {
	t.Helper()
	var body string
	poll(t, func() bool {
		var resp *http.Response
		resp, body = p.ask(t, "GET", path, headers...)
		return resp.Header.Get("X-Cache") == "hit"
	})
	return body
}

// TestCacheKeeps: what is asked again is answered without a target, by whoever it is asked,
// and each has the headers of its own.
func TestCacheKeeps(t *testing.T) {
	t.Parallel()
	url, asked := counted(t)
	p := serve(t, cacheBlueprint, map[string]string{"target": url, "dir": t.TempDir()})
	first, _ := p.ask(t, "GET", "/a?y=2&x=1", "Accept-Language: de")
	if got := first.Header.Get("X-Cache"); got != "miss" {
		t.Fatalf("X-Cache %q", got)
	}
	body := p.kept(t, "/a?y=2&x=1", "Accept-Language: de")
	n := asked.Load()
	for _, c := range [][]string{
		{"GET", "/a?x=1&y=2", "Accept-Language: de"},
		{"GET", "/a?y=2&x=1", "Accept-Language: de", "Cache-Control: no-cache, no-store, max-age=0", "Pragma: no-cache"},
		{"GET", "/a?y=2&x=1", "Accept-Language: de", "If-None-Match: *", "If-Modified-Since: Wed, 25 Nov 2037 18:13:34 GMT"},
		{"GET", "/a?y=2&x=1", "Accept-Language: de", "User-Agent: another", "X-Forwarded-For: 6.6.6.6", "X-Backworks-Miss: 1", "X-Backworks-Path: /other"},
		{"HEAD", "/a?y=2&x=1", "Accept-Language: de"},
	} {
		resp, got := p.ask(t, c[0], c[1], c[2:]...)
		h := resp.Header
		if h.Get("X-Cache") != "hit" || resp.StatusCode != 200 || c[0] == "GET" && got != body || h.Get("Age") == "" || h.Get("Cache-Control") != "max-age=60" {
			t.Errorf("%v: %d %v %s", c, resp.StatusCode, h, got)
		}
		if h.Get("X-Id") != h.Get("X-Request-Id") || h.Get("X-Id") == first.Header.Get("X-Id") || h.Get("X-Lang") != "de" {
			t.Errorf("%v: headers of another's answer: %v", c, h)
		}
	}
	if asked.Load() != n {
		t.Errorf("%d requests reached the target", asked.Load()-n)
	}
	// Rewrites hold for misses, and what is forced is forced.
	if got := p.kept(t, "/old/b?x=1"); !strings.Contains(got, "GET /b?x=1 ") {
		t.Error(got)
	}
	p.kept(t, "/forced?plain=1")
	p.kept(t, "/forced?set-cache-control=max-age%3D0")
	if resp, _ := p.ask(t, "GET", "/forced?set-cache-control=max-age%3D0"); resp.Header.Get("Cache-Control") != "max-age=0" {
		t.Errorf("clients are told of another time: %v", resp.Header)
	}
	p.kept(t, "/dropped?set-set-cookie=a")
	if resp, _ := p.ask(t, "GET", "/dropped?set-set-cookie=a"); resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("a cookie is kept: %v", resp.Header)
	}
	// Its time over, the target is asked again.
	was := p.kept(t, "/short")
	poll(t, func() bool { _, now := p.ask(t, "GET", "/short"); return now != was })
	var metrics strings.Builder
	if err := p.admin.Prometheus(t.Context(), &metrics); err != nil || !strings.Contains(metrics.String(), `envoy_backworks_cache_requests{result="hit",endpoint="ANY /old/*"} 1`) {
		t.Errorf("%v: no hit of /old/* in the metrics", err)
	}
}

// TestCacheNeverKeeps: asked three times, the target is asked three times, and each is told
// what is its own.
func TestCacheNeverKeeps(t *testing.T) {
	t.Parallel()
	url, asked := counted(t)
	p := serve(t, cacheBlueprint, map[string]string{"target": url, "dir": t.TempDir()})
	for _, c := range [][]string{
		{"miss", "GET", "/a?set-set-cookie=session=1"},
		{"miss", "GET", "/forced?set-set-cookie=session=1"},
		{"miss", "GET", "/forced?set-cache-control=private"},
		{"miss", "GET", "/forced?set-cache-control=max-age=5,+PRIVATE=%22x%22"},
		{"miss", "GET", "/forced?set-cache-control=public&set-cache-control=no-store"},
		{"miss", "GET", "/forced?set-cache-control=no-cache"},
		{"miss", "GET", "/forced?set-pragma=no-cache&plain=1"},
		{"miss", "GET", "/a?plain=1"},
		{"miss", "GET", "/a?set-cache-control=max-age=60&set-age=60"},
		{"miss", "GET", "/a?set-cache-control=s-maxage=0,+max-age=60"},
		{"miss", "GET", "/a?set-vary=*"},
		{"miss", "GET", "/forced?set-vary=User-Agent"},
		{"miss", "GET", "/forced?set-vary=Accept&set-vary=Cookie"},
		{"miss", "GET", "/forced?status=404"},
		{"miss", "GET", "/forced?status=500"},
		{"miss", "HEAD", "/head"},
		{"bypass", "POST", "/a"},
		{"bypass", "GET", "/a", "Cookie: session=1"},
		{"bypass", "GET", "/a", "Authorization: Bearer 1"},
		{"bypass", "GET", "/a", "Proxy-Authorization: Basic 1"},
		{"bypass", "GET", "/a", "Range: bytes=0-1"},
		{"bypass", "GET", "/a", "Last-Event-ID: 7"},
		{"bypass", "GET", "/part", "X-Preview: 1"},
		{"bypass", "GET", "/part", "Cookie: a=b; session=1"},
		{"bypass", "GET", "/part?q=1&debug"},
		{"bypass", "GET", "/part?debug=1&q=1"},
		{"", "GET", "/off"},
	} {
		n := asked.Load()
		for i := range int64(3) {
			resp, body := p.ask(t, c[1], c[2], c[3:]...)
			got := resp.Header.Get("X-Cache") + resp.Header.Get("X-Kept")
			if got != c[0] || c[1] == "GET" && !strings.HasPrefix(body, fmt.Sprint(n+i+1, " ")) {
				t.Errorf("%v: %q %s", c, got, body)
			}
		}
	}
}

// TestCacheApart: what one is told is not told another, and nothing that is not in the key
// gets into what all are told.
func TestCacheApart(t *testing.T) {
	t.Parallel()
	url, asked := counted(t)
	p := serve(t, cacheBlueprint, map[string]string{"target": url, "dir": t.TempDir()})
	for _, c := range [][2][]string{
		{{"/mine", "Authorization: Bearer ann"}, {"/mine", "Authorization: Bearer bob"}},
		{{"/mine", "Authorization: Bearer ann"}, {"/mine"}},
		{{"/mine", "Cookie: team=red"}, {"/mine", "Cookie: team=blue"}},
		{{"/mine", "Cookie: team=red"}, {"/mine", "Cookie: other=red"}},
		{{"/l?set-vary=Accept-Language", "Accept-Language: de"}, {"/l?set-vary=Accept-Language", "Accept-Language: en"}},
		{{"/l", "Accept: a", "Origin: b"}, {"/l", "Accept: ", "Origin: a;h.origin=b"}},
		{{"/l?a=1&a=2"}, {"/l?a=2&a=1"}},
		{{"/h", "Host: one.example"}, {"/h", "Host: two.example"}},
		{{"/x/y"}, {"/x%3By"}},
	} {
		one := p.kept(t, c[0][0], c[0][1:]...)
		n := asked.Load()
		if resp, two := p.ask(t, "GET", c[1][0], c[1][1:]...); asked.Load() == n && resp.Header.Get("X-Cache") != "hit" || one == two {
			t.Errorf("%v and %v are told the same: %s", c[0], c[1], two)
		}
	}
	evil := []string{"X-Forwarded-Host: evil", "X-Original-URL: /evil", "X-Forwarded-For: 6.6.6.6", "User-Agent: evil", "X-Team: evil", "X-HTTP-Method-Override: POST", "X-Backworks-Keep: x-team", "X-Backworks-Path: /evil", "X-Backworks-Cookie: evil=1", "X-Backworks-Client: 6.6.6.6"}
	for _, path := range []string{"/p", "/part?q=1&evil=1"} {
		p.ask(t, "GET", path, append(evil, map[bool]string{true: "Cookie: evil=1", false: "X-Evil: 1"}[path != "/p"])...)
		if _, body := p.ask(t, "GET", path); strings.Contains(body, "evil") || strings.Contains(body, "6.6.6.6") || !strings.Contains(body, "X-Forwarded-For=127.0.0.1") || strings.Contains(body, "X-Backworks") {
			t.Errorf("%s: poisoned: %s", path, body)
		}
	}
}
