package translate_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// upstream is a server by TLS, with a certificate of f for names; clients need one of f's
// where that is said.
func (f *folder) upstream(clients bool, least uint16, names ...string) string {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Sni", r.TLS.ServerName)
		w.Header().Set("X-Host", r.Host)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{f.ca.Sign(day, names...).TLS(f.T)}, MaxVersion: least}
	if clients {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, f.ca.Pool()
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // those that are refused are meant to be
	s.StartTLS()
	f.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// Targets are verified by the authorities and the name that the pool says, and are shown
// its certificate. What does not fit is not spoken to.
func TestUpstreamTLS(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("client.example")
	others := newFolder(t)
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        sni: {targets: [$NAMED], resolve: envoy, tls: {ca: $DIR/ca.pem, sni: name.example}}
        host: {targets: [$LOCAL], resolve: envoy, tls: {ca: $DIR/ca.pem}}
        wildcard: {targets: [$WILD], resolve: envoy, tls: {ca: $DIR/ca.pem, sni: a.wild.example}}
        wrong_name: {targets: [$LOCAL], resolve: envoy, tls: {ca: $DIR/ca.pem, sni: name.example}}
        wrong_host: {targets: [$NAMED], resolve: envoy, tls: {ca: $DIR/ca.pem}}
        wrong_ca: {targets: [$LOCAL], resolve: envoy, tls: {ca: $OTHERS/ca.pem}}
        system: {targets: [$LOCAL], resolve: envoy}
        several: {targets: [$LOCAL, $ADDRESS], load_balancing: round_robin, resolve: envoy, tls: {ca: $DIR/ca.pem}}
        old: {targets: [$OLD], resolve: envoy, tls: {ca: $DIR/ca.pem, min_version: 1.3}}
        unverified: {targets: [$LOCAL], resolve: envoy, tls: {verify: false}}
        mutual: {targets: [$MUTUAL], resolve: envoy, tls: {ca: $DIR/ca.pem, certificate: $DIR/client.example.pem, key: $DIR/client.example.key}}
        without: {targets: [$MUTUAL], resolve: envoy, tls: {ca: $DIR/ca.pem}}
endpoints:
  - {path: /sni, upstream: sni}
  - {path: /host, upstream: host}
  - {path: /wildcard, upstream: wildcard}
  - {path: /wrong_name, upstream: wrong_name}
  - {path: /wrong_host, upstream: wrong_host}
  - {path: /wrong_ca, upstream: wrong_ca}
  - {path: /system, upstream: system}
  - {path: /several, upstream: several}
  - {path: /old, upstream: old}
  - {path: /unverified, upstream: unverified}
  - {path: /mutual, upstream: mutual}
  - {path: /without, upstream: without}
`, map[string]string{
		"DIR": f.dir, "OTHERS": others.dir, "NAMED": f.upstream(false, 0, "name.example"), "LOCAL": f.upstream(false, 0, "localhost"),
		"ADDRESS": strings.Replace(f.upstream(false, 0, "127.0.0.1"), "localhost", "127.0.0.1", 1), "WILD": f.upstream(false, 0, "*.wild.example"), "OLD": f.upstream(false, tls.VersionTLS12, "localhost"), "MUTUAL": f.upstream(true, 0, "localhost"),
	})
	for path, want := range map[string]string{
		"/sni": "name.example", "/host": "localhost", "/wildcard": "a.wild.example", "/unverified": "localhost", "/mutual": "localhost",
		"/wrong_name": "", "/wrong_host": "", "/wrong_ca": "", "/system": "", "/old": "", "/without": "",
	} {
		resp, body := p.ask(t, "GET", path)
		if got := resp.Header.Get("X-Sni"); (want != "") != (resp.StatusCode == 200) || got != want {
			t.Errorf("%s: %d %q %s", path, resp.StatusCode, got, body)
		}
	}
	// Each target of a pool is asked for by its own name; an address is none.
	asked := map[string]bool{}
	for range 4 {
		resp, _ := p.ask(t, "GET", "/several", "Host: shop.example")
		asked[strconv.Itoa(resp.StatusCode)+resp.Header.Get("X-Sni")] = true
	}
	if !asked["200localhost"] || !asked["200"] || len(asked) != 2 {
		t.Errorf("several: %v", asked)
	}
}
