package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"
)

var discard = hclog.NewNullLogger()

// isRunning tells whether a process is there and no zombie, which an orphan in a
// container may stay.
func isRunning(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// wantNothingLeft checks that an Envoy is gone, and that the state dir has only what
// is meant to stay.
func (s *site) wantNothingLeft(pid int) {
	s.Helper()
	if pid > 0 && isRunning(pid) {
		s.Errorf("envoy %d is still there", pid)
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "s"))
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"state.db", "envoy.log"}, e.Name()) {
			s.Errorf("%s is still there", e.Name())
		}
	}
}

func TestStartServesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start().live()
	s.mustSay("one")
	if want := "curl http://" + s.proxy + "/word"; !strings.Contains(p.out.String(), want) {
		t.Errorf("it does not say %q", want)
	}
	for _, path := range []string{"/health", "/ready", "/metrics"} {
		if status, body, err := get(p.admin() + path); err != nil || status != 200 {
			t.Errorf("%s: %d %s %v", path, status, body, err)
		}
	}
	// Through the Unix socket, and metrics alone.
	if status, body, err := get("http://" + s.proxy + "/metrics"); err != nil || status != 200 {
		t.Errorf("metrics endpoint: %d %s %v", status, body, err)
	}
	pid := p.envoyPID()
	p.signal(os.Interrupt)
	p.end(0)
	s.wantNothingLeft(pid)
	if err := s.says("one"); err == nil {
		t.Error("something still answers")
	}
	// Without its absence having been kept anywhere.
	p = s.start("--strict").live()
	s.mustSay("one")
	p.signal(syscall.SIGTERM)
	p.end(0)
}

// slowTarget answers a request when it is told to.
func slowTarget(t *testing.T) (url string, asked <-chan struct{}, answer func()) {
	t.Helper()
	in, out := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in <- struct{}{}
		select {
		case <-out:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(server.Close)
	return server.URL, in, func() { close(out) }
}

func TestEndWaitsForRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	target, asked, answer := slowTarget(t)
	s.write("main.yaml", s.blueprint("one", target))
	p := s.start().live()
	answered := make(chan error, 1)
	go func() {
		status, body, err := get("http://" + s.proxy + "/to/it")
		if err == nil && status != 200 {
			err = errors.New(body)
		}
		answered <- err
	}()
	<-asked
	p.signal(syscall.SIGTERM)
	s.until(func() error { // it drains: nobody new gets in
		if _, _, err := get("http://" + s.proxy + "/word"); err == nil {
			return errors.New("it still answers")
		}
		return nil
	})
	answer()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	p.end(0)
	s.wantNothingLeft(p.envoyPID())
}

func TestSecondSignalDoesNotWait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	target, asked, _ := slowTarget(t)
	s.write("main.yaml", s.blueprint("one", target))
	p := s.start().live()
	answered := make(chan struct{})
	go func() {
		_, _, _ = get("http://" + s.proxy + "/to/it")
		close(answered)
	}()
	<-asked
	p.signal(os.Interrupt)
	p.signal(syscall.SIGTERM) // of the same kind two could become one
	p.end(0)
	<-answered
	if !strings.Contains(p.err.String(), "not waiting for requests in flight") {
		t.Error("the second signal made no difference")
	}
	s.wantNothingLeft(p.envoyPID())
}

func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start().live()
	s.serve("two")
	p.signal(syscall.SIGHUP)
	s.until(func() error { return s.says("two") })
	s.write("main.yaml", "endpoints: 5\n")
	p.signal(syscall.SIGHUP)
	s.until(func() error {
		if !strings.Contains(p.err.String(), "main.yaml:1:12: endpoints:") {
			return errors.New("the problem is not told")
		}
		return nil
	})
	s.mustSay("two")
	p.signal(syscall.SIGTERM)
	p.end(0)
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start("--watch").live()
	s.serve("two")
	s.until(func() error { return s.says("two") })
	p.signal(syscall.SIGTERM)
	p.end(0)
}

func TestFlagsOverBlueprint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("main.yaml", strings.Replace(s.blueprint("one", nobody), "port: "+portOf(s.proxy), "port: 1", 1))
	s.start("-p", portOf(s.proxy)).live()
	s.mustSay("one")
}
