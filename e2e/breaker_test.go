package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// broken is a blueprint of three targets with the breaker and checks given; the pool
// has two retries unless told otherwise.
func broken(s *site, backends []*backend, retries int, config string) string {
	var targets strings.Builder
	for _, b := range backends {
		fmt.Fprintf(&targets, "        - {name: %s, url: %q, retry_attempts: %d}\n", b.name, b.url, retries)
	}
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      load_balancing: round_robin
      targets:
%s      %s
endpoints: [{path: /, method: GET, handler: proxy}]
`, s.port, targets.String(), config)
}

// recovery is the breaker's time in tests.
func recovery() time.Duration {
	if soak {
		return 60 * time.Second
	}
	return 3 * time.Second
}

func breakerConfig() string {
	return fmt.Sprintf("circuit_breaker: {failure_threshold: 5, recovery_timeout: %d}\n      health_check: {interval: 1, timeout: 1}", int(recovery().Seconds()))
}

// TestBreaker: five failures take a target out for the recovery time, each time the
// same, though its health checks pass; with retries no client sees any of it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			all := []*backend{newBackend(t, "a"), newBackend(t, "b"), newBackend(t, "c")}
			s.write("main.yaml", broken(s, all, 2, breakerConfig()))
			p := s.start().live()
			bad := all[1]
			l := run(100, func(int) string { return s.proxy + "/" }, func(status int, _ string) bool { return status == 200 })
			bad.status.Store(int64(status))
			for round := range 2 { // the second time it is out is no longer
				before := bad.asked.Load()
				s.until("the target is out", func() bool { return p.targets()["b"].Ejected })
				out, checks := time.Now(), bad.checked.Load()
				if round == 0 {
					if failures := bad.asked.Load(); failures < 5 || failures > 10 {
						t.Errorf("it was taken out after %d failures", failures)
					}
				}
				quiet := bad.asked.Load()
				s.until("it gets traffic again", func() bool { return bad.asked.Load() > quiet })
				if took := time.Since(out); took < recovery()-500*time.Millisecond || took > recovery()+4*time.Second {
					t.Errorf("round %d: it was out for %v (%d requests before)", round, took, quiet-before)
				}
				if bad.checked.Load() == checks {
					t.Error("its health was not checked meanwhile")
				}
			}
			bad.status.Store(0)
			s.until("it is back for good", func() bool { x := p.targets()["b"]; return !x.Ejected && x.Health == "healthy" })
			l.end(t)
		})
	}
}

// TestNoFailures: what is no failure takes nobody out, however often.
func TestNoFailures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := []*backend{newBackend(t, "a"), newBackend(t, "b")}
	s.write("main.yaml", broken(s, all, 2, breakerConfig()))
	p := s.start().live()
	for _, status := range []int{404, 501, 400, 429} {
		for _, b := range all {
			b.status.Store(int64(status))
			b.asked.Store(0)
		}
		for range 30 {
			if got, _ := s.get(s.proxy + "/"); got != status {
				t.Fatalf("got %d, want %d", got, status)
			}
		}
		if n := all[0].asked.Load() + all[1].asked.Load(); n != 30 {
			t.Errorf("%d: the targets were asked %d times for 30 requests", status, n)
		}
	}
	for name, x := range p.targets() {
		if x.Ejected {
			t.Errorf("%s is out: %+v", name, x)
		}
	}
}

// TestAllDown: the proxy says so itself, whatever the reason.
func TestAllDown(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]func(b *backend){
		"gone": func(b *backend) { _ = b.server.Close() },
		"sick": func(b *backend) { b.sick.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			all := []*backend{newBackend(t, "a"), newBackend(t, "b")}
			s.write("main.yaml", broken(s, all, 1, breakerConfig()))
			s.start().live()
			for _, b := range all {
				down(b)
			}
			s.until("503 as JSON", func() bool {
				status, body, header := ask(&curl, http.MethodGet, s.proxy+"/", "")
				return status == 503 && header.Get("Content-Type") == "application/json" && strings.Contains(body, `"error":"service_unavailable"`)
			})
			s.until("the proxy is unhealthy", func() bool {
				status, body := s.get(s.proxy + "/health")
				return status == 503 && strings.Contains(body, `"status":"unhealthy"`)
			})
		})
	}
}

// TestHealthChecks: three failed checks take a target out, two good ones bring it
// back, and no client sees an error.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	all := []*backend{newBackend(t, "a"), newBackend(t, "b")}
	s.write("main.yaml", broken(s, all, 0, "health_check: {path: /health, interval: 1, timeout: 1, healthy_threshold: 2, unhealthy_threshold: 3}"))
	p := s.start().live()
	l := run(100, func(int) string { return s.proxy + "/" }, func(status int, _ string) bool { return status == 200 })
	sick := all[1]
	is := func(health string) func() bool { return func() bool { return p.targets()["b"].Health == health } }
	s.until("all are well", is("healthy"))

	before := sick.checked.Load()
	sick.sick.Store(true)
	s.until("it is out", is("unhealthy"))
	// A check that was under way may be counted too, and one that came since.
	if checks := sick.checked.Load() - before; checks < 3 || checks > 4 {
		t.Errorf("it was taken out after %d failed checks", checks)
	}
	s.until("it gets nothing", func() bool {
		n := sick.asked.Load()
		_, _ = s.get(s.proxy + "/")
		_, _ = s.get(s.proxy + "/")
		return sick.asked.Load() == n
	})
	before = sick.checked.Load()
	sick.sick.Store(false)
	s.until("it is back", is("healthy"))
	if checks := sick.checked.Load() - before; checks < 2 || checks > 3 {
		t.Errorf("it came back after %d good checks", checks)
	}
	n := sick.asked.Load()
	s.until("it gets traffic", func() bool { return sick.asked.Load() > n })
	l.end(t)
}
