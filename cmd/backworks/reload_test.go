package main

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"backworks/envoy/testport"
)

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

// What is live with a restart only is said to be, unless a flag wins then as well.
func TestEditThatTakesARestart(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"by blueprint": nil, "by flag": {"--dashboard-port", portOf(testport.Address(t))}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.write("main.yaml", "dashboard: {port: "+portOf(testport.Address(t))+"}\n"+s.blueprint("one", nobody))
			p := s.run(append([]string{"start", "--state-dir", "s", "--envoy", s.envoy, "--watch"}, flags...)...).live()
			s.write("main.yaml", "dashboard: {port: 9999}\n"+s.blueprint("two", nobody))
			s.until(func() error { return s.says("two") })
			if said := strings.Contains(p.err.String(), "takes a restart: at=main.yaml:1:12 port=9999"); said != (flags == nil) {
				t.Errorf("that it says so is %v", said)
			}
			p.signal(syscall.SIGTERM)
			p.end(0)
		})
	}
}

func TestNoBlueprintForOurEnvoy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("main.yaml", "nodes: {id: edge-1}\n"+s.blueprint("one", nobody))
	p := s.start("--watch").live()
	if !strings.Contains(p.out.String(), `no blueprint is for the node "sidecar" of the cluster "backworks"`) {
		t.Error("it does not say so")
	}
	s.write("main.yaml", "nodes: {id: sidecar}\n"+s.blueprint("two", nobody))
	s.until(func() error { return s.says("two") })
	p.signal(syscall.SIGTERM)
	p.end(0)
	s.wantNothingLeft(p.envoyPID())
}

// Sockets do not fit into a state dir whose path is long.
func TestLongStateDir(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	long := filepath.Join(s.dir, strings.Repeat("long", 30))
	p := s.run("start", "--state-dir", long, "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0", "--", "--concurrency", "1").live()
	s.mustSay("one")
	p.signal(syscall.SIGTERM)
	p.end(0)
	if left, _ := filepath.Glob(long + "/sockets"); left != nil {
		t.Error("the folder of the sockets is still there")
	}
}
