package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"

	"backworks/envoy/testport"
)

// envoyOn runs an Envoy as its own user would.
func (s *site) envoyOn(config string) {
	s.Helper()
	cmd := exec.Command(s.envoy, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "warning")
	var said buffer
	cmd.Stderr = &said
	cmd.Dir = s.dir
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
}

func TestRenderingRunsWithoutUs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(target.Close)
	// A name has to be resolved first.
	s.write("main.yaml", s.blueprint("n", strings.Replace(target.URL, "127.0.0.1", "localhost", 1)))
	got := call("render", filepath.Join(s.dir, "main.yaml"))
	if got.code != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	if strings.Contains(got.out, "load_stats_config") {
		t.Error("it reports its load to nobody")
	}
	s.write("envoy.yaml", got.out)
	if out, err := exec.Command(s.envoy, "--mode", "validate", "-c", filepath.Join(s.dir, "envoy.yaml")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.envoyOn("envoy.yaml")
	s.until(func() error { return s.says("n") })
	if status, _, err := get("http://" + s.proxy + "/to/it"); err != nil || status != http.StatusTeapot {
		t.Error(status, err)
	}
}

// TestRenderWarnsOfNumbers: Envoy's YAML reader makes strings of some.
func TestRenderWarnsOfNumbers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for body, warned := range map[string]bool{
		`{at: "{{now}}", n: 1.5}`: true, `{at: "{{now}}", l: [{n: 4294967296}]}`: true,
		`{at: "{{now}}", n: -3}`: false, `{n: 1.5}`: false, `"1.5 {{now}}"`: false,
	} {
		s.write("main.yaml", "endpoints: [{path: /, method: GET, handler: static, config: {static: {body: "+body+"}}}]\n")
		got := call("render", filepath.Join(s.dir, "main.yaml"))
		if got.code != 0 || strings.Contains(got.err, "main.yaml:1:13: endpoints[0]: warning: numbers in the body") != warned {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestRenderResources(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("one")
	got := call("render", "--resources", filepath.Join(s.dir, "main.yaml"))
	if got.code != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	decoder := yaml.NewDecoder(strings.NewReader(got.out))
	for _, want := range []string{"cluster.v3.Cluster", "endpoint.v3.ClusterLoadAssignment", "listener.v3.Listener", "route.v3.RouteConfiguration"} {
		var response struct {
			TypeURL   string `yaml:"type_url"`
			Resources []map[string]any
		}
		if err := decoder.Decode(&response); err != nil || !strings.HasSuffix(response.TypeURL, want) || len(response.Resources) == 0 {
			t.Errorf("%s: %v %+v", want, err, response)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	two := folder(t, map[string]string{"a.yaml": "nodes: {id: a}\n" + static, "b.yaml": "nodes: {id: b}\n" + static, "bad": bad})
	if got := call("render", two); got.code != 1 || !strings.Contains(got.err, "it has 2 blueprints, name the file of one") {
		t.Errorf("%+v", got)
	}
	if got := call("render", filepath.Join(two, "bad")); got.code != 1 || got.out != "" || !strings.Contains(got.err, "bad:3:16: ") {
		t.Errorf("%+v", got)
	}
	lost := folder(t, map[string]string{"main.yaml": "plugins: {proxy: {config: {targets: [{name: a, url: \"http://no.such.invalid:1\"}]}}}\nendpoints: [{path: /x, handler: proxy}]\n"})
	if got := call("render", lost); got.code != 0 || !strings.Contains(got.err, `warning: cannot resolve host "no.such.invalid", its targets are left out`) {
		t.Errorf("%d %s", got.code, got.err)
	}
}

// Envoys that others run, on a bootstrap of ours, in both variants of xDS.
func TestWithoutSidecar(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"", "--sotw"} {
		t.Run("bootstrap "+variant, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.serve("one")
			xds, admin, envoyAdmin := testport.Address(t), testport.Address(t), testport.Address(t)
			p := s.run("start", "--watch", "--envoy", "none", "--state-dir", "s", "--xds-listen", xds, "--admin-listen", admin,
				"--envoy-admin", "http://"+envoyAdmin).live()
			if !strings.Contains(p.out.String(), xds) {
				t.Error("it does not tell where xDS is")
			}
			file := filepath.Join(s.dir, "envoy.yaml")
			args := []string{"bootstrap", "--node-id", "edge-1", "--node-cluster", "edge", "--node-metadata", "region=eu", "--xds", xds,
				"--admin-address", admin, "--envoy-admin", envoyAdmin, "-o", file}
			if variant != "" {
				args = append(args, variant)
			}
			if got := call(args...); got != (called{}) {
				t.Fatalf("%+v", got)
			}
			s.envoyOn(file)
			s.until(func() error { return s.says("one") })
			s.serve("two")
			s.until(func() error { return s.says("two") })
			s.until(func() error {
				status, body, err := get("http://" + admin + "/ready")
				if err == nil && status != 200 {
					err = errors.New(body)
				}
				return err
			})
			status, body, err := get("http://" + admin + "/api/v1/status")
			if err != nil || status != 200 || !strings.Contains(body, `"edge-1"`) {
				t.Error(status, body, err)
			}
			if got := call("health", "--ready", "--admin", admin); got.code != 0 {
				t.Errorf("%+v", got)
			}
			s.until(func() error { // it reports its load
				_, body, err := get("http://" + admin + "/metrics")
				if err == nil && (!strings.Contains(body, "\nbackworks_lrs_streams 1\n") || strings.Contains(body, "\nbackworks_lrs_reports_total 0\n")) {
					err = errors.New("no load report")
				}
				return err
			})
			p.signal(syscall.SIGTERM)
			p.end(0)
			s.mustSay("two")
		})
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	address := testport.Address(t)
	p := s.run("demo", "--name", "shop", "--listen", address)
	s.until(func() error {
		response, err := client.Get("http://" + address + "/users")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if name := response.Header.Get("X-Backend"); name != "shop" {
			return fmt.Errorf("it is %q", name)
		}
		return nil
	})
	p.signal(syscall.SIGTERM)
	p.end(0)
}

// TestRenderKeepsSecrets: what clients alone know is printed where that is asked for.
func TestRenderKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	shared := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("shared", 6)))
	s.write("key", "the-key-of-the-partner")
	s.write("login", "the-secret-of-the-login")
	s.write("keys.json", `{"keys":[{"kty":"oct","alg":"HS256","k":"`+shared+`"}]}`)
	s.write("main.yaml", `
plugins:
  auth:
    config:
      jwt: {providers: {main: {issuer: i, audience: a, jwks: file:keys.json}}}
      api_key: {clients: {partner: file:key}}
      basic: {users: {alice: "{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw="}}
      oauth2: {authorization_endpoint: "https://a/", token_endpoint: "http://127.0.0.1/", client_id: a, client_secret: file:login}
endpoints: [{path: /, handler: static}]
`)
	secrets := []string{"the-key-of-the-partner", "the-secret-of-the-login", shared, "CEo1Ae3vaEXy8eQZjsOiuBz1xrw="}
	for _, form := range [][]string{nil, {"--resources"}} {
		args := append([]string{"render", filepath.Join(s.dir, "main.yaml")}, form...)
		got := call(args...)
		if got.code != 0 || !strings.Contains(got.err, "--secrets") {
			t.Errorf("%+v", got.err)
		}
		asked := call(append(args, "--secrets")...)
		for _, secret := range secrets {
			if strings.Contains(got.out+got.err, secret) {
				t.Errorf("%v: %s is printed", form, secret)
			}
			if !strings.Contains(asked.out, secret) {
				t.Errorf("%v: %s is not printed where it is asked for", form, secret)
			}
		}
	}
}
