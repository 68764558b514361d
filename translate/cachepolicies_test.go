package translate_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// moody is a target that is well, or fails with 500; asked counts its requests.
type moody struct {
	url    string
	asked  atomic.Int64
	failed atomic.Bool
}

func newMoody(t *testing.T, name string) *moody {
	t.Helper()
	m := new(moody)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := m.asked.Add(1)
		if m.failed.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = fmt.Fprint(w, name, " ", r.RequestURI, " ", n)
	}))
	t.Cleanup(s.Close)
	m.url = s.URL
	return m
}

// TestCacheAndBreaker: misses that fail open the breaker, hits between them do not keep it
// shut; while it is open hits are answered and misses get the proxy's own 503, which is not
// kept; afterwards misses reach the target again.
func TestCacheAndBreaker(t *testing.T) {
	t.Parallel()
	m := newMoody(t, "m")
	p := serve(t, `
plugins:
  proxy: {config: {targets: [$M], circuit_breaker: {failure_threshold: 4, recovery_timeout: 3s}}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints: [{path: "/*"}]
`, map[string]string{"M": m.url, "dir": t.TempDir()})
	kept := p.kept(t, "/kept")
	hit := func() {
		t.Helper()
		if resp, body := p.ask(t, "GET", "/kept"); resp.StatusCode != 200 || resp.Header.Get("X-Cache") != "hit" || body != kept {
			t.Errorf("a kept answer: %d %v %s", resp.StatusCode, resp.Header, body)
		}
	}
	m.failed.Store(true)
	n := m.asked.Load()
	for i := range 3 {
		if resp, body := p.ask(t, "GET", fmt.Sprint("/fails?n=", i)); resp.StatusCode != 500 || resp.Header.Get("X-Cache") != "miss" || !strings.HasPrefix(body, "m ") {
			t.Fatalf("miss %d: %d %v %s", i, resp.StatusCode, resp.Header, body)
		}
		hit()
	}
	if got := m.asked.Load() - n; got != 3 {
		t.Errorf("3 misses were %d requests to the target", got)
	}
	if resp, _ := p.ask(t, "POST", "/fails"); resp.StatusCode != 500 || resp.Header.Get("X-Cache") != "bypass" {
		t.Error("what passes the cache by:", resp.StatusCode, resp.Header)
	}
	poll(t, func() bool { // Envoy ejects in its main thread
		resp, _ := p.ask(t, "GET", "/fails?n=0")
		return resp.StatusCode == 503
	})
	n = m.asked.Load()
	for range 5 {
		hit()
		resp, body := p.ask(t, "GET", "/fails?n=0")
		if resp.StatusCode != 503 || resp.Header.Get("X-Cache") != "miss" || resp.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(body, `{"error":"service_unavailable"`) {
			t.Errorf("a miss while the target is out: %d %v %s", resp.StatusCode, resp.Header, body)
		}
	}
	if m.asked.Load() != n {
		t.Error("the target was asked while it was out")
	}
	m.failed.Store(false)
	poll(t, func() bool {
		hit()
		resp, body := p.ask(t, "GET", "/fails?n=0")
		return resp.StatusCode == 200 && strings.HasPrefix(body, "m ")
	})
}

// TestCacheMissesTakeTheFallback: where a pool is out, its fallback answers misses.
func TestCacheMissesTakeTheFallback(t *testing.T) {
	t.Parallel()
	first, second := newMoody(t, "first"), newMoody(t, "second")
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [$FIRST]
      circuit_breaker: {failure_threshold: 2, recovery_timeout: 1h}
      fallback: second
      upstreams: {second: {targets: [$SECOND]}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints: [{path: "/*"}]
`, map[string]string{"FIRST": first.url, "SECOND": second.url, "dir": t.TempDir()})
	kept := p.kept(t, "/kept")
	first.failed.Store(true)
	n := 0
	poll(t, func() bool {
		n++
		resp, body := p.ask(t, "GET", fmt.Sprint("/x?n=", n))
		return resp.StatusCode == 200 && resp.Header.Get("X-Cache") == "miss" && strings.HasPrefix(body, "second ")
	})
	if got := p.kept(t, "/kept"); got != kept || !strings.HasPrefix(got, "first ") {
		t.Error("a kept answer of the pool that is out: ", got)
	}
	if got := p.kept(t, "/new"); !strings.HasPrefix(got, "second ") {
		t.Error("a kept answer of the fallback: ", got)
	}
}

// TestCacheMissesAreTriedAsOften: a miss passes two hops, and its tries are those of one.
func TestCacheMissesAreTriedAsOften(t *testing.T) {
	t.Parallel()
	m := newMoody(t, "m")
	m.failed.Store(true)
	p := serve(t, `
plugins:
  proxy: {config: {targets: [$M], retry: {attempts: 2, on: [5xx], backoff: {base: 5ms}}}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints: [{path: "/*"}, {path: /once, config: {proxy: {retry_attempts: 0}}}]
`, map[string]string{"M": m.url, "dir": t.TempDir()})
	for path, want := range map[string]int64{"/x": 3, "/once": 1} {
		n := m.asked.Load()
		if resp, _ := p.ask(t, "GET", path); resp.StatusCode != 500 || resp.Header.Get("X-Cache") != "miss" || m.asked.Load()-n != want {
			t.Errorf("%s: %d %v after %d tries, want %d", path, resp.StatusCode, resp.Header, m.asked.Load()-n, want)
		}
	}
}

// TestCacheAndWeights: misses are shared out as weights of targets and parts of a split say,
// and a kept answer is whole that of the part that was drawn.
func TestCacheAndWeights(t *testing.T) {
	t.Parallel()
	a, b, c := newMoody(t, "a"), newMoody(t, "b"), newMoody(t, "c")
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [{url: $A, weight: 3}, {url: $B, weight: 1}]
      upstreams: {b: {targets: [$B/v2]}, c: {targets: [$C]}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints:
  - {path: /targets}
  - {path: /split, config: {proxy: {split: {b: 3, c: 1}}}}
`, map[string]string{"A": a.url, "B": b.url, "C": c.url, "dir": t.TempDir()})
	const n = 400
	for path, shares := range map[string]map[string]float64{
		"/targets": {"a": .75, "b": .25},
		"/split":   {"b": .75, "c": .25},
	} {
		got := map[string]int{}
		for i := range n {
			url := fmt.Sprint(path, "?n=", i)
			_, body := p.ask(t, "GET", url)
			name, rest, _ := strings.Cut(body, " ")
			got[name]++
			if want := map[bool]string{true: "/v2"}[path == "/split" && name == "b"] + url; !strings.HasPrefix(rest, want+" ") {
				t.Fatalf("%s was asked for %s, want %s", name, rest, want)
			}
		}
		for name, share := range shares {
			// Five standard deviations of the draws.
			if off := math.Abs(float64(got[name])/n - share); off > 5*math.Sqrt(share*(1-share)/n) {
				t.Errorf("%s: %s got %d of %d misses, want %v", path, name, got[name], n, share)
			}
		}
		for i := range 20 {
			url := fmt.Sprint(path, "?n=", i)
			one := p.kept(t, url)
			for range 5 {
				if body := p.kept(t, url); body != one {
					t.Errorf("%s: first %s, then %s", url, one, body)
				}
			}
		}
	}
}
