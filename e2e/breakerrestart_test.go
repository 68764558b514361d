package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"backworks/envoy"
)

// TestOpenOverRestarts: whoever is started anew, an open breaker is open for the rest of
// its time, and is closed after trials that are good.
func TestOpenOverRestarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ who, in string }{
		{"management server", "Open"}, {"management server", "HalfOpen"}, {"envoy", "Open"}, {"envoy", "HalfOpen"},
		{"both", "Open"}, {"both", "HalfOpen"},
	} {
		t.Run(c.who+" "+c.in, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b := newTimed(t, "b", 500)
			s.write("main.yaml", shared(s, 2, breaker(), newBackend(t, "a"), &b.backend, newBackend(t, "c")))
			p := s.startTwo()
			l := run(100, func(int) string { return s.proxy + "/" }, func(status int, _ string) bool { return status == 200 || c.who != "management server" })
			s.until("it is open", func() bool { return p.breakerOf("b") == "Open" })
			opened, asked := time.Now(), b.asked.Load()
			again := func() { p = s.startAnew(p, c.who) }
			if c.in == "HalfOpen" {
				slow := make(chan struct{}) // trials end when the test says so
				b.hold.Store(&slow)
				s.until("it is half open", func() bool { return p.breakerOf("b") == "HalfOpen" })
				s.until("trials are under way", func() bool { return b.asked.Load() > asked })
				if c.who == "both" {
					close(slow) // else the end waits for them
				}
				before := b.asked.Load()
				again()
				b.hold.Store(nil)
				if c.who != "both" {
					close(slow)
				}
				s.until("it is tried anew, and fails", func() bool { return strings.Contains(p.log.String(), "trial requests failed") })
				if failed := b.asked.Load() - before; failed > 2*(trials+workers) { // before the end, and after
					t.Errorf("%d trials failed", failed)
				}
			} else {
				s.until("it is kept", func() bool {
					return strings.Contains(p.log.String(), "state=Open") && time.Since(opened) > recovery()/10
				})
				again()
				s.until("its time is over", func() bool { return b.asked.Load() > asked })
				if took := time.Since(opened); took < recovery()-recovery()/10 {
					t.Errorf("it was asked after %v", took)
				}
			}
			b.status.Store(0)
			s.until("it is closed", func() bool { return p.targets()["b"].Breaker.State == "Closed" })
			l.end(t)
		})
	}
}

// TestManagementServerIsAway: Envoy's own ejection goes on, and the next management
// server takes the breaker on from there.
func TestManagementServerIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newTimed(t, "b", 0)
	s.write("main.yaml", shared(s, 2, breaker(), newBackend(t, "a"), &b.backend, newBackend(t, "c")))
	p := s.startTwo()
	l := run(100, func(int) string { return s.proxy + "/" }, well)
	s.until("it is asked", func() bool { return b.asked.Load() > 0 })
	p.kill(syscall.SIGKILL)
	b.status.Store(500)
	s.until("Envoy takes it out by itself", func() bool { return len(b.pauses()) > 0 })
	p = s.startTwo()
	s.until("the breaker is open", func() bool { return p.breakerOf("b") == "Open" })
	b.status.Store(0)
	s.until("it is closed", func() bool { return p.breakerOf("b") == "Closed" })
	l.end(t)
}

// TestManagementServerIsAwayWhile a breaker is open, or half open: what is open stays out,
// past its time too, and is tried when the next one is there; a trial goes on unseen, and
// Envoy's own ejection ends it. Clients see no failure.
func TestManagementServerIsAwayWhile(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"Open", "HalfOpen"} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b := newTimed(t, "b", 500)
			s.write("main.yaml", shared(s, 2, breaker(), newBackend(t, "a"), &b.backend, newBackend(t, "c")))
			p := s.startTwo()
			l := run(100, func(int) string { return s.proxy + "/" }, well)
			s.until("it is open", func() bool { return p.breakerOf("b") == "Open" })
			if in == "HalfOpen" {
				slow := make(chan struct{}) // a trial is under way until then
				asked := b.asked.Load()
				b.hold.Store(&slow)
				s.until("it is tried", func() bool { return p.breakerOf("b") == "HalfOpen" && b.asked.Load() > asked })
				p.kill(syscall.SIGKILL)
				asked = b.asked.Load()
				b.hold.Store(nil)
				close(slow)
				since := time.Now()
				s.until("Envoy ends it, or nothing comes", func() bool { return time.Since(since) > recovery()/2 })
				// What was full when nobody looked stays out; else Envoy's own threshold holds.
				if failed := b.asked.Load() - asked; failed > 5+trials+workers {
					t.Errorf("%d requests failed unseen", failed)
				}
			} else {
				s.until("it is kept, and Envoy knows", func() bool { return s.keeps("Open") && s.holdsOut(b.url) })
				p.kill(syscall.SIGKILL)
				asked, since := b.asked.Load(), time.Now()
				s.until("its time is over", func() bool { return time.Since(since) > recovery()+recovery()/3 })
				if got := b.asked.Load() - asked; got > 0 {
					t.Errorf("it was asked %d times while nobody could see it", got)
				}
			}
			b.status.Store(0)
			asked := b.asked.Load()
			p = s.startTwo()
			s.until("it is tried, and closed", func() bool { return p.breakerOf("b") == "Closed" && b.asked.Load() >= asked+trials })
			l.end(t)
		})
	}
}

// holdsOut says that the Envoy was told to give a target nothing.
func (s *site) holdsOut(target string) bool {
	s.Helper()
	address, err := envoy.AdminSocket(s.path("s"))
	if err != nil {
		s.Fatal(err)
	}
	a := envoy.NewAdmin(address)
	defer a.Close()
	clusters, err := a.Clusters(s.Context())
	return err == nil && slices.ContainsFunc(clusters, func(c envoy.Cluster) bool {
		return slices.ContainsFunc(c.Hosts, func(h envoy.Host) bool { return "http://"+h.Address == target && h.EDSHealth == "UNHEALTHY" })
	})
}

// keeps says that the state dir has a breaker in the state.
func (s *site) keeps(state string) bool {
	var found bool
	_ = filepath.WalkDir(s.path("s"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			text, _ := os.ReadFile(path)
			found = found || strings.Contains(string(text), `"state":"`+state+`"`)
		}
		return nil
	})
	return found
}

// TestDownOverRestarts: whoever is started anew, a target that is known to be down gets no
// request before it has passed its checks, and one that is drained none before it is
// restored.
func TestDownOverRestarts(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"management server", "envoy", "both"} {
		for _, what := range []string{"unhealthy", "drained"} {
			t.Run(who+" "+what, func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				b := newBackend(t, "b")
				s.write("main.yaml", shared(s, 2, "      health_check: {interval: 200ms, timeout: 1, healthy_threshold: 2, unhealthy_threshold: 2}\n"+
					"      circuit_breaker: true\n", newBackend(t, "a"), b, newBackend(t, "c")))
				p := s.startTwo()
				l := run(100, func(int) string { return s.proxy + "/" }, func(status int, _ string) bool { return status == 200 || who != "management server" })
				s.until("it is asked", func() bool { return b.asked.Load() > 0 })
				if what == "unhealthy" {
					b.sick.Store(true)
				} else {
					s.until("it is drained", func() bool { code, _ := p.command("target", "drain", "b"); return code == 0 })
				}
				s.until("it is out", func() bool { return p.targets()["b"].Health == "unhealthy" })
				s.until("all workers know", func() bool { before := b.asked.Load(); s.answers(l, 20); return b.asked.Load() == before })
				before := b.asked.Load()
				p = s.startAnew(p, who)
				s.answers(l, 200)
				s.until("it serves", func() bool { status, _ := s.get(s.proxy + "/"); return status == 200 })
				checked := b.checked.Load()
				s.until("it was checked more than once", func() bool { return b.checked.Load() > checked+3 })
				s.answers(l, 50)
				if got := b.asked.Load() - before; got > 0 {
					t.Errorf("it was asked %d times", got)
				}
				if what == "unhealthy" {
					b.sick.Store(false)
				} else {
					p.want(0, nil, "target", "restore", "b")
				}
				s.until("it is asked again", func() bool { return b.asked.Load() > before })
				l.end(t)
			})
		}
	}
}

// startAnew ends the management server, its Envoy or both, and returns what runs then.
func (s *site) startAnew(p *process, who string) *process {
	s.Helper()
	pid := p.envoyPID()
	switch who {
	case "management server":
		p.kill(syscall.SIGKILL)
		return s.startTwo()
	case "both":
		p.kill(syscall.SIGTERM)
		return s.startTwo()
	case "envoy":
		_ = syscall.Kill(pid, syscall.SIGKILL)
		s.until("there is another Envoy", func() bool { return p.envoyPID() != pid })
	default:
		panic(fmt.Sprint("nobody is ", who))
	}
	return p
}
