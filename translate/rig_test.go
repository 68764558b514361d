package translate_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

var soak = os.Getenv("SOAK") != ""

// fillers are so many endpoints that Envoy finds its routes in a tree.
var fillers = func() string {
	var s strings.Builder
	for i := range 60 {
		fmt.Fprintf(&s, "  - {path: /filler/%d, method: GET, handler: static, config: {static: {body: no}}}\n", i)
	}
	return s.String()
}()

// proxy is a real Envoy on the rendering of a blueprint.
type proxy struct {
	url   string
	admin *envoy.Admin
}

// serve starts an Envoy on a blueprint; $NAME in it is replaced by targets[NAME].
func serve(t *testing.T, blueprint string, targets map[string]string) *proxy {
	t.Helper()
	return serveWith(t, blueprint, targets, func(*translate.Resources) {})
}

// serveWith lets change see the resources before Envoy does.
func serveWith(t *testing.T, blueprint string, targets map[string]string, change func(*translate.Resources)) *proxy {
	t.Helper()
	for name, url := range targets {
		blueprint = strings.ReplaceAll(blueprint, "$"+name, url)
	}
	r := static(t, blueprint)
	change(r)
	return launch(t, r.AddTo)
}

// launch starts an Envoy on its bootstrap with what fill adds.
func launch(t *testing.T, fill func(*bootstrapv3.Bootstrap)) *proxy {
	t.Helper()
	// A socket's path must be short, and t.TempDir has the test's name in it.
	dir, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	admin := envoy.UnixAddress(filepath.Join(dir, "a.sock"))
	config, err := envoy.Bootstrap{Admin: admin}.Message()
	if err != nil {
		t.Fatal(err)
	}
	fill(config)
	return start(t, dir, config, admin)
}

// static is the rendering of a blueprint.
func static(t *testing.T, blueprint string) *translate.Resources {
	t.Helper()
	r, problems := translate.Static(parse(t, blueprint), translate.State{})
	if r == nil {
		t.Fatal(problems)
	}
	return r
}

// parse loads a blueprint, which must be right.
func parse(t testing.TB, blueprint string) *blueprints.Blueprint {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.yaml")
	if err := os.WriteFile(file, []byte(blueprint), 0o600); err != nil {
		t.Fatal(err)
	}
	result := blueprints.NewLoader(blueprints.Options{Path: file}).Load()
	if err := result.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	bp := result.Set.Blueprints[0]
	if soak && !strings.Contains(blueprint, "/filler/") {
		// In soak the routes of all are a tree.
		bp.Endpoints = append(bp.Endpoints, parse(t, "endpoints:\n"+fillers).Endpoints...)
	}
	return bp
}

func start(t *testing.T, dir string, config *bootstrapv3.Bootstrap, admin envoy.Address) *proxy {
	t.Helper()
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	// Envoy picks a free port.
	a := config.StaticResources.Listeners[0].Address.GetSocketAddress()
	a.Address = "127.0.0.1"
	a.PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: 0}
	yaml, err := envoy.YAML(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, yaml, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", file, "--concurrency", "1", "--base-id", "0", "--use-dynamic-base-id", "--service-node", "node", "--service-cluster", "cluster", "-l", "warning", "--file-flush-interval-msec", "50")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := &proxy{admin: envoy.NewAdmin(admin)}
	poll(t, func() bool {
		_, live, err := p.admin.Ready(t.Context())
		return err == nil && live
	})
	listeners, err := p.admin.Listeners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + listeners[translate.ListenerName]
	return p
}

func poll(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("not within 20 s")
		}
	}
}

// ask sends one request, with headers as "Name: value".
func (p *proxy) ask(t *testing.T, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	return p.send(t, method, path, "", headers...)
}

// send is ask with a body.
func (p *proxy) send(t *testing.T, method, path, content string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = path // as it is, not normalised
	if strings.HasPrefix(path, "//") {
		req.URL.Opaque = "//" + req.URL.Host + path // else it would be taken for a host
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Add(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// target answers with what it was asked, one line each: method and URI, then Host
// and the named headers.
func target(t *testing.T, headers ...string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Target", "yes")
		lines := []string{r.Method + " " + r.RequestURI}
		for _, h := range headers {
			if h == "Host" {
				lines = append(lines, "Host: "+r.Host)
				continue
			}
			for _, v := range r.Header.Values(h) {
				lines = append(lines, h+": "+v)
			}
		}
		_, _ = io.WriteString(w, strings.Join(lines, "\n"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// hardwired leads every name to one address.
type hardwired struct{ address string }

func (h *hardwired) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, h.address)
}
