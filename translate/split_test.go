package translate_test

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// named answers with its name, and the path, host and header X-Q that it was asked with.
func named(t *testing.T, name string) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, name+" "+r.URL.Path+" "+r.Host)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// Requests are split by weight and each part has its pool's own path; canaries are taken
// out of them by all of their headers and cookies.
func TestWays(t *testing.T) {
	t.Parallel()
	a, _ := named(t, "a")
	b, _ := named(t, "b")
	c, _ := named(t, "c")
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [$A]
      upstreams: {b: {targets: [$B/v2]}, c: {targets: [$C]}}
endpoints:
  - {path: "/split/*", config: {proxy: {split: {default: 7, b: 2, c: 1}}}}
  - path: /canary
    config:
      proxy:
        split: {default: 100, c: 0}
        canary:
          - {upstream: b, header: {X-Beta: "yes"}, cookie: {who: "*"}}
          - {upstream: c, header: {X-Any: "*"}}
          - {upstream: b, header: {host: beta.example}}
`, map[string]string{"A": a, "B": b, "C": c})
	got := map[string]int{}
	const n = 2000
	for range n {
		_, body := p.ask(t, "GET", "/split/x")
		name, rest, _ := strings.Cut(body, " ")
		got[name]++
		if path := strings.Fields(rest)[0]; path != map[string]string{"a": "/split/x", "b": "/v2/split/x", "c": "/split/x"}[name] {
			t.Fatalf("%s was asked for %s", name, path)
		}
	}
	for name, share := range map[string]float64{"a": .7, "b": .2, "c": .1} {
		// Five standard deviations of the draws.
		if off := math.Abs(float64(got[name])/n - share); off > 5*math.Sqrt(share*(1-share)/n) {
			t.Errorf("%s got %d of %d, want %v", name, got[name], n, share)
		}
	}
	for _, x := range []struct{ want, headers string }{
		{"a", ""},
		{"b", "X-Beta: yes|Cookie: x=1; who=me; y=2"},
		{"a", "X-Beta: yes"},
		{"a", "X-Beta: yesno|Cookie: who=me"},
		{"a", "Cookie: who=me"},
		{"c", "X-Any: "},
		{"c", "X-Any: 1|X-Beta: yes"},
		{"b", "X-Any: 1|X-Beta: yes|Cookie: who=me"},
		{"a", "X-Beta: yes|Cookie: nowho=me"},
		{"b", "Host: beta.example"},
	} {
		if _, body := p.ask(t, "POST", "/canary", split(x.headers)...); !strings.HasPrefix(body, x.want+" ") {
			t.Errorf("%q: %s, want %s", x.headers, body, x.want)
		}
	}
}

// What a pool says of headers and bodies holds for its part.
func TestWaysChangeMessages(t *testing.T) {
	t.Parallel()
	a, b := target(t, "X-To"), target(t, "X-To")
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        a: {targets: [$A], transform_request: {headers: {X-To: a}}, transform_response: {headers: {X-From: a}}}
        b:
          targets: [$B]
          transform_request: {headers: {X-To: b}}
          transform_response: {headers: {X-From: b}, body: [{wrap: data}]}
endpoints:
  - {path: /x, upstream: a, config: {proxy: {canary: {upstream: b, headers: {X-Beta: "1"}}}}}
`, map[string]string{"A": a, "B": b})
	for want, headers := range map[string][]string{"a": nil, "b": {"X-Beta: 1"}} {
		resp, body := p.ask(t, "GET", "/x", headers...)
		if resp.Header.Get("X-From") != want || !strings.Contains(body, "X-To: "+want) {
			t.Errorf("%s: from %q: %s", want, resp.Header.Get("X-From"), body)
		}
	}
}

// A mirror gets a copy of all requests, or of the part that is said.
func TestMirrors(t *testing.T) {
	t.Parallel()
	a, _ := named(t, "a")
	shadow, copies := named(t, "shadow")
	p := serve(t, `
plugins: {proxy: {config: {targets: [$A], upstreams: {shadow: {targets: [$SHADOW]}}}}}
endpoints:
  - {path: /all, config: {proxy: {mirror: shadow}}}
  - {path: /some, config: {proxy: {mirror: {upstream: shadow, percent: 25}}}}
`, map[string]string{"A": a, "SHADOW": shadow})
	for range 20 {
		p.ask(t, "POST", "/all")
	}
	poll(t, func() bool { return copies.Load() == 20 })
	const some = 400
	for range some {
		p.ask(t, "GET", "/some")
	}
	if m := copies.Load() - 20; m < some/8 || m > some/2 {
		t.Errorf("%d of %d were copied, want a quarter", m, some)
	}
}

// A mirror that is away, slow or talks rubbish is of no account to clients; its copies
// have its own host.
func TestMirrorsDoNotMatter(t *testing.T) {
	t.Parallel()
	a, _ := named(t, "a")
	hold := make(chan struct{})
	hosts := make(chan string, 100)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		hosts <- r.Host
		<-hold
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(hold) }) // before
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [$A]
      upstreams: {gone: {targets: [http://$GONE]}, slow: {targets: [$SLOW]}}
endpoints:
  - {path: /m, config: {proxy: {mirror: [gone, slow]}}}
`, map[string]string{"A": a, "GONE": closedPort(t), "SLOW": slow.URL})
	for range 10 {
		if resp, body := p.ask(t, "GET", "/m"); resp.StatusCode != 200 || !strings.HasPrefix(body, "a ") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
	if host := <-hosts; "http://"+host != slow.URL {
		t.Errorf("the copy's host is %s, want that of %s", host, slow.URL)
	}
}

// TestCanaryByTheClientsRequest: what transformations make of a request does not choose its
// pool; what the client says does.
func TestCanaryByTheClientsRequest(t *testing.T) {
	t.Parallel()
	stable, beta := newWitness(t), newWitness(t)
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$stable"], upstreams: {beta: {targets: ["$beta"]}}}}
endpoints:
  - path: /a
    config:
      proxy: {canary: [{upstream: beta, headers: {X-Beta: "1"}}]}
      transformations: {request: {rename_headers: {X-Old: X-Beta}, query: {set: {seen: "1"}}}}
`, map[string]string{"stable": stable.url, "beta": beta.url})
	for header, want := range map[string]*witness{"X-Old: 1": stable, "X-Beta: 1": beta} {
		before := want.asked.Load()
		_, body := p.ask(t, "GET", "/a", header)
		if want.asked.Load() != before+1 || !strings.HasPrefix(body, "GET /a?seen=1\n") || !strings.Contains(body, "\nx-beta: 1\n") {
			t.Errorf("%s: stable %d, beta %d\n%s", header, stable.asked.Load(), beta.asked.Load(), body)
		}
	}
}
