package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"backworks/envoy/testport"
)

// TestExamples runs each of blueprints/examples as the comment at its top says: what stands
// behind "$" is typed into a shell, and what follows is what it must print.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../blueprints/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\n#   $ ") {
			continue // TestExamples of translate runs it: parts of what is printed are shown
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			ports := freePorts(s)
			example := knownPort.ReplaceAllStringFunc(string(text), func(port string) string { return ports[port] })
			s.write("main.yaml", example)
			s.runExample(filepath.Base(file), example, ports)
		})
	}
}

// knownPort are the ports that examples use: of proxies, of the demo's backend, and of
// others that nobody listens on.
var knownPort = regexp.MustCompile(`\b(8080|8443|3001|5556)\b`)

// freePorts are free ones in their place.
func freePorts(s *site) map[string]string {
	out := map[string]string{}
	for _, port := range []string{"8080", "8443", "3001", "5556"} {
		out[port] = fmt.Sprint(testport.Free(s))
	}
	return out
}

func (s *site) runExample(name, text string, ports map[string]string) {
	s.Helper()
	sh := newShell(s)
	started := false
	for _, c := range commandsOf(text) {
		if strings.HasPrefix(c.line, "backworks start") {
			if started = c.line == "backworks start --demo -c "+name; !started {
				s.Fatalf("%s starts another one", c.line)
			}
			s.backend("127.0.0.1:" + ports["3001"])
			s.start().live()
			s.until("it serves", func() bool {
				for _, port := range []string{ports["8080"], ports["8443"]} {
					if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
						_ = conn.Close()
						return true
					}
				}
				return false
			})
			continue
		}
		if got := sh.run(c.line); strings.TrimSpace(got) != strings.TrimSpace(c.prints) {
			s.Errorf("%s\nprints %q, want %q", c.line, got, c.prints)
		}
	}
	if !started {
		s.Error("the comment starts nothing")
	}
}

// backend is what start --demo has on a port of its own.
func (s *site) backend(address string) {
	s.Helper()
	c := exec.Command(program, "demo", "--listen", address)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	s.until("the backend listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// typed is a command, and what it prints.
type typed struct{ line, prints string }

// commandsOf are those of the comment at the top.
func commandsOf(text string) (out []typed) {
	for line := range strings.Lines(text) {
		line, comment := strings.CutPrefix(line, "# ")
		command, typing := strings.CutPrefix(line, "$ ")
		switch {
		case typing:
			out = append(out, typed{line: strings.TrimSpace(command)})
		case comment && len(out) > 0:
			out[len(out)-1].prints += line
		case !comment && line != "#\n":
			return out // the comment's end
		}
	}
	return out
}

// shell is one for all commands of an example.
type shell struct {
	*site
	in  io.Writer
	out *bufio.Reader
}

func newShell(s *site) *shell {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.Cleanup(cancel)
	c := exec.CommandContext(ctx, "bash")
	c.Dir = s.dir
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := c.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	return &shell{s, in, bufio.NewReader(out)}
}

// run types a command and returns what it prints.
func (sh *shell) run(command string) string {
	sh.Helper()
	const end = "-- the command ends --\n"
	if _, err := fmt.Fprintf(sh.in, "%s\necho '%s'\n", command, strings.TrimSuffix(end, "\n")); err != nil {
		sh.Fatal(err)
	}
	var all strings.Builder
	for !strings.HasSuffix(all.String(), end) {
		line, err := sh.out.ReadString('\n')
		if all.WriteString(line); err != nil {
			sh.Fatalf("%s: %v %s", command, err, all.String())
		}
	}
	return strings.TrimSuffix(all.String(), end)
}
