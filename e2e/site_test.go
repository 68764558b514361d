package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/envoy"
	"backworks/envoy/testport"
)

// patience is for what takes a second at most on a machine that is not busy; in soak
// it is for a blueprint's own times as well.
var patience = func() time.Duration {
	if soak {
		return 5 * time.Minute
	}
	return time.Minute
}()

// site is a folder with a blueprint and a state dir, for one start or several.
type site struct {
	testing.TB
	dir   string // short, since sockets are below it
	proxy string // http://host:port
	port  int    // of the proxy
	envoy string
}

func newSite(t testing.TB) *site {
	t.Helper()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
	dir, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	port := testport.Free(t)
	return &site{TB: t, dir: dir, port: port, proxy: fmt.Sprintf("http://127.0.0.1:%d", port), envoy: binary}
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// write saves a file by rename, as most editors do.
func (s *site) write(name, text string) {
	s.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		s.Fatal(err)
	}
}

// truncate saves a file in place, in several steps, as some editors do.
func (s *site) truncate(name, text string) {
	s.Helper()
	f, err := os.Create(s.path(name))
	if err != nil {
		s.Fatal(err)
	}
	for piece := range bytes.Lines([]byte(text)) {
		if _, err := f.Write(piece); err != nil {
			s.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		s.Fatal(err)
	}
}

// process is a running start.
type process struct {
	*site
	cmd      *exec.Cmd
	out, log buffer
	ended    chan struct{}
	admin    string // http://host:port, once live
}

// start runs the program on main.yaml with --watch, in the site's folder. Arguments
// behind "--" are Envoy's; without any it has one worker.
func (s *site) start(args ...string) *process {
	s.Helper()
	all := []string{"start", "--watch", "-c", "main.yaml", "--state-dir", s.path("s"), "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0"}
	if given := strings.Join(args, " "); !strings.Contains(given, "--concurrency") && !strings.Contains(given, "--envoy none") {
		args = append(args, "--", "--concurrency", "1")
	}
	p := &process{site: s, cmd: exec.Command(program, append(all, args...)...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, &p.out, &p.log
	// A test that is killed has its program stop, which stops Envoy.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	s.Cleanup(func() { // what a failed test, or a killed start, leaves
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _ = envoy.Stop(ctx, s.path("s"), hclog.NewNullLogger())
	})
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	s.Cleanup(func() {
		p.kill(syscall.SIGKILL)
		if s.Failed() {
			s.Logf("%s%s", p.out.String(), p.log.String())
		}
	})
	return p
}

var adminLine = regexp.MustCompile(`admin +(http://\S+)`)

// live waits until the start has told what listens.
func (p *process) live() *process {
	p.Helper()
	p.until("it tells what listens", func() bool {
		select {
		case <-p.ended:
			p.Fatalf("it ended: %s", p.log.String())
		default:
		}
		match := adminLine.FindStringSubmatch(p.out.String())
		if match != nil {
			p.admin = match[1]
		}
		return match != nil
	})
	return p
}

// kill sends a signal and waits for the end.
func (p *process) kill(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.Errorf("%v does not end it", sig)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

var startedEnvoy = regexp.MustCompile(`(?:started envoy|adopted the envoy that was left running): pid=(\d+)`)

// envoyPID is of the Envoy that the start has now.
func (p *process) envoyPID() int {
	p.Helper()
	all := startedEnvoy.FindAllStringSubmatch(p.log.String(), -1)
	if len(all) == 0 {
		p.Fatal("no envoy was started")
	}
	pid, _ := strconv.Atoi(all[len(all)-1][1])
	return pid
}

// target is one of /api/v1/targets.
type target struct {
	Pool, Target, URL, Health string
	Weight                    float64
	Requests, Errors          uint64
	Ejected                   bool
	Breaker                   struct{ State string }
	Drained                   bool
}

// targets asks the admin listener, by the targets' names.
func (p *process) targets() map[string]target {
	p.Helper()
	var all struct{ Targets []target }
	_, body := p.get(p.admin + "/api/v1/targets")
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		p.Fatalf("%v: %s", err, body)
	}
	out := map[string]target{}
	for _, t := range all.Targets {
		out[t.Target] = t
	}
	return out
}

// until polls until done, and fails the test when it takes too long.
func (s *site) until(what string, done func() bool) {
	s.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			s.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// buffer is what a process prints.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
