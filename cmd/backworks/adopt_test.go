package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"backworks/envoy/testport"
)

func TestKeepEnvoyAdoptAndStop(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start("--keep-envoy").live()
	pid := p.envoyPID()

	p.signal(syscall.SIGTERM)
	p.end(0)
	s.mustSay("one")

	s.serve("two")
	p = s.start("--keep-envoy").live()
	if p.envoyPID() != pid || !strings.Contains(p.err.String(), "adopted") {
		t.Errorf("envoy %d was not adopted", pid)
	}
	s.until(func() error { return s.says("two") })

	p.signal(os.Interrupt)
	p.end(0)
	stop := s.run("stop", "--state-dir", "s")
	stop.end(0)
	if stop.out.String() != "Envoy is stopped\n" {
		t.Errorf("stop says %q", stop.out.String())
	}
	s.wantNothingLeft(pid)
	stop = s.run("stop", "--state-dir", "s")
	stop.end(0)
	if stop.out.String() != "there is no Envoy to stop\n" {
		t.Errorf("stop says %q", stop.out.String())
	}
}

// kill -9 loses no request, and neither does the next start.
func TestKilledAndAdopted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start().live()
	pid := p.envoyPID()
	var asked, lost atomic.Int64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := s.says("one"); err != nil {
				lost.Add(1)
			}
			asked.Add(1)
		}
	}()
	p.signal(syscall.SIGKILL)
	<-p.ended
	p = s.start().live()
	if p.envoyPID() != pid {
		t.Errorf("envoy %d was not adopted", pid)
	}
	before := asked.Load()
	s.until(func() error {
		if n := asked.Load() - before; n < 50 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	close(done)
	<-ended
	if lost.Load() > 0 {
		t.Errorf("%d of %d requests were lost", lost.Load(), asked.Load())
	}
	p.signal(os.Interrupt)
	p.end(0)
	s.wantNothingLeft(pid)
}

// What cannot be adopted is drained, its port is then free for the next.
func TestOtherArgumentsAreAnotherEnvoy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start("--keep-envoy").live()
	pid := p.envoyPID()
	p.signal(syscall.SIGTERM)
	p.end(0)
	p = s.run("start", "--state-dir", "s", "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0", "--", "--concurrency", "2").live()
	s.mustSay("one")
	if isRunning(pid) {
		t.Errorf("envoy %d is still there", pid)
	}
	if !strings.Contains(p.err.String(), "its arguments are others") {
		t.Error("it does not say why")
	}
	p.signal(os.Interrupt)
	p.end(0)
}

// One that hangs has its port still, and is ended like any other that is not adopted.
func TestAnEnvoyThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start("--keep-envoy").live()
	pid := p.envoyPID()
	p.signal(syscall.SIGTERM)
	p.end(0)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p = s.start().live()
	s.mustSay("one")
	if isRunning(pid) || !strings.Contains(p.err.String(), "its admin interface does not answer") {
		t.Errorf("envoy %d is still there, or it is not said why not", pid)
	}
	p.signal(os.Interrupt)
	p.end(0)
}

// What an adopted Envoy listened on is not what is told.
func TestAdoptedWithAnotherPort(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start("--keep-envoy").live()
	pid, old := p.envoyPID(), s.proxy
	p.signal(syscall.SIGTERM)
	p.end(0)
	s.proxy = testport.Address(t)
	s.serve("two")
	p = s.start().live()
	if p.envoyPID() != pid {
		t.Errorf("envoy %d was not adopted", pid)
	}
	if strings.Contains(p.out.String(), old) || !strings.Contains(p.out.String(), s.proxy) {
		t.Errorf("it tells another address than %s", s.proxy)
	}
	s.mustSay("two")
}
