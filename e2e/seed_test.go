package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"backworks/envoy/testport"
)

// fileServer is `python3 -m http.server` in a folder with one file, health.
type fileServer struct {
	cmd  *exec.Cmd
	port int
	log  buffer
}

func newFileServer(s *site) *fileServer {
	s.Helper()
	f := &fileServer{port: testport.Free(s)}
	dir := s.path(fmt.Sprint("files", f.port))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "health"), []byte("ok\n"), 0o600); err != nil {
		s.Fatal(err)
	}
	f.cmd = exec.Command("python3", "-m", "http.server", "--bind", "127.0.0.1", fmt.Sprint(f.port))
	f.cmd.Dir, f.cmd.Stderr = dir, &f.log
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := f.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(f.stop)
	s.until("the file server answers", func() bool {
		status, _ := s.get(fmt.Sprintf("http://127.0.0.1:%d/health", f.port))
		return status == 200
	})
	return f
}

func (f *fileServer) stop() {
	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait()
}

// asked counts the requests that its log has, as in "GET /users ".
func (f *fileServer) asked(request string) int { return strings.Count(f.log.String(), `"`+request+" ") }

// TestSeed takes the steps of the README that the reference blueprint came with: its
// targets have one file, so that most answers are 404 and each POST's is 501.
func TestSeed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	servers := []*fileServer{newFileServer(s), newFileServer(s), newFileServer(s)}
	text, err := os.ReadFile("../blueprints/main.yaml")
	if err != nil {
		t.Fatal(err)
	}
	edit := strings.NewReplacer("localhost:3001", fmt.Sprintf("localhost:%d", servers[0].port), "localhost:3002",
		fmt.Sprintf("localhost:%d", servers[1].port), "localhost:3003", fmt.Sprintf("localhost:%d", servers[2].port))
	s.write("main.yaml", edit.Replace(string(text)))
	p := s.start("-p", fmt.Sprint(s.port)).live()

	asked := func(request string) (n int) {
		for _, f := range servers {
			n += f.asked(request)
		}
		return n
	}
	for _, c := range []struct {
		method, path, upstream string
		status                 int
	}{
		{"GET", "/api/users", "/users", 404},
		{"GET", "/api/users/123", "/users/123", 404},
		{"POST", "/api/users", "/users", 501},
		{"GET", "/api/orders", "/orders", 404},
		{"GET", "/api/orders/456", "/orders/456", 404},
		{"POST", "/api/orders", "/orders", 501},
		{"GET", "/api/products", "/products", 404},
		{"GET", "/api/products/789", "/products/789", 404},
	} {
		const times = 12
		for range times {
			status, body, header := ask(&curl, c.method, s.proxy+c.path, `{"name":"x"}`)
			if status != c.status || header.Get("X-Proxied-By") != "backworks-proxy-plugin" {
				t.Fatalf("%s %s: %d %s %v", c.method, c.path, status, body, header)
			}
		}
		// A server's log comes through a pipe, after its answer.
		s.until("the targets log the requests", func() bool { return asked(c.method+" "+c.upstream) >= times })
		if got := asked(c.method + " " + c.upstream); got != times {
			t.Errorf("%s %s: the targets were asked %d times for %d requests", c.method, c.path, got, times)
		}
	}
	for name, x := range p.targets() {
		if x.Ejected || x.Health != "healthy" || x.Requests == 0 {
			t.Errorf("after 404 and 501, %s is %+v", name, x)
		}
	}
	s.systemPages(p)

	// One target stops: nobody notices, and the breaker opens.
	servers[0].stop()
	for range 60 {
		for _, method := range []string{"GET", "POST"} {
			if status, body, _ := ask(&curl, method, s.proxy+"/api/users", "{}"); status != 404 && status != 501 {
				t.Fatalf("%s with one target gone: %d %s", method, status, body)
			}
		}
	}
	if gone := p.targets()["backend-1"]; !gone.Ejected {
		t.Errorf("the target that is gone is %+v", gone)
	}
	if status, _ := s.get(s.proxy + "/health"); status != 200 {
		t.Errorf("the proxy's health is %d", status)
	}
}

// systemPages checks health and metrics, on the proxy and on the admin listener.
func (s *site) systemPages(p *process) {
	s.Helper()
	var health struct{ Status, Timestamp, Version string }
	if status, body := s.get(s.proxy + "/health"); status != 200 || json.Unmarshal([]byte(body), &health) != nil ||
		health.Status != "healthy" || health.Version != "1.0.0" || !strings.HasPrefix(health.Timestamp, "20") {
		s.Errorf("health: %d %s", status, body)
	}
	var figures struct {
		Targets []struct {
			Name  string `json:"target_name"`
			Total int    `json:"total_requests"`
		}
		Aggregated struct {
			Total int `json:"total_requests"`
		}
	}
	status, body, header := ask(&curl, http.MethodGet, s.proxy+"/metrics", "")
	if err := json.Unmarshal([]byte(body), &figures); err != nil || status != 200 || header.Get("Content-Type") != "application/json" {
		s.Fatalf("metrics of the proxy: %d %v %s", status, err, body)
	}
	if len(figures.Targets) != 3 || figures.Targets[1].Name != "backend-2" || figures.Targets[1].Total == 0 || figures.Aggregated.Total != 96 {
		s.Errorf("metrics of the proxy: %+v", figures)
	}
	status, body = s.get(p.admin + "/metrics")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil || status != 200 {
		s.Fatalf("metrics: %d %v", status, err)
	}
	requests := 0.0
	for _, m := range families["envoy_cluster_upstream_rq_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.Label {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["node"] != "sidecar" {
			s.Errorf("labels %v", labels)
		}
		if labels["envoy_cluster_name"] == "default" {
			requests = m.GetCounter().GetValue()
		}
	}
	if requests != 96 || families["backworks_envoys_reached"].GetMetric()[0].GetGauge().GetValue() != 1 {
		s.Errorf("%v requests, %v", requests, families["backworks_envoys_reached"])
	}
}
