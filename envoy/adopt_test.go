package envoy

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
)

func withAdmin(t *testing.T, admin Address) *bootstrapv3.Bootstrap {
	t.Helper()
	m, err := Bootstrap{NodeID: "a", NodeCluster: "b", Admin: "127.0.0.1:1"}.Message()
	if err != nil {
		t.Fatal(err)
	}
	if path, ok := strings.CutPrefix(string(admin), "unix://"); ok {
		m.Admin.Address, _ = UnixAddress("/x").message()
		m.Admin.Address.GetPipe().Path = path
		return m
	}
	m.Admin.Address, _ = Address("127.0.0.1:1").message()
	m.Admin.Address.GetSocketAddress().PortSpecifier = nil
	return m
}

// leave runs an Envoy and goes away from it, as a killed backworks does.
func (s *site) leave(t *testing.T) State {
	t.Helper()
	r := s.run(t, keep)
	state := r.waitLive(s)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if !isRunning(state.PID) {
		t.Fatal("envoy is gone")
	}
	return state
}

func TestNextRunAdoptsWithoutLosingARequest(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	left := s.leave(t)

	traffic, failed := s.traffic(t)
	r := s.run(t)
	adopted := r.waitLive(s)
	if adopted.PID != left.PID || !adopted.Adopted {
		t.Errorf("left %+v, adopted %+v", left, adopted)
	}
	r.wantSaid("adopted the envoy that was left running")
	traffic()
	if n := failed(); n > 0 {
		t.Errorf("%d requests failed", n)
	}

	// It is supervised though it is no child.
	kill(t, left.PID)
	eventually(t, func() error {
		if state := r.State(); state.Restarts != 1 || state.Phase != Live || state.PID == left.PID {
			return errors.New("not started again")
		}
		return s.get("/")
	})
	last := r.State().PID
	if err := r.end(); err != nil {
		t.Error(err)
	}
	s.wantNothingLeft(t, last)
}

// traffic asks all the time; the first function ends it, the second counts failures.
func (s *site) traffic(t *testing.T) (stop func(), failed func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	done, failures := make(chan struct{}), 0
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if s.get("/") != nil {
				failures++
			}
		}
	}()
	return func() { cancel(); <-done }, func() int { return failures }
}

func TestAnEnvoyThatDiffersIsDrainedAndReplaced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*testing.T, *site) func(*SidecarOptions)
		why    string
	}{
		"bootstrap": {func(t *testing.T, s *site) func(*SidecarOptions) {
			s.bootstrap = proto.Clone(s.bootstrap).(*bootstrapv3.Bootstrap)
			s.bootstrap.Node.Cluster = "other"
			return func(*SidecarOptions) {}
		}, "its bootstrap or its arguments are others"},
		"arguments": {func(*testing.T, *site) func(*SidecarOptions) {
			return func(o *SidecarOptions) { o.Args = []string{"-l", "warning"} }
		}, "its bootstrap or its arguments are others"},
		"node": {func(t *testing.T, s *site) func(*SidecarOptions) {
			s.bootstrap = proto.Clone(s.bootstrap).(*bootstrapv3.Bootstrap)
			s.bootstrap.Node.Id = "edge-2"
			return func(*SidecarOptions) {}
		}, `it is node \"edge-1\", not \"edge-2\"`},
		"draining": {func(t *testing.T, s *site) func(*SidecarOptions) {
			if err := NewAdmin(addressOf(s.bootstrap.Admin.Address)).FailHealthCheck(context.Background()); err != nil {
				t.Fatal(err)
			}
			return func(*SidecarOptions) {}
		}, "it is draining"},
		"record lost": {func(t *testing.T, s *site) func(*SidecarOptions) {
			os.Remove(filepath.Join(s.stateDir, recordFile))
			return func(*SidecarOptions) {}
		}, "its process is not on record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takeTurn(t)
			s := newSite(t)
			left := s.leave(t)
			inFlight := make(chan error, 1)
			go func() { inFlight <- s.get("/slow") }()
			<-s.slow
			r := s.run(t, c.change(t, s))
			next := r.waitLive(s)
			if next.PID == left.PID || next.Adopted || isRunning(left.PID) {
				t.Errorf("left %+v, then %+v", left, next)
			}
			if err := <-inFlight; err != nil {
				t.Errorf("the request in flight: %v", err)
			}
			r.wantSaid("draining the envoy that was left running", c.why)
		})
	}
}

func TestStopEndsAnEnvoyThatWasLeftAlone(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	left := s.leave(t)
	for _, want := range []bool{true, false} {
		found, err := Stop(context.Background(), s.stateDir, hclog.NewNullLogger())
		if err != nil || found != want {
			t.Errorf("want %v, got %v, %v", want, found, err)
		}
		s.wantNothingLeft(t, left.PID)
	}
	if found, err := Stop(context.Background(), filepath.Join(s.stateDir, "no", "such"), hclog.NewNullLogger()); found || err != nil {
		t.Errorf("no state dir: got %v, %v", found, err)
	}
}

// A process that got the number of a dead Envoy, and the files the Envoy left.
func TestAStrangerOfTheSameNumberIsLeftAlone(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stranger.Process.Kill(); stranger.Wait() })
	_, start, err := startTime(stranger.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	ticks, err := strconv.ParseInt(start, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	left := record{PID: stranger.Process.Pid, Start: strconv.FormatInt(ticks-1, 10), Admin: addressOf(s.bootstrap.Admin.Address), Since: time.Now()}
	if err := left.write(s.stateDir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.stateDir, adminSocketFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.run(t)
	r.waitLive(s)
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if !isRunning(stranger.Process.Pid) {
		t.Error("the stranger was ended")
	}
}
