package translate_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"backworks/blueprints/testca"
	"backworks/envoy"
	"backworks/envoy/testport"
)

const day = 24 * time.Hour

// folder has the files of a test's certificates; "$DIR" in blueprints stands for it.
type folder struct {
	*testing.T
	dir string
	ca  *testca.Authority
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	f := &folder{t, t.TempDir(), testca.New(t)}
	testca.Write(t, filepath.Join(f.dir, "ca.pem"), f.ca.PEM())
	return f
}

// has makes a certificate for names, the first of which is the files' stem.
func (f *folder) has(names ...string) testca.Pair {
	f.Helper()
	p := f.ca.Sign(90*day, names...)
	p.Save(f.T, f.dir, strings.ReplaceAll(names[0], "*", "any"))
	return p
}

// asker is a client of the proxy by TLS.
type asker struct {
	*testing.T
	address string
	config  *tls.Config
}

func (p *proxy) by(f *folder, name string, own ...tls.Certificate) *asker {
	return &asker{f.T, strings.TrimPrefix(p.url, "http://"), &tls.Config{RootCAs: f.ca.Pool(), ServerName: name, Certificates: own, NextProtos: []string{"h2", "http/1.1"}}}
}

// get asks for a path of https://name.
func (a *asker) get(path string, headers ...string) (*http.Response, string, error) {
	a.Helper()
	transport := &http.Transport{TLSClientConfig: a.config, ForceAttemptHTTP2: len(a.config.NextProtos) > 1, DisableKeepAlives: true}
	transport.DialContext = (&hardwired{a.address}).dial
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(a.Context(), http.MethodGet, "https://"+a.config.ServerName+path, http.NoBody)
	if err != nil {
		a.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Add(name, value)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func (a *asker) must(path string, headers ...string) (*http.Response, string) {
	a.Helper()
	resp, body, err := a.get(path, headers...)
	if err != nil {
		a.Fatal(err)
	}
	return resp, body
}

// A client gets the certificate of the name that it asks for, exact before wildcard, and
// the first where none is of that name. Old versions of TLS are refused, however they are
// asked for, and so is plain HTTP.
func TestTLSNames(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("first.example")
	f.has("two.example")
	f.has("*.wild.example")
	f.has("own.wild.example")
	p := serve(t, `
plugins:
  tls:
    config:
      certificates:
        - {certificate: $DIR/first.example.pem, key: $DIR/first.example.key}
        - {certificate: $DIR/two.example.pem, key: $DIR/two.example.key}
        - {certificate: $DIR/any.wild.example.pem, key: $DIR/any.wild.example.key}
        - {certificate: $DIR/own.wild.example.pem, key: $DIR/own.wild.example.key}
      hsts: {max_age: 720h, include_subdomains: true}
endpoints:
  - {path: /up, method: GET, config: {static: {body: {scheme: "{{scheme}}"}}}}
`, map[string]string{"DIR": f.dir})
	for asked, got := range map[string]string{
		"first.example": "first.example", "two.example": "two.example", "a.wild.example": "*.wild.example",
		"own.wild.example": "own.wild.example",
		// Those that no certificate is for.
		"none.example": "first.example", "a.b.wild.example": "first.example", "wild.example": "first.example",
	} {
		a := p.by(f, asked)
		a.config.InsecureSkipVerify = true // which one it is, is seen below
		resp, body := a.must("/up")
		if name := resp.TLS.PeerCertificates[0].DNSNames[0]; name != got || resp.StatusCode != 200 || !strings.Contains(body, `{"scheme":"https"}`) {
			t.Errorf("%s: got the one of %s, %d %s", asked, name, resp.StatusCode, body)
		}
		if resp.ProtoMajor != 2 {
			t.Errorf("%s: it speaks %s", asked, resp.Proto)
		}
	}
	// Whoever has a connection by one name may ask for the host of another: there is
	// nothing that only one of them may have.
	if resp, _ := p.by(f, "first.example").must("/up", "Host: two.example"); resp.StatusCode != 200 {
		t.Errorf("another host: %d", resp.StatusCode)
	}
	for _, path := range []string{"/up", "/none", "/health"} {
		if resp, _ := p.by(f, "two.example").must(path); resp.Header.Get("Strict-Transport-Security") != "max-age=2592000; includeSubDomains" {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		a := p.by(f, "two.example")
		a.config.MinVersion, a.config.MaxVersion = tls.VersionTLS10, version
		if _, _, err := a.get("/up"); (err == nil) != ok {
			t.Errorf("TLS %x: %v", version, err)
		}
	}
	weak := p.by(f, "two.example")
	weak.config.MaxVersion, weak.config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	if _, _, err := weak.get("/up"); err == nil {
		t.Error("weak ciphers are spoken")
	}
	if resp, err := http.Get(p.url + "/up"); err == nil {
		_ = resp.Body.Close()
		t.Error("plain HTTP is spoken:", resp.StatusCode)
	}
}

// With 1.3 there is no older version, and without http2 none of it.
func TestTLSVersions(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	p := serve(t, `
server: {header_timeout: 500ms}
plugins: {tls: {config: {certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}, min_version: 1.3, http2: false}}}
endpoints: [{path: /up, method: GET, config: {static: {body: up}}}]
`, map[string]string{"DIR": f.dir})
	a := p.by(f, "a.example")
	if resp, _ := a.must("/up"); resp.ProtoMajor != 1 || resp.TLS.Version != tls.VersionTLS13 || resp.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%s by TLS %x: %v", resp.Proto, resp.TLS.Version, resp.Header)
	}
	a.config.MaxVersion = tls.VersionTLS12
	if _, _, err := a.get("/up"); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
	// A client that says nothing is let go.
	silent, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	if err := silent.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that says nothing: %v", err)
	}
}

// Plain HTTP is sent to HTTPS, with its path, query and method, and says nothing of HSTS.
func TestTLSRedirect(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	for public, want := range map[int]string{0: ":8443", 443: "", 9443: ":9443"} {
		t.Run(strconv.Itoa(public), func(t *testing.T) {
			t.Parallel()
			port := testport.Free(t)
			more := ""
			if public != 0 {
				more = ", public_port: " + strconv.Itoa(public)
			}
			serve(t, `
server: {host: 127.0.0.1, port: 8443}
plugins: {tls: {config: {certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}, redirect_port: $PORT, hsts: true$MORE}}}
endpoints: [{path: /up, method: GET, config: {static: {body: up}}}]
`, map[string]string{"DIR": f.dir, "PORT": strconv.Itoa(port), "MORE": more})
			for _, host := range []string{"a.example", "a.example:" + strconv.Itoa(port), "a.example:80"} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+strconv.Itoa(port)+"/a%2Fb/../c?x=1&y=%20", strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				req.Host = host
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if got := resp.Header.Get("Location"); resp.StatusCode != 308 || got != "https://a.example"+want+"/a%2Fb/../c?x=1&y=%20" && got != "https://a.example"+want+"/c?x=1&y=%20" {
					t.Errorf("%s: %d %s", host, resp.StatusCode, got)
				}
				if resp.Header.Get("Strict-Transport-Security") != "" {
					t.Error("HSTS in plain HTTP")
				}
			}
		})
	}
}

// A rendering names the files of keys and holds none.
func TestRenderingHoldsNoKey(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	key, err := os.ReadFile(filepath.Join(f.dir, "a.example.key"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := envoy.Bootstrap{Admin: "127.0.0.1:1"}.Message()
	if err != nil {
		t.Fatal(err)
	}
	static(t, strings.ReplaceAll(`
plugins:
  tls: {config: {certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}}}
  proxy: {config: {targets: [https://192.0.2.1], tls: {certificate: $DIR/a.example.pem, key: $DIR/a.example.key}}}
`, "$DIR", f.dir)).AddTo(config)
	yaml, err := envoy.YAML(config)
	if err != nil {
		t.Fatal(err)
	}
	text := string(yaml)
	lines := strings.Split(string(key), "\n")
	if !strings.Contains(text, "a.example.key") || strings.Contains(text, lines[1]) || strings.Contains(text, "PRIVATE") {
		t.Error("the key is in the rendering")
	}
}
