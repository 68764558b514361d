package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// shared is a blueprint of one pool that has the targets in turn, with retries, and
// with the settings given.
func shared(s *site, retries int, settings string, targets ...*backend) string {
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      load_balancing: round_robin
      targets: %s
%sendpoints: [{path: /, method: GET, handler: proxy}]
`, s.port, listed(retries, targets...), settings)
}

func listed(retries int, targets ...*backend) string {
	var b strings.Builder
	for _, t := range targets {
		fmt.Fprintf(&b, "{name: %s, url: %q, retry_attempts: %d}, ", t.name, t.url, retries)
	}
	return "[" + strings.TrimSuffix(b.String(), ", ") + "]"
}

// recovery is how long the breaker holds a target out.
func recovery() time.Duration {
	if soak {
		return 60 * time.Second
	}
	return 3 * time.Second
}

// trials is half_open_max_calls, as it is by default.
const trials = 3

// breaker is the settings of one, and of checks that the target passes meanwhile.
func breaker() string {
	return fmt.Sprintf("      circuit_breaker: {failure_threshold: 5, recovery_timeout: %d}\n", int(recovery().Seconds())) +
		"      health_check: {interval: 1, timeout: 1}\n"
}

// TestWhatFails: five failures in a row take a target out, and not four; what is none
// never does, and is passed on without a second try. Clients ask one after the other,
// so that each failure is counted before the next request.
func TestWhatFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const refused = 0
	fails := map[int]bool{refused: true, 500: true, 502: true, 503: true, 504: true, 599: true,
		400: false, 404: false, 429: false, 501: false}
	good, bad := newBackend(t, "good"), map[int]*backend{}
	var pools, endpoints strings.Builder
	for status := range fails {
		b := newBackend(t, fmt.Sprint("bad", status))
		if status == refused {
			b.stop()
		}
		bad[status] = b
		fmt.Fprintf(&pools, "        pool%d: {load_balancing: round_robin, circuit_breaker: {recovery_timeout: 600}, targets: %s}\n",
			status, listed(0, b, good))
		fmt.Fprintf(&endpoints, "  - {path: /%d, method: GET, handler: proxy, upstream: pool%d}\n", status, status)
	}
	s.write("main.yaml", fmt.Sprintf("server: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy:\n    config:\n      upstreams:\n%sendpoints:\n%s",
		s.port, pools.String(), endpoints.String()))
	p := s.start().live()
	for status, fail := range fails {
		b := bad[status]
		b.status.Store(int64(status))
		// failures asks until the target has failed so often.
		failures := func(want int) {
			t.Helper()
			for range 10 * want {
				if got, body := s.get(fmt.Sprint(s.proxy, "/", status)); got != 200 {
					if got != status && (status != refused || got != 503) {
						t.Fatalf("%d: got %d %s", status, got, body)
					}
					want--
				}
				if want == 0 {
					return
				}
			}
			t.Fatalf("%d: it was taken out %d failures too early", status, want)
		}
		if !fail {
			failures(20)
			if b.asked.Load() != 20 || p.targets()[b.name].Ejected {
				t.Errorf("%d: after %d answers it is %+v", status, b.asked.Load(), p.targets()[b.name])
			}
			continue
		}
		failures(4)
		if status != refused { // one that is no failure in between
			b.status.Store(0)
			before := b.asked.Load()
			s.until("it is asked", func() bool { s.get(fmt.Sprint(s.proxy, "/", status)); return b.asked.Load() > before })
			b.status.Store(int64(status))
			failures(4)
		}
		failures(1)
		s.until(fmt.Sprintf("%d took it out", status), func() bool { return p.targets()[b.name].Ejected })
		for range 10 {
			if got, body := s.get(fmt.Sprint(s.proxy, "/", status)); got != 200 {
				t.Fatalf("%d: while it is out: %d %s", status, got, body)
			}
		}
	}
}

// timed is a target that fails, and remembers when it was asked. Its health is good.
type timed struct {
	backend
	mu     sync.Mutex
	times  []time.Time
	checks []time.Time
}

func newTimed(t *testing.T, name string, status int) *timed {
	t.Helper()
	h := &timed{backend: backend{name: name}}
	h.status.Store(int64(status))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *timed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.note(r.URL.Path == "/health")
	h.backend.ServeHTTP(w, r)
}

func (h *timed) note(check bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if check {
		h.checks = append(h.checks, time.Now())
		return
	}
	h.times = append(h.times, time.Now())
}

// pause is a time that it was not asked for.
type pause struct {
	before int // requests since the pause before
	took   time.Duration
	checks int
}

// pauses that took half of the recovery time at least.
func (h *timed) pauses() (all []pause) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := 0
	for i := 1; i < len(h.times); i++ {
		from, to := h.times[i-1], h.times[i]
		if to.Sub(from) < recovery()/2 {
			continue
		}
		p := pause{before: i - since, took: to.Sub(from)}
		for _, c := range h.checks {
			if c.After(from) && c.Before(to) {
				p.checks++
			}
		}
		all, since = append(all, p), i
	}
	return all
}

// TestBreaker: a target that fails gets nothing for the recovery time, each time the
// same, though its health checks pass; with retries no client sees any of it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			failing := newTimed(t, "b", status)
			s.write("main.yaml", shared(s, 2, breaker(), newBackend(t, "a"), &failing.backend, newBackend(t, "c")))
			p := s.start().live()
			l := run(100, func(int) string { return s.proxy + "/" }, well)
			s.until("it is out", func() bool { return p.targets()["b"].Ejected })
			s.until("it was asked again, and twice", func() bool { return len(failing.pauses()) == 2 })
			for i, x := range failing.pauses() {
				// The first time begins when it is seen, and a busy machine adds to it; the
				// second would be twice as long if it grew.
				if x.took < recovery() || x.took > recovery()+min(recovery()-time.Second, 5*time.Second) {
					t.Errorf("pause %d took %v, want %v", i, x.took, recovery())
				}
				if least, most := []int{5, 1}[i], []int{20, trials + 1}[i]; x.before < least || x.before > most {
					t.Errorf("%d failures came before pause %d, want %d to %d", x.before, i, least, most)
				}
				if x.checks == 0 {
					t.Errorf("its health was not checked in pause %d", i)
				}
			}
			l.end(t)
		})
	}
}

// TestTargetIsGone and comes back: connections that are refused are failures, and no
// client's.
func TestTargetIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	gone := newBackend(t, "b")
	s.write("main.yaml", shared(s, 2, breaker(), newBackend(t, "a"), gone, newBackend(t, "c")))
	p := s.start().live()
	l := run(100, func(int) string { return s.proxy + "/" }, well)
	s.until("it is asked", func() bool { return gone.asked.Load() > 0 })
	went := time.Now()
	gone.stop()
	s.until("it is out", func() bool { return p.targets()["b"].Ejected })
	gone.restart(t)
	before := gone.asked.Load()
	s.until("it is asked again", func() bool { return gone.asked.Load() > before })
	if took := time.Since(went); took < recovery() {
		t.Errorf("it was asked again after %v, before %v", took, recovery())
	}
	s.until("all is well", func() bool { x := p.targets()["b"]; return !x.Ejected && x.Health == "healthy" })
	l.end(t)
}

// TestAllDown: the proxy says so itself, whatever the reason, until one is back.
func TestAllDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		down, up func(t *testing.T, b *backend)
	}{
		"gone":    {func(_ *testing.T, b *backend) { b.stop() }, func(t *testing.T, b *backend) { b.restart(t) }},
		"sick":    {func(_ *testing.T, b *backend) { b.sick.Store(true) }, func(_ *testing.T, b *backend) { b.sick.Store(false) }},
		"failing": {func(_ *testing.T, b *backend) { b.status.Store(500) }, func(_ *testing.T, b *backend) { b.status.Store(0) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			all := []*backend{newBackend(t, "a"), newBackend(t, "b")}
			s.write("main.yaml", shared(s, 1, breaker(), all...))
			s.start().live()
			health := func(want int, word string) func() bool {
				return func() bool {
					status, body := s.get(s.proxy + "/health")
					return status == want && strings.Contains(body, `"status":"`+word+`"`)
				}
			}
			s.until("the proxy is healthy", health(200, "healthy"))
			for _, b := range all {
				c.down(t, b)
			}
			s.until("503 as JSON", func() bool {
				status, body, header := ask(&curl, http.MethodGet, s.proxy+"/", "")
				return status == 503 && header.Get("Content-Type") == "application/json" && strings.Contains(body, `"error":"service_unavailable"`)
			})
			s.until("the proxy is unhealthy", health(503, "unhealthy"))
			c.up(t, all[1])
			s.until("it serves again", func() bool { status, body := s.get(s.proxy + "/"); return status == 200 && body == "b" })
			s.until("the proxy is healthy again", health(200, "healthy"))
		})
	}
}
