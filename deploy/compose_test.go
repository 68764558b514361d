//go:build compose

package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backworks/envoy/testport"
)

// patience is for a container that is made or started.
const patience = 2 * time.Minute

// stack is docker-compose.yaml brought up under a name of its own, on free ports and
// with a copy of its blueprints.
type stack struct {
	*testing.T
	project, override, blueprints string
	proxy, admin                  string
}

func up(t *testing.T) *stack {
	t.Helper()
	dir := t.TempDir()
	s := &stack{T: t, project: fmt.Sprintf("backworks-test-%d", os.Getpid()), override: filepath.Join(dir, "ports.yaml"), blueprints: filepath.Join(dir, "blueprints")}
	proxy, admin := testport.Free(t), testport.Free(t)
	s.proxy, s.admin = fmt.Sprintf("http://127.0.0.1:%d", proxy), fmt.Sprintf("http://127.0.0.1:%d", admin)
	if err := os.WriteFile(s.override, fmt.Appendf(nil, "services:\n  envoy: {ports: !override [\"127.0.0.1:%d:8080\"]}\n  backworks: {ports: !override [\"127.0.0.1:%d:8081\"]}\n", proxy, admin), 0o600); err != nil {
		t.Fatal(err)
	}
	// Another user reads them in the container.
	if err := os.Mkdir(s.blueprints, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.save(read(t, "compose/main.yaml"))
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.command("logs", "--no-color", "--tail", "100").CombinedOutput()
			t.Logf("%s", out)
		}
		if out, err := s.command("down", "--volumes", "--timeout", "5").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
		if left := s.compose("ps", "--all", "--quiet"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
	s.compose("up", "--build", "--detach")
	return s
}

// save replaces the blueprint by rename, as most editors do.
func (s *stack) save(text string) {
	s.Helper()
	file := filepath.Join(s.blueprints, "main.yaml")
	if err := os.WriteFile(file+"~", []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(file+"~", file); err != nil {
		s.Fatal(err)
	}
}

func (s *stack) command(args ...string) *exec.Cmd {
	c := exec.Command("docker", append([]string{"compose", "-p", s.project, "-f", "docker-compose.yaml", "-f", s.override}, args...)...)
	c.Dir = ".."
	// The classic builder is what everybody has.
	c.Env = append(os.Environ(), "BACKWORKS_BLUEPRINTS="+s.blueprints, "DOCKER_BUILDKIT=0", "COMPOSE_PROGRESS=plain")
	return c
}

// compose runs one command and gives what it prints to stdout.
func (s *stack) compose(args ...string) string {
	s.Helper()
	c := s.command(args...)
	var errors strings.Builder
	c.Stderr = &errors
	out, err := c.Output()
	if err != nil {
		s.Fatalf("docker compose %v: %v\n%s%s", args, err, out, errors.String())
	}
	return strings.TrimSpace(string(out))
}

// client connects anew for each request, as curl does.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

// ask gives status 0 when there is no answer.
func ask(method, url string) (int, string, http.Header) {
	r, err := http.NewRequest(method, url, strings.NewReader("{}"))
	if err != nil {
		return 0, err.Error(), nil
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return resp.StatusCode, string(body), resp.Header
}

// until polls until a request has an answer with all parts.
func (s *stack) until(url string, status int, parts ...string) {
	s.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, body, header := ask(http.MethodGet, url)
		text := fmt.Sprint(header, body)
		fits := got == status
		for _, p := range parts {
			fits = fits && strings.Contains(text, p)
		}
		if fits {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.Fatalf("GET %s: still %d %s", url, got, text)
		}
	}
}

// TestCompose brings up what is shipped, edits it, breaks it and stops parts of it.
func TestCompose(t *testing.T) {
	s := up(t)
	s.until(s.proxy+"/api/users", 200, "X-Backend", "backworks-proxy-plugin", "Ada")
	s.until(s.admin+"/ready", 200, `"degraded": false`)
	s.serves()
	s.isContained()
	s.edits()
	s.outlives()
}

// serves checks each kind of endpoint, the shares of the targets, and the admin pages.
func (s *stack) serves() {
	s.Helper()
	for path, status := range map[string]int{"/api/users/1": 200, "/api/orders": 200, "/api/products/100": 200, "/health": 200, "/none": 404} {
		if got, body, _ := ask(http.MethodGet, s.proxy+path); got != status {
			s.Errorf("GET %s: %d %s", path, got, body)
		}
	}
	if got, body, _ := ask(http.MethodPost, s.proxy+"/api/users"); got/100 != 2 {
		s.Errorf("POST: %d %s", got, body)
	}
	shares := map[string]int{}
	for range 200 {
		_, _, header := ask(http.MethodGet, s.proxy+"/api/products")
		shares[header.Get("X-Backend")]++
	}
	if two := shares["backend-2"]; len(shares) != 3 || two < 95 || two > 105 {
		s.Errorf("shares %v", shares)
	}
	// The proxy's own page of figures comes from the management server.
	s.until(s.proxy+"/metrics", 200, `"target_name": "backend-1"`, `"is_healthy": true`)
	s.until(s.admin+"/metrics", 200, `envoy_server_live{node="envoy-1"} 1`, "backworks_envoys_reached 1")
	s.until(s.admin+"/api/v1/targets", 200, `"node": "envoy-1"`)
}

// isContained checks what the containers may and are.
func (s *stack) isContained() {
	s.Helper()
	out, err := exec.Command("docker", "inspect", s.compose("ps", "--quiet", "backworks")).Output()
	if err != nil {
		s.Fatal(err)
	}
	var is []struct {
		Config struct{ User string }
		State  struct{ Health struct{ Status string } }
	}
	if err := json.Unmarshal(out, &is); err != nil || len(is) != 1 {
		s.Fatal(err, string(out))
	}
	if is[0].Config.User != "65532:65532" {
		s.Errorf("its user is %q", is[0].Config.User)
	}
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		if strings.Contains(s.compose("ps", "backworks"), "(healthy)") {
			return
		}
		if time.Now().After(deadline) {
			s.Fatal("it does not become healthy")
		}
	}
}

// edits the mounted blueprint on the host in both ways, and breaks it.
func (s *stack) edits() {
	s.Helper()
	text := read(s.T, "compose/main.yaml")
	edited := func(word string) string {
		return strings.ReplaceAll(text, "backworks-proxy-plugin", word)
	}
	s.save(edited("renamed"))
	s.until(s.proxy+"/api/users", 200, "renamed")
	if err := os.WriteFile(filepath.Join(s.blueprints, "main.yaml"), []byte(edited("written")), 0o644); err != nil {
		s.Fatal(err)
	}
	s.until(s.proxy+"/api/users", 200, "written")
	s.save("endpoints: [\n")
	s.until(s.admin+"/ready", 200, `"degraded": true`, "main.yaml:")
	s.until(s.proxy+"/api/users", 200, "written")
	s.save(text)
	s.until(s.admin+"/ready", 200, `"degraded": false`)
}

// outlives checks that traffic needs no management server, and that it comes back.
func (s *stack) outlives() {
	s.Helper()
	s.compose("stop", "backworks")
	for range 20 {
		if status, body, _ := ask(http.MethodGet, s.proxy+"/api/users"); status != 200 {
			s.Errorf("without the management server: %d %s", status, body)
		}
	}
	if status, body, _ := ask(http.MethodGet, s.proxy+"/metrics"); status != 503 || !strings.Contains(body, "service_unavailable") {
		s.Errorf("metrics without the management server: %d %s", status, body)
	}
	s.compose("start", "backworks")
	s.until(s.admin+"/ready", 200)
	s.save(strings.ReplaceAll(read(s.T, "compose/main.yaml"), "backworks-proxy-plugin", "again"))
	s.until(s.proxy+"/api/users", 200, "again")
}
