package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"backworks/blueprints/testca"
)

// secureTarget is a target by TLS that takes every request on a connection of its own, and
// asks for a certificate.
type secureTarget struct {
	*httptest.Server
	own  atomic.Pointer[tls.Certificate]
	seen atomic.Pointer[string] // the number of the certificate that it was shown last
}

func newSecureTarget(t *testing.T, own testca.Pair, clients *testca.Authority) *secureTarget {
	t.Helper()
	s := &secureTarget{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := r.TLS.PeerCertificates[0].SerialNumber.String()
		s.seen.Store(&number)
		_, _ = io.WriteString(w, "one")
	}))
	s.show(t, own)
	s.TLS = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.own.Load(), nil },
		ClientAuth:     tls.RequireAndVerifyClientCert, ClientCAs: clients.Pool(), SessionTicketsDisabled: true,
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.SetKeepAlivesEnabled(false)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *secureTarget) show(t *testing.T, own testca.Pair) {
	t.Helper()
	c := own.TLS(t)
	s.own.Store(&c)
}

// Authorities and the certificate that targets are shown are replaced under load: nothing is
// lost, and the old authority is not trusted any more.
func TestUpstreamCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.proxy = fmt.Sprintf("http://127.0.0.1:%d", s.port)
	old, next := testca.New(t), testca.New(t)
	target := newSecureTarget(t, old.Sign(day, "orders.internal"), s.ca)
	s.renew(90 * day)
	s.write("tls/ca.pem", string(old.PEM()))
	s.write("main.yaml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      targets: [%q]
      tls: {sni: orders.internal, ca: tls/ca.pem, certificate: tls/a.pem, key: tls/a.key}
`, s.port, target.URL))
	s.start().live()
	well := func(status int, body string) bool { return status == 200 && body == "one" }
	l := run(400, func(int) string { return s.proxy + "/" }, well)
	for range 20 {
		number := s.renew(90 * day).String()
		s.until("the target is shown the renewed one", func() bool { seen := target.seen.Load(); return seen != nil && *seen == number })
	}
	s.write("tls/ca.pem", string(slices.Concat(old.PEM(), next.PEM())))
	renewed := newSecureTarget(t, next.Sign(day, "orders.internal"), s.ca) // by what both are trusted, tried aside
	probe := fmt.Sprintf("  - {path: /probe, config: {proxy: {targets: [%q], tls: {sni: orders.internal, ca: tls/ca.pem, certificate: tls/a.pem, key: tls/a.key}}}}\n", renewed.URL)
	s.write("main.yaml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      targets: [%q]
      tls: {sni: orders.internal, ca: tls/ca.pem, certificate: tls/a.pem, key: tls/a.key}
endpoints:
  - {path: /}
%s`, s.port, target.URL, probe))
	s.until("both are trusted", func() bool { return well(s.get(s.proxy + "/probe")) })
	target.show(t, next.Sign(day, "orders.internal"))
	l.end(t)
	s.write("tls/ca.pem", string(next.PEM()))
	renewed.show(t, old.Sign(day, "orders.internal"))
	s.until("the old one is not trusted", func() bool { status, _ := s.get(s.proxy + "/probe"); return status == 503 })
	if !well(s.get(s.proxy + "/")) {
		t.Error("the new one is not trusted")
	}
}
