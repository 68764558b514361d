package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"backworks/envoy/testport"
)

// command runs a command against the start's admin listener.
func (p *process) command(args ...string) (code int, out string) {
	p.Helper()
	c := exec.Command(program, append(args, "--admin", p.admin)...)
	c.Dir = p.dir
	text, _ := c.CombinedOutput()
	return c.ProcessState.ExitCode(), string(text)
}

// want runs a command and compares its exit code and parts of what it prints.
func (p *process) want(code int, parts []string, args ...string) string {
	p.Helper()
	got, out := p.command(args...)
	if got != code {
		p.Fatalf("%v: exit code %d, want %d: %s", args, got, code, out)
	}
	for _, part := range parts {
		if !strings.Contains(out, part) {
			p.Errorf("%v: no %q in %s", args, part, out)
		}
	}
	return out
}

// TestByHand is the life of versions as one sees it from the command line: what is
// refused, tried again, taken back and brought forward.
func TestByHand(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	e.write("main.yaml", e.text(0))
	p := e.start().live()
	l := run(100, func(int) string { return e.proxy + "/a" }, well)
	p.want(0, []string{"main.yaml", "accepted", "1 of 1 synced", "sidecar", "SYNCED"}, "status", "--wait", "20s")
	first := p.version()
	e.write("main.yaml", e.text(1))
	e.until("the edit is live", func() bool { return e.seen(1) })
	p.want(0, nil, "status", "--wait", "20s")

	taken := testport.Listen(t)
	_, port, _ := strings.Cut(taken.Addr().String(), ":")
	e.write("main.yaml", strings.Replace(e.text(2), fmt.Sprint("port: ", e.port), "port: "+port, 1))
	e.until("it is refused", func() bool { code, _ := p.command("status"); return code == 1 })
	p.want(1, []string{"refused", "REJECTED", "main.yaml:1:9", "cannot bind", "backworks rollout retry"}, "status", "--node", "sidecar")
	p.want(0, []string{"refused", "accepted", "main.yaml:1:9"}, "history")
	l.end(t)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if !e.seen(1) {
		t.Error("the version before is not served")
	}
	p.want(0, []string{"main.yaml"}, "rollout", "retry")
	p.want(0, []string{"accepted"}, "status", "--wait", "20s") // the proxy listens elsewhere now
	p.want(1, []string{"was not refused"}, "rollout", "retry", "main.yaml")

	p.want(0, nil, "rollback", "main.yaml", first)
	p.want(0, []string{"rolled back"}, "status", "--wait", "20s")
	e.until("the first version is live", func() bool { return e.seen(0) })
	e.write("main.yaml", e.text(3))
	e.until("an edit is live", func() bool { return e.seen(3) })
	p.want(0, nil, "status", "--wait", "20s")
	p.want(0, nil, "rollback", "main.yaml")
	e.until("the first version is live again", func() bool { return e.seen(0) })
	p.want(1, []string{"it is not kept"}, "rollback", "main.yaml", "0123456789abcdef")
	p.want(1, []string{"it is not served"}, "rollback", "other.yaml")
	p.want(1, []string{`no Envoy "nobody"`}, "status", "--node", "nobody")
	p.want(2, []string{"table or json"}, "status", "-o", "yaml")
	var s status
	if _, out := p.command("status", "-o", "json"); json.Unmarshal([]byte(out), &s) != nil || len(s.Nodes) != 1 {
		t.Errorf("status as JSON: %s", out)
	}
}

// version is what the nodes get of the one blueprint.
func (p *process) version() string {
	p.Helper()
	var s struct{ Blueprints []struct{ Version string } }
	_, body := p.get(p.admin + "/api/v1/status")
	if err := json.Unmarshal([]byte(body), &s); err != nil || len(s.Blueprints) != 1 {
		p.Fatalf("%v: %s", err, body)
	}
	return s.Blueprints[0].Version
}

// countNodes counts the nodes of a status as JSON.
func countNodes(text string) int {
	var s status
	if json.Unmarshal([]byte(text), &s) != nil {
		return -1
	}
	return len(s.Nodes)
}
