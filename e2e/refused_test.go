package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"backworks/envoy/testport"
)

// status is what /api/v1/status says, as far as tests look at it.
type status struct {
	Ready, Degraded bool
	Problems        []struct {
		File, Path, Message string
		Line, Column        int
	}
	Nodes []struct {
		ID    string
		Types []struct {
			Type    string
			Refused *struct {
				Message   string
				Count     int
				Resources []struct{ Name, Position string }
			}
		}
	}
}

func (p *process) status() (s status) {
	p.Helper()
	_, body := p.get(p.admin + "/api/v1/status")
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		p.Fatalf("%v: %s", err, body)
	}
	return s
}

// refused is how often the sidecar refused a type since it last accepted one, and
// what it said.
func (s status) refused(kind string) (int, string) {
	for _, n := range s.Nodes {
		for _, t := range n.Types {
			if t.Type == kind && t.Refused != nil {
				var of []string
				for _, r := range t.Refused.Resources {
					of = append(of, r.Name+" "+r.Position)
				}
				return t.Refused.Count, t.Refused.Message + " " + strings.Join(of, " ")
			}
		}
	}
	return 0, ""
}

func (p *process) metric(series string) string {
	p.Helper()
	_, body := p.get(p.admin + "/metrics")
	for line := range strings.Lines(body) {
		if value, found := strings.CutPrefix(line, series+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestEnvoyRefuses a push that only it can judge: a port that another program has.
// Traffic goes on, the refusal is seen everywhere, and nothing is sent in a loop.
func TestEnvoyRefuses(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	e.write("main.yaml", e.text(0))
	p := e.start().live()
	l := run(100, func(int) string { return e.proxy + "/a" }, well)
	taken := testport.Listen(t)
	defer func() { _ = taken.Close() }()
	_, port, _ := strings.Cut(taken.Addr().String(), ":")
	e.write("main.yaml", strings.Replace(e.text(1), fmt.Sprint("port: ", e.port), "port: "+port, 1))
	e.until("the refusal is in the status", func() bool {
		n, message := p.status().refused("LDS")
		return n > 0 && strings.Contains(message, "cannot bind") && strings.Contains(message, "proxy main.yaml:1:9")
	})
	if got := p.metric(`backworks_xds_refused_responses{node="sidecar",type="LDS"}`); got != "1" {
		t.Errorf("the metric is %q", got)
	}
	if log := p.log.String(); strings.Count(log, "cannot bind") == 0 || !strings.Contains(log, "main.yaml:1:9") {
		t.Error("the log does not tell it with its place")
	}
	sent := l.total.Load()
	e.until("time passes", func() bool { return l.total.Load() > sent+200 })
	if n, _ := p.status().refused("LDS"); n != 1 {
		t.Errorf("refused %d times", n)
	}
	e.write("main.yaml", e.text(2))
	e.until("a good edit is live", func() bool { return e.seen(2) })
	e.until("the refusal is gone", func() bool { n, _ := p.status().refused("LDS"); return n == 0 })
	l.end(t)
}

// TestBadSave: the last good version is served on, also after a restart; the problem
// is told everywhere, with its place, and goes with the next good save.
func TestBadSave(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	e.write("main.yaml", e.text(0))
	p := e.start().live()
	l := run(100, func(int) string { return e.proxy + "/a" }, well)
	for name, bad := range map[string]string{
		"unknown key": strings.Replace(e.text(1), "load_balancing:", "load_balacing:", 1),
		"no pool":     strings.Replace(e.text(1), "upstream: default", "upstream: nobody", 1),
		"no YAML":     "server: [\n",
		"empty":       "",
		"binary":      "\x00\x01\x02",
		"huge":        "# " + strings.Repeat("x", 9<<20),
		"bomb":        bomb(),
		"deep":        strings.Repeat("[", 20000),
	} {
		e.write("main.yaml", bad)
		e.until(name+" is a problem", func() bool { s := p.status(); return s.Degraded && len(s.Problems) > 0 })
		if s := p.status(); s.Problems[0].File != "main.yaml" || s.Problems[0].Message == "" {
			t.Errorf("%s: %+v", name, s.Problems)
		}
		if got := p.metric(`backworks_fleet_degraded_blueprints`); got != "1" {
			t.Errorf("%s: the metric is %q", name, got)
		}
		if !e.seen(0) {
			t.Errorf("%s: another version is served", name)
		}
		e.write("main.yaml", e.text(0))
		e.until(name+" is gone", func() bool { s := p.status(); return !s.Degraded && len(s.Problems) == 0 })
	}
	if err := os.Remove(e.path("main.yaml")); err != nil {
		t.Fatal(err)
	}
	e.until("no file is a problem", func() bool { return p.status().Degraded })
	l.end(t)
	p.kill(9)
	e.write("main.yaml", "server: [\n")
	p = e.start().live()
	if code, body := e.get(p.admin + "/ready"); code != 200 || !strings.Contains(body, `"degraded": true`) {
		t.Errorf("after a restart: %d %s", code, body)
	}
	if !e.seen(0) {
		t.Error("the last good version is not served after a restart")
	}
	p.kill(9)
	p = e.start("--strict")
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(p.log.String(), "main.yaml:") {
		t.Errorf("strict: exit code %d, %s", code, p.log.String())
	}
}

func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	return b.String()
}

// TestOneOfSeveralFiles: a broken file of a blueprint keeps its last good version
// while others are edited; a deleted one is a change; a deleted main file is none.
func TestOneOfSeveralFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	word := func(path, word string) string {
		return fmt.Sprintf("endpoints: [{path: %s, method: GET, handler: static, config: {static: {body: %q}}}]\n", path, word)
	}
	says := func(path, want string) func() bool {
		return func() bool { status, body := s.get(s.proxy + path); return status == 200 && body == want }
	}
	main := fmt.Sprintf("include: [services/*.yaml]\nserver: {host: 127.0.0.1, port: %d}\n", s.port)
	s.write("main.yaml", main+word("/main", "one"))
	s.write("services/a.yaml", word("/a", "one"))
	s.write("services/b.yaml", word("/b", "one"))
	p := s.start().live()
	s.until("all are served", func() bool { return says("/main", "one")() && says("/a", "one")() && says("/b", "one")() })

	s.write("services/a.yaml", "endpoints: [\n")
	s.write("services/b.yaml", word("/b", "two"))
	s.until("the good edit is live", says("/b", "two"))
	if !says("/a", "one")() || !p.status().Degraded {
		t.Error("the broken file's last good version is not served, or not told")
	}
	s.write("services/a.yaml", word("/a", "two"))
	s.until("the repaired file is live", says("/a", "two"))

	if err := os.Remove(s.path("services/b.yaml")); err != nil {
		t.Fatal(err)
	}
	s.until("what was in a deleted file is gone", func() bool { status, _ := s.get(s.proxy + "/b"); return status == 404 })
	if err := os.Remove(s.path("main.yaml")); err != nil {
		t.Fatal(err)
	}
	s.until("the main file is missed", func() bool { return p.status().Degraded })
	if !says("/main", "one")() || !says("/a", "two")() {
		t.Error("without the main file its last good version is not served")
	}
	s.write("main.yaml", main+word("/main", "three"))
	s.until("the new main file is live", says("/main", "three"))
	if p.status().Degraded {
		t.Error("the problem does not go")
	}
}
