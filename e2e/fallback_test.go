package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// fellBack is a blueprint of a pool of targets with a fallback of one.
func fellBack(s *site, settings string, reserve *backend, targets ...*backend) string {
	text := shared(s, 0, settings, targets...)
	return strings.Replace(text, "endpoints:", fmt.Sprintf(`      fallback: reserve
      upstreams:
        reserve: {targets: [{name: reserve, url: %q}]}
endpoints:`, reserve.url), 1)
}

// TestFallback: while one target of a pool can serve, it takes all; when none can, by
// breakers or by checks, the fallback does, and clients see only the failures that opened
// the breakers. While the pool is tried it gets a trickle, and the fallback the rest.
func TestFallback(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b, reserve := newTimed(t, "a", 0), newTimed(t, "b", 0), newBackend(t, "reserve")
	s.write("main.yaml", fellBack(s, breaker(), reserve, &a.backend, &b.backend))
	p := s.startTwo()
	l := run(200, func(int) string { return s.proxy + "/" }, func(status int, _ string) bool { return status == 200 || status == 500 })
	a.status.Store(500)
	s.until("one is open", func() bool { return p.breakerOf("a") == "Open" })
	from := b.asked.Load()
	s.until("the other one takes all", func() bool { return b.asked.Load() > from+200 })
	if n := reserve.asked.Load(); n > 0 {
		t.Errorf("the fallback got %d requests while a target could serve", n)
	}
	b.status.Store(500)
	for _, x := range []*timed{a, b} {
		s.until("each was tried", func() bool { return len(x.pauses()) >= 2 })
		for i, pause := range x.pauses() {
			if i > 0 && pause.before > 3*trials+workers { // by chance, and as late as looks are
				t.Errorf("%s: %d trials failed before pause %d", x.name, pause.before, i)
			}
			t.Logf("%s: pause %d: %+v", x.name, i, pause)
		}
	}
	if status, body := s.get(s.proxy + "/health"); status != 200 {
		t.Errorf("health: %d %s", status, body)
	}
	a.status.Store(0)
	b.status.Store(0)
	s.until("they are closed", func() bool { return p.breakerOf("a") == "Closed" && p.breakerOf("b") == "Closed" })
	l.end(t)
	s.until("answers and requests are told", func() bool {
		for _, f := range p.telemetry("").Pools {
			if f.Pool == "default" {
				return f.Requests > 100 && f.Classes["2xx"] > f.Requests && f.Classes["5xx"] > 5 // with those of the fallback
			}
		}
		return false
	})
	before := reserve.asked.Load()
	for range 50 {
		s.get(s.proxy + "/")
	}
	if n := reserve.asked.Load() - before; n > 0 {
		t.Errorf("the fallback got %d of 50 after the pool was well", n)
	}
}

// TestFallbackByChecks: the fallback has the requests while health checks fail, and no
// longer; with neither, clients are told as JSON.
func TestFallbackByChecks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b, reserve := newBackend(t, "a"), newBackend(t, "b"), newBackend(t, "reserve")
	s.write("main.yaml", fellBack(s, "      health_check: {interval: 100ms, timeout: 1}\n", reserve, a, b))
	s.startTwo()
	l := run(200, func(int) string { return s.proxy + "/" }, well)
	all := func(to ...*backend) func() bool {
		return func() bool {
			var before, after int64
			for _, x := range to {
				before += x.asked.Load()
			}
			for range 50 {
				s.get(s.proxy + "/")
			}
			for _, x := range to {
				after += x.asked.Load()
			}
			return after-before >= 50
		}
	}
	s.until("the pool has all", all(a, b))
	a.sick.Store(true)
	s.until("b has all", all(b))
	b.sick.Store(true)
	s.until("the fallback has all", all(reserve))
	b.sick.Store(false)
	s.until("b has all again", all(b))
	b.sick.Store(true)
	s.until("the fallback has all again", all(reserve))
	l.end(t)
	reserve.stop()
	if status, body := s.get(s.proxy + "/"); status != 503 || !strings.Contains(body, `"error":"service_unavailable"`) {
		t.Errorf("with neither: %d %s", status, body)
	}
}

// TestRoutingEditsLoseNothing: what the keys of docs/routing.md change comes and goes
// under load.
func TestRoutingEditsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one, two := newBackend(t, "one"), newBackend(t, "two")
	kinds := []struct{ pool, endpoint string }{
		{},
		{pool: "fallback: two"},
		{pool: "fallback: three, limits: {max_requests: 5000}"},
		{endpoint: "split: {one: 70, two: 30}"},
		{endpoint: "split: {two: 1, three: 1}, mirror: two"},
		{pool: "load_balancing: {algorithm: maglev, hash_on: {header: X-A}}", endpoint: "upstream: one, canary: {upstream: two, headers: {X-B: \"*\"}}"},
		{pool: "sticky_sessions: true, slow_start: 5s", endpoint: "upstream: one, mirror: [two, three]"},
		{pool: "load_balancing: ring_hash, retry: {attempts: 2, per_try_timeout: 5s, hedge: true}"},
		{pool: "fallback: two", endpoint: "split: {one: 1, three: 1}"},
	}
	text := func(i int) string {
		k := kinds[i%len(kinds)]
		if k.pool != "" {
			k.pool = ", " + k.pool
		}
		if k.endpoint == "" {
			k.endpoint = "upstream: one"
		}
		return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      transform_response: {headers: {X-Edit: "%d"}}
      upstreams:
        one: {targets: [%q, %q]%s}
        two: {targets: [%q]}
        three: {targets: [%q], fallback: two}
endpoints:
  - {path: /b, method: GET, config: {proxy: {%s}}}
`, s.port, i, one.url, two.url, k.pool, two.url, one.url, k.endpoint)
	}
	e := &edits{site: s}
	s.write("main.yaml", text(0))
	s.startTwo()
	l := run(400, func(int) string { return s.proxy + "/b" }, well)
	for i := 1; i <= 3*len(kinds); i++ {
		s.write("main.yaml", text(i))
		s.until(fmt.Sprintf("edit %d is live", i), func() bool { return e.seen(i) })
	}
	l.end(t)
}
