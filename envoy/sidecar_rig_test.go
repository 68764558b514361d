package envoy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// runner is a Sidecar whose Run goes on beside the test.
type runner struct {
	*Sidecar
	t    *testing.T
	stop context.CancelFunc
	done chan error
	said *said
}

// said collects log lines.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// run starts a Sidecar on the site, and sees to it that no Envoy outlives the test.
func (s *site) run(t *testing.T, edit ...func(*SidecarOptions)) *runner {
	t.Helper()
	out := &said{}
	o := SidecarOptions{
		Path: binary(t), Bootstrap: s.bootstrap, StateDir: s.stateDir, Concurrency: 1,
		Logger: hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Debug}),
	}
	for _, e := range edit {
		e(&o)
	}
	sidecar, err := NewSidecar(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{Sidecar: sidecar, t: t, stop: cancel, done: make(chan error, 1), said: out}
	t.Cleanup(func() {
		cancel()
		r.Hurry()
		eventually(t, func() error {
			if phase := r.State().Phase; phase != Stopped {
				return fmt.Errorf("sidecar is %s", phase)
			}
			return nil
		})
		if _, err := Stop(context.Background(), s.stateDir, hclog.NewNullLogger()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
	go func() { r.done <- r.Run(ctx) }()
	return r
}

func keep(o *SidecarOptions) { o.KeepOnStop = true }

// waitLive waits until Envoy serves, by the state as well as by a request.
func (r *runner) waitLive(s *site) State {
	r.t.Helper()
	eventually(r.t, func() error {
		if state := r.State(); state.Phase != Live {
			return fmt.Errorf("state is %+v", state)
		}
		return s.get("/")
	})
	return r.State()
}

// end stops it and gives what Run returned.
func (r *runner) end() error {
	r.t.Helper()
	r.stop()
	return r.result()
}

func (r *runner) result() error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		r.t.Fatalf("Run does not return; %+v\n%s", r.State(), r.said)
		return nil
	}
}

func (r *runner) wantSaid(words ...string) {
	r.t.Helper()
	eventually(r.t, func() error {
		for _, w := range words {
			if !strings.Contains(r.said.String(), w) {
				return fmt.Errorf("log has no %q", w)
			}
		}
		return nil
	})
}

// isRunning tells whether a process is there and no zombie.
func isRunning(pid int) bool {
	state, _, err := startTime(pid)
	return err == nil && state != 'Z'
}

// wantNothingLeft checks that only logs remain of an Envoy.
func (s *site) wantNothingLeft(t *testing.T, pid int) {
	t.Helper()
	if isRunning(pid) {
		t.Errorf("process %d is still there", pid)
	}
	for _, name := range []string{adminSocketFile, recordFile, bootstrapFile} {
		if exists(s.stateDir, name) {
			t.Errorf("%s is still there", name)
		}
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
