package e2e

import (
	"net/http/httptest"
	"syscall"
	"testing"
)

// TestHealthAfterARestart: a target that is known to be down gets no request of an Envoy
// that was started anew before it has passed its checks: healthy_threshold of them, or one
// that is the first.
func TestHealthAfterARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sick := &checked{repeat: "F"}
	server := httptest.NewServer(sick)
	t.Cleanup(server.Close)
	s.write("main.yaml", shared(s, 0, "      health_check: {interval: 200ms, timeout: 30, healthy_threshold: 5, unhealthy_threshold: 2}\n", newBackend(t, "a"), &backend{name: "b", url: server.URL}))
	p := s.start().live()
	s.until("it is held out", func() bool { return p.targets()["b"].Health == "unhealthy" })
	// again has another Envoy, whose checks come out as written. One of the old Envoy's may
	// still be under way, and take the first.
	again := func(script, repeat string) {
		t.Helper()
		before := p.envoyPID()
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		last := sick.write(script, repeat)
		s.until("Envoy is started anew", func() bool { return p.envoyPID() != before })
		s.until("it answers", func() bool { status, _ := s.get(s.proxy + "/"); return status == 200 })
		s.until("the checks come", func() bool { return sick.number() > last })
	}
	again("FFP", "FP")
	for i := range 40 {
		if status, body := s.get(s.proxy + "/"); status != 200 || body != "a" {
			t.Fatalf("request %d: %d %s", i, status, body)
		}
	}
	if got := p.targets()["b"].Health; got != "unhealthy" {
		t.Errorf("one good check after a bad one makes it %s", got)
	}
	again("PPPP", "FPPPP") // four at a time
	s.until("a first good check brings it back", func() bool { return p.targets()["b"].Health == "healthy" })
}
