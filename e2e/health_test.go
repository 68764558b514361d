package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// checked is a target whose health checks come out as written: P passes, F fails. When
// all that is written has come, its end is repeated.
type checked struct {
	mu     sync.Mutex
	come   int // checks
	script string
	repeat string
}

func (c *checked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.URL.Path != "/health" {
		_, _ = io.WriteString(w, "sick")
		return
	}
	if c.come >= len(c.script) {
		c.script += c.repeat
	}
	if c.script[c.come] == 'F' {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	c.come++
}

// write says how the next checks come out, and gives the number of the last of them.
func (c *checked) write(script, repeat string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script, c.repeat = c.script[:c.come]+script, repeat
	return len(c.script)
}

// number is how many checks have come.
func (c *checked) number() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.come
}

// TestHealthChecks: three failed checks in a row take a target out and two do not;
// two good ones bring it back and one does not. Clients see no error. Each part ends
// with checks that change neither state, so that it can be looked at at leisure.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sick := &checked{repeat: "P"}
	server := httptest.NewServer(sick)
	t.Cleanup(server.Close)
	interval := "200ms"
	if soak {
		interval = "2"
	}
	s.write("main.yaml", shared(s, 0, fmt.Sprintf("      health_check: {interval: %s, timeout: 30, healthy_threshold: 2, unhealthy_threshold: 3}\n", interval),
		newBackend(t, "a"), &backend{name: "b", url: server.URL}))
	p := s.start().live()
	l := run(100, func(int) string { return s.proxy + "/" }, well)
	answers := func() (byIt bool) {
		status, body := s.get(s.proxy + "/")
		return status == 200 && body == "sick"
	}
	for _, part := range []struct{ script, repeat, health string }{
		{"P", "P", "healthy"},
		{"FFPFFP", "FP", "healthy"},   // two failures at a time
		{"PFFF", "PF", "unhealthy"},   // and then three
		{"FPFFPF", "PF", "unhealthy"}, // one good one at a time
		{"FPP", "FP", "healthy"},      // and then two
	} {
		last := sick.write(part.script, part.repeat)
		// Envoy has seen the answers of all checks but the newest.
		s.until("the checks of "+part.script+" come", func() bool { return sick.number() > last })
		if got := p.targets()["b"].Health; got != part.health {
			t.Errorf("after %s it is %s, want %s", part.script, got, part.health)
		}
		if part.health == "healthy" {
			s.until("it answers", answers)
			continue
		}
		for range 10 {
			if answers() {
				t.Errorf("after %s it is asked", part.script)
			}
		}
	}
	l.end(t)
}

// TestNoHealthChecks: with `health_check: false` nobody asks how a target is.
func TestNoHealthChecks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := newBackend(t, "a"), newBackend(t, "b")
	a.sick.Store(true)
	b.sick.Store(true)
	s.write("main.yaml", shared(s, 0, "      health_check: false\n", a, b))
	p := s.start().live()
	for range 100 {
		if status, body := s.get(s.proxy + "/"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if a.asked.Load() != 50 || b.asked.Load() != 50 || a.checked.Load()+b.checked.Load() != 0 {
		t.Errorf("asked %d and %d times, checked %d and %d times", a.asked.Load(), b.asked.Load(), a.checked.Load(), b.checked.Load())
	}
	for name, x := range p.targets() {
		if x.Health != "healthy" {
			t.Errorf("%s is %+v", name, x)
		}
	}
}
