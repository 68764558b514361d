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
	} {
		headers := strings.Split(x.headers, "|")
		if x.headers == "" {
			headers = nil
		}
		if _, body := p.ask(t, "POST", "/canary", headers...); !strings.HasPrefix(body, x.want+" ") {
			t.Errorf("%q: %s, want %s", x.headers, body, x.want)
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
