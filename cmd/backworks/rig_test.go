package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"backworks/envoy"
	"backworks/envoy/testport"
)

// patience is for what takes a second at most on a machine that is not busy.
const patience = 30 * time.Second

// program is the product, built once.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "bw")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "backworks")
		build := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-X main.version=v1.2.3", "-o", program, ".")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		return m.Run()
	}())
}

// turns holds back tests: three Envoys at a time are enough for two cores.
var turns = make(chan struct{}, 3)

// site is a folder with a blueprint and a state dir, for several starts in turn.
type site struct {
	*testing.T
	dir   string // short, since sockets are below it
	proxy string // the proxy's address, host:port
	envoy string
}

func newSite(t *testing.T) *site {
	t.Helper()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
	dir, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, err := envoy.Find("", "../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	return &site{T: t, dir: dir, proxy: testport.Address(t), envoy: binary}
}

// blueprint answers GET /word with word, and what is below /to with target.
func (s *site) blueprint(word, target string) string {
	_, port, _ := net.SplitHostPort(s.proxy)
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %s}
plugins: {proxy: {config: {targets: [{name: a, url: %q}]}}}
endpoints:
  - {path: /word, method: GET, handler: static, config: {static: {body: %q}}}
  - {path: /to/*, handler: proxy}
  - {path: /metrics, method: GET, handler: metrics}
`, port, target, word)
}

// write replaces a file by rename.
func (s *site) write(name, text string) {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.Fatal(err)
	}
}

// nobody is a target that refuses connections.
const nobody = "http://127.0.0.1:1"

func (s *site) serve(word string) { s.Helper(); s.write("main.yaml", s.blueprint(word, nobody)) }

// process is a running start.
type process struct {
	*site
	cmd      *exec.Cmd
	out, err buffer
	ended    chan struct{}
	code     int
}

// run runs the program in the site's folder.
func (s *site) run(args ...string) *process { s.Helper(); return s.runAs(func(*exec.Cmd) {}, args...) }

func (s *site) runAs(change func(*exec.Cmd), args ...string) *process {
	s.Helper()
	p := &process{site: s, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir = s.dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	change(p.cmd)
	if err := p.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.ended)
	}()
	s.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if s.Failed() {
			s.Logf("%v:\n%s%s", args, p.out.String(), p.err.String())
		}
	})
	return p
}

// start runs a start with the site's state dir and Envoy, both on free ports.
func (s *site) start(args ...string) *process {
	s.Helper()
	all := []string{"start", "--state-dir", filepath.Join(s.dir, "s"), "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0"}
	s.Cleanup(func() { // what a failed test leaves
		_, _ = envoy.Stop(cancelled(), filepath.Join(s.dir, "s"), discard)
	})
	return s.run(append(append(all, args...), "--", "--concurrency", "1")...)
}

// live waits until the start has told what listens.
func (p *process) live() *process {
	p.Helper()
	p.until(func() error {
		select {
		case <-p.ended:
			p.Fatalf("it ended with %d", p.code)
		default:
		}
		if !strings.Contains(p.out.String(), "admin ") {
			return errors.New("it says nothing")
		}
		return nil
	})
	return p
}

// end waits for the exit.
func (p *process) end(code int) {
	p.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.Fatal("it does not end")
	}
	if p.code != code {
		p.Errorf("exit code %d, want %d", p.code, code)
	}
}

func (p *process) signal(s os.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Fatal(err)
	}
}

var envoyPID = regexp.MustCompile(`(?:started envoy|adopted the envoy that was left running): pid=(\d+)`)

// envoyPID is of the Envoy that the start has.
func (p *process) envoyPID() int {
	p.Helper()
	match := envoyPID.FindStringSubmatch(p.err.String())
	if match == nil {
		p.Fatal("no envoy was started")
	}
	pid, _ := strconv.Atoi(match[1])
	return pid
}

var adminLine = regexp.MustCompile(`admin +(http://\S+)`)

func (p *process) admin() string {
	p.Helper()
	match := adminLine.FindStringSubmatch(p.out.String())
	if match == nil {
		p.Fatal("it does not tell the admin listener")
	}
	return match[1]
}

// until polls until check passes, and fails the test with its last error.
func (s *site) until(check func() error) {
	s.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.Fatalf("not within %v: %v", patience, err)
		}
	}
}

// client connects anew for each request, as curl does.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

func get(url string) (int, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// says checks the proxy's word.
func (s *site) says(word string) error {
	status, body, err := get("http://" + s.proxy + "/word")
	if err == nil && (status != 200 || body != word) {
		err = fmt.Errorf("it answers %d %q, want %q", status, body, word)
	}
	return err
}

func (s *site) mustSay(word string) {
	s.Helper()
	if err := s.says(word); err != nil {
		s.Fatal(err)
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
