package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"backworks/envoy"
)

func well(status int, _ string) bool { return status == 200 }

// updates are Envoy's counts of what it took over from the management server.
func (s *site) updates() map[string]uint64 {
	s.Helper()
	address, err := envoy.AdminSocket(s.path("s"))
	if err != nil {
		s.Fatal(err)
	}
	a := envoy.NewAdmin(address)
	defer a.Close()
	stats, err := a.Stats(s.Context(), `(update_success|listener_modified|cluster_modified|listener_create_success|warming_state)$`)
	if err != nil {
		s.Fatal(err)
	}
	return stats
}

// TestManagementServerIsKilled: traffic goes on, the next start takes the same Envoy
// over without sending anything anew, and edits work again.
func TestManagementServerIsKilled(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		signal syscall.Signal
		args   []string
	}{
		"kill -9":      {syscall.SIGKILL, nil},
		"--keep-envoy": {syscall.SIGTERM, []string{"--keep-envoy"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEdits(newSite(t))
			e.write("main.yaml", e.text(0))
			p := e.start(end.args...).live()
			pid := p.envoyPID()
			l := run(200, func(int) string { return e.proxy + "/a" }, well)
			e.until("all is taken over", func() bool { return strings.Contains(p.log.String(), "ready=true") })
			before := e.updates()

			p.kill(end.signal)
			sent := l.total.Load()
			e.until("traffic goes on", func() bool { return l.total.Load() > sent+100 })
			if status, body := e.get(e.proxy + "/health"); status != 200 || !strings.Contains(body, "healthy") {
				t.Errorf("health while it is away: %d %s", status, body)
			}

			p = e.start(end.args...).live()
			if got := p.envoyPID(); got != pid {
				t.Errorf("envoy %d, want %d", got, pid)
			}
			e.until("it is ready", func() bool { status, _ := e.get(p.admin + "/ready"); return status == 200 })
			for name, n := range e.updates() {
				// Assignments are answered on each new stream: a cluster that Envoy has
				// yet to warm would hang without.
				if n != before[name] && !strings.HasPrefix(name, "cluster.") {
					t.Errorf("%s went from %d to %d", name, before[name], n)
				}
			}
			e.write("main.yaml", e.text(1))
			e.until("an edit is live", func() bool { return e.seen(1) })
			l.end(t)
		})
	}
}

// TestEnvoyIsKilled: another one is there in no time, and serves the same.
func TestEnvoyIsKilled(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	e.write("main.yaml", e.text(0))
	p := e.start().live()
	pid := p.envoyPID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	e.until("another Envoy is started", func() bool { return p.envoyPID() != pid })
	e.until("it serves", func() bool { return e.seen(0) })
	l := run(200, func(int) string { return e.proxy + "/a" }, well)
	e.until("traffic flows", func() bool { return l.total.Load() > 100 })
	l.end(t)
	e.write("main.yaml", e.text(1))
	e.until("an edit is live", func() bool { return e.seen(1) })
}

// TestTerm: a request under way is finished, and nothing is left.
func TestTerm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	came, answered := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(came)
		<-answered
	}))
	t.Cleanup(slow.Close)
	s.write("main.yaml", fmt.Sprintf("server: {host: 127.0.0.1, port: %d}\nplugins: {proxy: {config: {targets: [{url: %q}]}}}\nendpoints: [{path: /, method: GET, handler: proxy}]\n", s.port, slow.URL))
	p := s.start().live()
	pid := p.envoyPID()
	answer := make(chan int, 1)
	go func() {
		status, _ := s.get(s.proxy + "/")
		answer <- status
	}()
	<-came
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("Envoy drains", func() bool {
		status, _ := s.get(s.proxy + "/nowhere") // which Envoy answers itself
		return status == 0                       // it listens no more
	})
	close(answered)
	if status := <-answer; status != 200 {
		t.Errorf("the request under way got %d", status)
	}
	<-p.ended
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("envoy %d is left", pid)
	}
	left, err := os.ReadDir(s.path("s"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasSuffix(f.Name(), ".sock") {
			t.Errorf("%s is left", f.Name())
		}
	}
}
