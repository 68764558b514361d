package translate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// says answers with its name, and the status that is its query's.
func says(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, err := strconv.Atoi(r.URL.RawQuery); err == nil {
			w.WriteHeader(status)
		}
		_, _ = io.WriteString(w, name+" "+r.Host)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What a pool says of its breaker, its hashing and its host holds with a fallback as
// without one; a chain of fallbacks is gone down as far as needed.
func TestFallback(t *testing.T) {
	t.Parallel()
	a, b, c := says(t, "a"), says(t, "b"), says(t, "c")
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        first: {targets: [$A], circuit_breaker: {failure_threshold: 3, recovery_timeout: 1h}, fallback: second}
        second: {targets: [$B], circuit_breaker: {failure_threshold: 3, recovery_timeout: 1h}, fallback: third}
        third: {targets: [$C]}
        sticky: {targets: [$A, $B, $C], load_balancing: {algorithm: ring_hash, hash_on: {cookie: at, ttl: 0}}, fallback: third}
endpoints:
  - {path: /chain, upstream: first}
  - {path: /sticky, upstream: sticky}
`, map[string]string{"A": a, "B": b, "C": c})
	ask := func(want, path string) {
		t.Helper()
		_, body := p.ask(t, "GET", path)
		if name, host, _ := strings.Cut(body, " "); name != want || "http://"+host != map[string]string{"a": a, "b": b, "c": c}[want] {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
	for range 10 {
		ask("a", "/chain?501") // no failure
	}
	for _, next := range []string{"b", "c"} {
		for range 3 {
			p.ask(t, "GET", "/chain?500")
		}
		poll(t, func() bool { _, body := p.ask(t, "GET", "/chain"); return strings.HasPrefix(body, next) })
	}
	for range 10 {
		ask("c", "/chain")
	}
	resp, body := p.ask(t, "GET", "/sticky")
	if len(resp.Cookies()) != 1 {
		t.Fatalf("cookies: %v", resp.Cookies())
	}
	for range 10 {
		if _, again := p.ask(t, "GET", "/sticky", "Cookie: "+resp.Cookies()[0].Name+"="+resp.Cookies()[0].Value); again != body {
			t.Errorf("the session of %s is at %s", body, again)
		}
	}
	if resp, _ := p.ask(t, "GET", "/health"); resp.StatusCode != 200 {
		t.Errorf("health: %d", resp.StatusCode)
	}
}

// A retry goes to another target of the pool, or to the fallback where there is none, and
// the pool's budget bounds it.
func TestFallbackAfterRetries(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "well")
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [http://$GONE]
      circuit_breaker: {failure_threshold: 2, recovery_timeout: 1h}
      retry: {attempts: 3, backoff: {base: 1ms}}
      fallback: other
      upstreams: {other: {targets: [$S]}}
`, map[string]string{"GONE": closedPort(t), "S": s.URL})
	for range 20 {
		if resp, body := p.ask(t, "GET", "/x"); resp.StatusCode != 200 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}
