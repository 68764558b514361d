package envoy

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

func TestStopLetsRequestsFinishThoughConnectionsIdle(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	r := s.run(t)
	state := r.waitLive(s)

	idle := &http.Client{Timeout: patience}
	if err := ask(idle, s.url+"/idle"); err != nil { // and its connection stays
		t.Fatal(err)
	}
	inFlight := make(chan error, 1)
	go func() { inFlight <- s.get("/slow") }()
	<-s.slow
	began := time.Now()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if err := <-inFlight; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if took := time.Since(began); took < 700*time.Millisecond || took > 4*time.Second {
		t.Errorf("the stop took %v, the request a second", took)
	}
	s.wantNothingLeft(t, state.PID)
}

func TestStopDoesNotWaitForIdleConnections(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	r := s.run(t)
	r.waitLive(s)
	idle := &http.Client{Timeout: patience}
	if err := ask(idle, s.url+"/idle"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestStopEndsAtItsDrainTimeOrInAHurry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		drainTime time.Duration
		hurry     bool
	}{"drain time": {50 * time.Millisecond, false}, "hurry": {time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takeTurn(t)
			s := newSite(t)
			r := s.run(t, func(o *SidecarOptions) { o.DrainTime = c.drainTime })
			r.waitLive(s)
			inFlight := make(chan error, 1)
			go func() { inFlight <- s.get("/slow") }()
			<-s.slow
			if c.hurry {
				r.Hurry()
			}
			if err := r.end(); err != nil {
				t.Error(err)
			}
			if err := <-inFlight; err == nil {
				t.Error("the request was not cut off")
			}
		})
	}
}

func TestStopKillsAnEnvoyThatHangs(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	r := s.run(t)
	state := r.waitLive(s)
	r.Admin().client.Timeout = 300 * time.Millisecond
	if err := syscall.Kill(state.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	r.wantSaid("envoy cannot be drained", "killing it")
	s.wantNothingLeft(t, state.PID)
}
