package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"backworks/envoy/testport"
)

// documented is the bootstrap that the documentation has an Envoy of others join with.
func documented(t *testing.T, xds string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile("(?s)<!-- This is started by a test. -->\n```yaml\n(.*?)```").FindSubmatch(text)
	if match == nil {
		t.Fatal("docs/fleet.md has no such bootstrap")
	}
	const address = "address: xds.example.org, port_value: 18000"
	if !strings.Contains(string(match[1]), address) {
		t.Fatalf("it has no %q", address)
	}
	// A name, as it is one there.
	return strings.Replace(string(match[1]), address, "address: localhost, port_value: "+portOf(xds), 1)
}

// traffic asks the proxy again and again, on a connection of its own each time; the
// returned function ends that and gives how many requests there were, and what failed.
func (s *site) traffic() (end func() (int, []error)) {
	var asked atomic.Int64
	var mu sync.Mutex
	var failed []error
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				status, body, err := get("http://" + s.proxy + "/word")
				asked.Add(1)
				if err == nil && status != 200 {
					err = fmt.Errorf("%d %s", status, body)
				}
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	return func() (int, []error) {
		close(done)
		all.Wait()
		return int(asked.Load()), failed
	}
}

// epoch starts an Envoy that takes over from the epoch before.
func (s *site) epoch(base, epoch int, config string) *exec.Cmd {
	s.Helper()
	cmd := exec.Command(s.envoy, "-c", config, "--concurrency", "1", "-l", "warning", "--base-id", fmt.Sprint(base),
		"--restart-epoch", fmt.Sprint(epoch), "--drain-time-s", "1", "--parent-shutdown-time-s", "2")
	var said buffer
	cmd.Stderr, cmd.Dir = &said, s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.Failed() {
			s.Log(said.String())
		}
	})
	return cmd
}

// An Envoy of others joins with what the documentation adds to its bootstrap, follows
// edits, and leaves for a static configuration, all as documented. No request is lost.
func TestComingAndLeaving(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	xds := testport.Address(t)
	p := s.run("start", "--watch", "--envoy", "none", "--state-dir", "s", "--admin-listen", "127.0.0.1:0", "--xds-listen", xds).live()
	base := rand.IntN(1 << 20)
	// 1. It runs without us.
	old := s.epoch(base, 0, s.rendered("before.yaml"))
	s.until(func() error { return s.says("one") })
	end := s.traffic()
	// 2. It joins.
	s.write("joined.yaml", documented(t, xds))
	joined := s.epoch(base, 1, filepath.Join(s.dir, "joined.yaml"))
	s.until(func() error { return ended(old) })
	s.serve("two")
	s.until(func() error { return s.says("two") })
	// 3. We go, and it does as before; then it leaves for good.
	p.signal(syscall.SIGTERM)
	p.end(0)
	s.mustSay("two")
	s.serve("three")
	s.epoch(base, 2, s.rendered("after.yaml"))
	s.until(func() error { return ended(joined) })
	s.mustSay("three")
	if asked, failed := end(); len(failed) > 0 || asked < 100 {
		t.Errorf("of %d requests %d failed: %v", asked, len(failed), failed[:min(3, len(failed))])
	}
}

// rendered writes the blueprint as a static configuration.
func (s *site) rendered(name string) string {
	s.Helper()
	got := call("render", filepath.Join(s.dir, "main.yaml"))
	if got.code != 0 {
		s.Fatalf("%+v", got)
	}
	s.write(name, got.out)
	return filepath.Join(s.dir, name)
}

// ended says whether a process is a zombie, or gone.
func ended(cmd *exec.Cmd) error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err == nil && !strings.Contains(string(text), ") Z ") {
		return fmt.Errorf("process %d runs", cmd.Process.Pid)
	}
	return nil
}
