package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"

	"backworks/envoy"
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
		if !slices.Contains([]string{"state.db", "envoy.log", "envoy.out"}, e.Name()) {
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
	if status, body, err := get("http://" + s.proxy + "/metrics"); err != nil || status != 200 {
		t.Errorf("metrics endpoint: %d %s %v", status, body, err)
	}
	// What our Envoy leads clients to has nothing but metrics.
	s.wantMetricsOnly(filepath.Join(s.dir, "s", "admin.sock"))
	pid := p.envoyPID()
	p.signal(os.Interrupt)
	p.end(0)
	s.wantNothingLeft(pid)
	if err := s.says("one"); err == nil {
		t.Error("something still answers")
	}
	if said := p.err.String(); strings.Contains(said, "WARN") || strings.Contains(said, "ERROR") {
		t.Error("an end that was asked for is no fault")
	}
	// Without its absence having been kept anywhere.
	p = s.start("--strict").live()
	s.mustSay("one")
	p.signal(syscall.SIGTERM)
	p.end(0)
}

// A Ctrl-C goes to all processes of the terminal's group. While Envoy is asked for its
// version, it is an end like any other.
func TestCtrlCBeforeEnvoyRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	s.write("slow", "#!/bin/sh\n[ \"$1\" != --version ] || { touch asked; while [ ! -e go ]; do sleep 0.01; done; }\nexec '"+s.envoy+"' \"$@\"\n")
	if err := os.Chmod(filepath.Join(s.dir, "slow"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := s.start("--envoy", "./slow")
	s.until(func() error { _, err := os.Stat(filepath.Join(s.dir, "asked")); return err })
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	s.write("go", "")
	p.end(0)
	if said := p.err.String(); strings.Contains(said, "WARN") || strings.Contains(said, "ERROR") {
		t.Error("an end that was asked for is no fault")
	}
	s.wantNothingLeft(0)
}

// What is written down for nobody does not end it, which would leave Envoy alone.
func TestNobodyReadsTheOutput(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	p := s.runAs(func(c *exec.Cmd) { c.Stdout, c.Stderr = out, out }, "start", "--state-dir", "s", "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0")
	out.Close()
	s.Cleanup(func() { _, _ = envoy.Stop(cancelled(), filepath.Join(s.dir, "s"), discard) })
	s.until(func() error { return s.says("one") })
	p.signal(syscall.SIGTERM)
	p.end(0)
	s.wantNothingLeft(0)
}

func (s *site) wantMetricsOnly(socket string) {
	s.Helper()
	dialer := net.Dialer{}
	inside := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
	}}
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/api/v1/status": 404, "/api/v1/reload": 404} {
		response, err := inside.Get("http://localhost" + path)
		if err != nil {
			s.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			s.Errorf("%s answers %s", path, response.Status)
		}
	}
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
