package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// breakerOf is the state of a target's breaker, as the admin listener tells it.
func (p *process) breakerOf(name string) string { return p.targets()[name].Breaker.State }

// workers are Envoy's in the tests of half-open breakers.
const workers = 2

func (s *site) startTwo(args ...string) *process {
	return s.start(append(args, "--", "--concurrency", fmt.Sprint(workers))...).live()
}

// weighted is a blueprint of three targets with shares of 2, 4 and 1.
func weighted(s *site, retries int, settings string, a, b, c *backend) string {
	text := shared(s, retries, settings, a, b, c)
	text = strings.Replace(text, "load_balancing: round_robin", "load_balancing: weighted_round_robin", 1)
	for name, weight := range map[string]string{"a": "1", "b": "2", "c": "0.5"} {
		text = strings.Replace(text, "{name: "+name+",", "{name: "+name+", weight: "+weight+",", 1)
	}
	return text
}

// TestHalfOpen: five failures open the breaker; it gets nothing for the recovery time,
// then a few trials, of which the first that fails, and is seen, opens it again; when
// they are good it closes, and has its exact share. Clients see none of it.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	// Two looks are 100 ms apart. At 1,000 requests a second a look that comes 100 ms late
	// lets as many more through, and the generator on the same two cores makes some late.
	for rate, most := range map[int]int{20: trials + workers, 200: trials + workers, 1000: 2*trials + workers} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			a, b, c := newBackend(t, "a"), newTimed(t, "b", 500), newBackend(t, "c")
			s.write("main.yaml", weighted(s, 2, breaker(), a, &b.backend, c))
			p := s.startTwo()
			l := run(rate, func(int) string { return s.proxy + "/" }, well)
			s.until("it is open", func() bool { return p.breakerOf("b") == "Open" })
			s.until("it was tried twice", func() bool { return len(b.pauses()) == 3 })
			for i, x := range b.pauses() {
				if x.took < recovery() {
					t.Errorf("pause %d took %v, want %v", i, x.took, recovery())
				}
				if i > 0 && (x.before < 1 || x.before > most) {
					t.Errorf("%d trials failed before pause %d, want %d at most", x.before, i, most)
				}
				t.Logf("pause %d: %+v", i, x)
			}
			b.status.Store(0)
			s.until("it is closed", func() bool { return p.breakerOf("b") == "Closed" })
			l.end(t)
			checkMetrics(s, p)
			before := map[*backend]int64{a: a.asked.Load(), &b.backend: b.asked.Load(), c: c.asked.Load()}
			for range 700 {
				s.get(s.proxy + "/")
			}
			for x, share := range map[*backend]int64{a: 200, &b.backend: 400, c: 100} {
				if got := x.asked.Load() - before[x]; got < share-2*workers || got > share+2*workers {
					t.Errorf("%s got %d of 700, want %d", x.name, got, share)
				}
			}
		})
	}
}

// checkMetrics sees the closed breaker in both forms.
func checkMetrics(s *site, p *process) {
	s.Helper()
	for path, want := range map[string]string{
		"/metrics":             `backworks_breaker_state{blueprint="` + s.path("main.yaml") + `",node="sidecar",pool="default",state="Closed",target="b"} 1`,
		"/metrics?format=json": `"circuit_breaker_state": "Closed"`,
	} {
		if _, body := s.get(p.admin + path); !strings.Contains(body, want) && !strings.Contains(body, strings.ReplaceAll(want, `": "`, `":"`)) {
			s.Errorf("%s does not have %s", path, want)
		}
	}
}

// TestLastClosedTargetIsLost: with no other target, all but a trickle is answered with
// 503 as JSON while one is tried, and one that is well again serves.
func TestLastClosedTargetIsLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := newTimed(t, "a", 500), newTimed(t, "b", 500)
	s.write("main.yaml", shared(s, 0, breaker(), &a.backend, &b.backend))
	p := s.startTwo()
	var shed atomic.Int64
	l := run(200, func(int) string { return s.proxy + "/" }, func(status int, body string) bool {
		if status == 503 && strings.Contains(body, `"error":"service_unavailable"`) {
			shed.Add(1)
			return true
		}
		return status == 200 || status == 500
	})
	for _, x := range []*timed{a, b} {
		s.until("each was tried twice", func() bool { return len(x.pauses()) >= 3 })
		for i, pause := range x.pauses() {
			if i > 0 && pause.before > 2*trials+workers { // shed by chance
				t.Errorf("%s: %d trials failed before pause %d", x.name, pause.before, i)
			}
			if pause.took < recovery() {
				t.Errorf("%s: pause %d took %v", x.name, i, pause.took)
			}
			t.Logf("%s: pause %d: %+v", x.name, i, pause)
		}
	}
	b.status.Store(0)
	s.until("b is closed", func() bool { return p.breakerOf("b") == "Closed" })
	a.status.Store(0)
	s.until("a is closed", func() bool { return p.breakerOf("a") == "Closed" })
	s.until("nothing is shed any more", func() bool {
		before := shed.Load()
		status, _ := s.get(s.proxy + "/")
		return status == 200 && shed.Load() == before
	})
	if shed.Load() == 0 {
		t.Error("nothing was shed")
	}
	l.end(t)
}

// TestSwitches: a target is drained, over the restart of all there is; ejected, it is tried
// after its time; restored, it is asked at once, though Envoy took it out.
func TestSwitches(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTimed(t, "b", 0)
	text := shared(s, 2, breaker(), newBackend(t, "a"), &b.backend, newBackend(t, "c"))
	s.write("main.yaml", strings.Replace(text, fmt.Sprintf("recovery_timeout: %d", int(recovery().Seconds())), "recovery_timeout: 20", 1))
	p := s.startTwo()
	l := run(100, func(int) string { return s.proxy + "/" }, func(status int, _ string) bool { return status == 200 || status == 0 })
	comes := func() bool { before := b.asked.Load(); s.get(s.proxy + "/"); return b.asked.Load() > before }
	// nothing comes while many others are answered.
	nothing := func(what string) {
		t.Helper()
		s.until("what is under way ends", func() bool { return p.targets()["b"].Health == "unhealthy" })
		s.until("all workers know", func() bool { before := b.asked.Load(); s.answers(l, 20); return b.asked.Load() == before })
		before := b.asked.Load()
		s.answers(l, 100)
		if got := b.asked.Load() - before; got > 0 {
			t.Errorf("%s: it was asked %d times", what, got)
		}
	}
	s.until("it is asked", comes)
	p.want(0, []string{"drained"}, "target", "drain", "b")
	nothing("drained")
	s.until("it is told", func() bool { return p.drained("b") })
	p.kill(syscall.SIGTERM)
	asked := b.asked.Load()
	p = s.startTwo()
	s.until("it serves", func() bool { status, _ := s.get(s.proxy + "/"); return status == 200 })
	nothing("after a restart of both")
	if b.asked.Load() != asked {
		t.Error("it was asked at the start")
	}
	p.want(0, []string{"restored"}, "target", "restore", "b")
	s.until("it is asked again", comes)

	s.until("its breaker is worked", func() bool { code, _ := p.command("target", "eject", "b"); return code == 0 })
	nothing("ejected")
	p.want(0, nil, "target", "restore", "b")
	s.until("it is asked once more", comes)

	b.status.Store(500)
	s.until("it is open", func() bool { return p.breakerOf("b") == "Open" })
	opened := time.Now()
	b.status.Store(0)
	p.want(0, nil, "target", "restore", "b")
	s.until("it is asked though Envoy took it out", comes)
	if took := time.Since(opened); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	p.want(1, []string{"no pool that is served has it"}, "target", "drain", "nobody")
	l.end(t)
}

// answers waits for some more of a load.
func (s *site) answers(l *load, n int64) {
	s.Helper()
	before := l.total.Load()
	s.until("more answers", func() bool { return l.total.Load() >= before+n })
}

// drained tells whether a target is.
func (p *process) drained(name string) bool { return p.targets()[name].Drained }
