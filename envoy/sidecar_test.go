package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSidecarStartsServesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	r := s.run(t)
	state := r.waitLive(s)
	<-r.Live()
	if state.PID == 0 || state.Version != Tested || state.Adopted || state.Restarts != 0 {
		t.Errorf("state is %+v", state)
	}
	info, err := os.Stat(filepath.Join(s.stateDir, adminSocketFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin socket: %v, %v", info, err)
	}
	r.wantSaid("envoy.log: starting main dispatch loop: component=main", "envoy is live")
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if state := r.State(); state.Phase != Stopped || state.PID != 0 {
		t.Errorf("state is %+v", state)
	}
	s.wantNothingLeft(t, state.PID)
}

func TestSidecarRestartsACrashedEnvoyAtOnce(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	r := s.run(t)
	first := r.waitLive(s)
	kill(t, first.PID)
	killed := time.Now()
	eventually(t, func() error {
		if pid := r.State().PID; pid == 0 || pid == first.PID {
			return fmt.Errorf("state is %+v", r.State())
		}
		return nil
	})
	if took := time.Since(killed); took > 500*time.Millisecond {
		t.Errorf("the next process took %v", took)
	}
	second := r.waitLive(s)
	if second.Restarts != 1 || second.LastExit != "signal: killed" {
		t.Errorf("state is %+v", second)
	}
	r.wantSaid("envoy ended soon after its start, starting it again")
	if err := r.end(); err != nil {
		t.Error(err)
	}
	s.wantNothingLeft(t, second.PID)
}

func TestSidecarSaysWhyEnvoyCannotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*SidecarOptions)
		want string
	}{
		"arguments": {func(o *SidecarOptions) { o.Args = []string{"--bogus"} },
			"it ended at once (exit status 1): PARSE ERROR: Argument: --bogus Couldn't find match for argument"},
		"bootstrap": {func(o *SidecarOptions) { o.Bootstrap.StaticResources.Clusters = nil },
			"it ended at once (exit status 1): route: unknown cluster 'backend'"},
		"no binary":   {func(o *SidecarOptions) { o.Path = "/nowhere/envoy" }, `run "/nowhere/envoy" --version: no such file or directory`},
		"no envoy":    {func(o *SidecarOptions) { o.Path = "/bin/true" }, `run "/bin/true" --version: no Envoy`},
		"folder":      {func(o *SidecarOptions) { o.StateDir = "/dev/null/x" }, `make state dir "/dev/null/x": not a directory`},
		"log missing": {func(o *SidecarOptions) { os.Mkdir(filepath.Join(o.StateDir, logFileName), 0o700) }, "envoy.log\": is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takeTurn(t)
			s := newSite(t)
			r := s.run(t, c.edit)
			err := r.result()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
			s.wantNothingLeft(t, 1<<30)
		})
	}
}

func TestNewSidecarRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for want, edit := range map[string]func(*SidecarOptions){
		"--config-path cannot be set":      func(o *SidecarOptions) { o.Args = []string{"--config-path", "x"} },
		"--mode cannot be set":             func(o *SidecarOptions) { o.Args = []string{"--mode=validate"} },
		"must have an admin address":       func(o *SidecarOptions) { o.Bootstrap = nil },
		"must be absolute":                 func(o *SidecarOptions) { o.Bootstrap = withAdmin(t, "unix://x") },
		"has at most 99 bytes, got 101":    func(o *SidecarOptions) { o.Bootstrap = withAdmin(t, UnixAddress("/"+strings.Repeat("x", 100))) },
		"want a port from 1 to 65535, got": func(o *SidecarOptions) { o.Bootstrap = withAdmin(t, "127.0.0.1:0") },
	} {
		o := SidecarOptions{Path: "/bin/true", Bootstrap: s.bootstrap, StateDir: s.stateDir}
		edit(&o)
		if _, err := NewSidecar(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestCommandLineLetsTheUsersFlagsWin(t *testing.T) {
	t.Parallel()
	got := strings.Join(commandLine("c", 2, []string{"--drain-time-s", "5", "-l", "debug", "--concurrency", "4"}), " ")
	if want := "--config-path c --disable-hot-restart --drain-strategy immediate --file-flush-interval-msec 1000 --component-log-level oauth2:error,cache_filter:error --drain-time-s 5 -l debug --concurrency 4"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	// A day, so that no edit of a listener cuts WebSockets and streams.
	got = strings.Join(commandLine("c", 0, nil), " ")
	if want := "--config-path c --disable-hot-restart --drain-time-s 86400 --drain-strategy immediate --file-flush-interval-msec 1000 --component-log-level oauth2:error,cache_filter:error"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}
