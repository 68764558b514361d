package e2e

import (
	"crypto/tls"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"backworks/blueprints/testca"
	"backworks/envoy/testport"
)

// Certificates are renewed under load, with broken ones and edits of the plugin in
// between: no request is lost, over old connections or new ones, and no broken one is
// shown to anybody.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	target := newBackend(s, "one")
	number := s.renew(90 * day)
	s.write("main.yaml", s.text("", target.url))
	p := s.start("--", "--concurrency", "2").live()
	l := runBy(s.client(true), s.client(false), 400, func(int) string { return s.proxy + "/" },
		func(status int, body string) bool { return status == 200 && body == "one" })
	for i := range 80 {
		switch i % 4 {
		case 0:
			number = s.renew(90 * day)
			s.until("the renewed one is shown", func() bool { return s.shown().Cmp(number) == 0 })
		case 1: // in place, and so not both at once
			renewed := s.ca.Sign(90*day, "a.example")
			s.truncate("tls/a.pem", string(renewed.Cert))
			s.truncate("tls/a.key", string(renewed.Key))
			number = renewed.TLS(t).Leaf.SerialNumber
			s.until("the renewed one is shown", func() bool { return s.shown().Cmp(number) == 0 })
		case 2:
			bad := s.ca.Sign(90*day, "a.example")
			bad.Key = s.ca.Sign(day, "a.example").Key
			bad.Save(t, s.path("tls"), "a")
			s.until("the broken one is told of", func() bool {
				return strings.Contains(p.problems(), "the certificate is refused: the key is another certificate's; the one before is kept")
			})
		case 3:
			s.write("main.yaml", s.text(fmt.Sprintf(`, min_version: "1.%d", http3: %v, hsts: {max_age: %d}`, 2+i/4%2, i/4%2 == 0, i), target.url))
			s.until("the edit is live", func() bool {
				_, _, header := ask(s.client(false), http.MethodGet, s.proxy+"/", "")
				return header.Get("Strict-Transport-Security") == fmt.Sprintf("max-age=%d", i)
			})
		}
		if got := s.shown(); got.Cmp(number) != 0 {
			t.Errorf("%d: %v is shown, want %v", i, got, number)
		}
	}
	l.end(t)
	// A restart has nothing to go back to: keys are kept nowhere. It says so.
	p.kill(syscall.SIGTERM)
	s.write("tls/a.key", "broken")
	p = s.start()
	<-p.ended
	if text := p.log.String(); !strings.Contains(text, "main.yaml:3:33: plugins.tls.config.certificates[0]: the certificate cannot be used: the key is none that can be read") {
		t.Errorf("it says %s", text)
	}
}

// What will not be valid for long is told by log, status and metric.
func TestCertificatesExpire(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.renew(20*day + time.Hour)
	s.write("main.yaml", s.text("", newBackend(s, "one").url))
	p := s.start().live()
	want := "main.yaml:3:33: warning: a.pem expires in 20 days, at "
	if !strings.Contains(p.log.String(), want) || !strings.Contains(p.problems(), want) {
		t.Errorf("the log has %s", p.log.String())
	}
	series := fmt.Sprintf(`backworks_tls_certificate_expiry_timestamp_seconds{blueprint=%q,certificate="listener/certificate/0",file=%q}`, s.path("main.yaml"), s.path("tls/a.pem"))
	first := p.metric(series)
	s.renew(22 * day)
	s.until("it is renewed", func() bool { return !strings.Contains(p.problems(), "expires in") && p.metric(series) != first })
	if p.metric(series) == "" || first == "" {
		t.Error("there is no metric")
	}
}

// The certificate for development is made once.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.write("main.yaml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  tls: {config: {self_signed: true, hsts: true}}
  proxy: {config: {targets: [%q]}}
endpoints: [{path: /a}]
`, s.port, newBackend(s, "one").url))
	var before []byte
	for range 2 {
		p := s.start().live()
		files, err := filepath.Glob(s.path("s/self-signed-*"))
		if err != nil || len(files) != 2 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
				t.Error(f, info.Mode(), err)
			}
		}
		c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		leaf := c.ConnectionState().PeerCertificates[0]
		_ = c.Close()
		if err := leaf.VerifyHostname("localhost"); err != nil || leaf.VerifyHostname("127.0.0.1") != nil {
			t.Error(err)
		}
		if before != nil && string(before) != string(leaf.Raw) {
			t.Error("a restart makes another one")
		}
		before = leaf.Raw
		if url := fmt.Sprintf("https://127.0.0.1:%d", s.port); !strings.Contains(p.out.String(), "proxy   "+url+"\n        curl -k "+url+"/a\n") {
			t.Errorf("it tells %s", p.out.String())
		}
		p.kill(syscall.SIGTERM)
	}
}

// No key is in what the program says, keeps or shows.
func TestKeysAreToldToNobody(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.renew(90 * day)
	s.ca.Sign(90*day, "client.example").Save(t, s.path("tls"), "c")
	s.write("tls/ca.pem", string(s.ca.PEM()))
	s.write("main.yaml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}}}
  proxy: {config: {targets: ["https://127.0.0.1:%d"], tls: {ca: tls/ca.pem, certificate: tls/c.pem, key: tls/c.key}}}
`, s.port, testport.Free(s)))
	p := s.start("-v").live()
	s.until("it is shown", func() bool { return s.shown().Sign() > 0 })
	said := map[string]string{}
	for _, path := range []string{"/", "/metrics", "/api/v1/status", "/api/v1/targets", "/api/v1/history", "/api/v1/blueprint?blueprint=" + s.path("main.yaml"), "/api/v1/telemetry", "/api/v1/openapi.yaml"} {
		_, said[path] = p.get(p.admin + path)
	}
	for _, args := range [][]string{{"render", "main.yaml"}, {"render", "--resources", "main.yaml"}, {"validate", "main.yaml", "--envoy-path", s.envoy}} {
		c := exec.Command(program, args...)
		c.Dir = s.dir
		out, err := c.CombinedOutput()
		if said[args[0]+args[1]] = string(out); err != nil {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	key, err := os.ReadFile(s.path("tls/a.key"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("tls/a.key", string(key[:len(key)/2])) // what is refused is told no more of
	s.until("it is told of", func() bool { return strings.Contains(p.problems(), "is refused") })
	p.kill(syscall.SIGTERM)
	said["log"], said["out"] = p.log.String(), p.out.String()
	err = filepath.WalkDir(s.path("s"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			said[path] = string(content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := os.ReadFile(s.path("tls/c.key"))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range said {
		for _, k := range [][]byte{key, client} {
			secret := strings.Split(string(k), "\n")[1]
			if strings.Contains(text, secret) || strings.Contains(text, secret[8:40]) || strings.Contains(text, "PRIVATE KEY") {
				t.Errorf("a key is in %s", what)
			}
		}
	}
	if !strings.Contains(said["render--resources"], "a.key") {
		t.Error("the rendering names no key")
	}
}

// What only Envoy finds fault with goes back by itself, and is told at its place.
func TestEnvoyRefusesACertificate(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	number := s.renew(90 * day)
	s.write("main.yaml", s.text("", newBackend(s, "one").url))
	p := s.start().live()
	s.until("it is shown", func() bool { return s.shown().Cmp(number) == 0 })
	s.ca.SignWith(90*day, testca.MustStaple, "a.example").Save(t, s.path("tls"), "a")
	s.until("it is told of", func() bool {
		_, said := p.status().refused("SDS")
		return strings.Contains(said, "OCSP response is required for must-staple certificate") && strings.Contains(said, "listener/certificate/0 main.yaml:3:33") ||
			strings.Contains(p.problems(), "must-staple")
	})
	if s.shown().Cmp(number) != 0 {
		t.Error("it is shown")
	}
	number = s.renew(90 * day)
	s.until("the next one is shown", func() bool { return s.shown().Cmp(number) == 0 })
}

// A secret of Kubernetes is replaced by a symlink in the middle of the path, and asked for
// by a signal where nothing is watched.
func TestCertificatesBehindSymlinks(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	put := func(version string) *big.Int {
		if err := os.Mkdir(s.path("tls/"+version), 0o700); err != nil {
			t.Fatal(err)
		}
		pair := s.ca.Sign(90*day, "a.example")
		pair.Save(t, s.path("tls/"+version), "a")
		for _, err := range []error{os.Symlink(version, s.path("tls/..new")), os.Rename(s.path("tls/..new"), s.path("tls/..data"))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return pair.TLS(t).Leaf.SerialNumber
	}
	number := put("1")
	for _, f := range []string{"a.pem", "a.key"} {
		if err := os.Symlink("..data/"+f, s.path("tls/"+f)); err != nil {
			t.Fatal(err)
		}
	}
	s.write("main.yaml", s.text("", newBackend(s, "one").url))
	p := s.start().live()
	s.until("it is shown", func() bool { return s.shown().Cmp(number) == 0 })
	number = put("2")
	s.until("the next one is shown", func() bool { return s.shown().Cmp(number) == 0 })
	p.kill(syscall.SIGTERM)
	p = s.start("--watch=false").live()
	number = put("3")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("the last one is shown", func() bool { return s.shown().Cmp(number) == 0 })
}
