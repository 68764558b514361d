package e2e

import (
	"crypto/tls"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"backworks/blueprints/testca"
)

const day = 24 * time.Hour

// tlsSite is a site that speaks TLS by tls/a.pem and tls/a.key.
type tlsSite struct {
	*site
	ca *testca.Authority
}

func newTLSSite(t *testing.T) *tlsSite {
	t.Helper()
	s := &tlsSite{newSite(t), testca.New(t)}
	s.proxy = fmt.Sprintf("https://a.example:%d", s.port)
	if err := os.Mkdir(s.path("tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// text is a blueprint that speaks TLS, with more in the plugin's config.
func (s *tlsSite) text(more, target string) string {
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  tls: {config: {certificates: [{certificate: tls/a.pem, key: tls/a.key}]%s}}
  proxy: {config: {targets: [%q], retry_attempts: 1}}
`, s.port, more, target)
}

// renew puts another certificate in place and returns its number.
func (s *tlsSite) renew(expires time.Duration) *big.Int {
	s.Helper()
	p := s.ca.Sign(expires, "a.example")
	p.Save(s.TB, s.path("tls"), "a")
	return p.TLS(s.TB).Leaf.SerialNumber
}

// client speaks to the proxy by TLS, whatever name it asks for.
func (s *tlsSite) client(lasting bool) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.ca.Pool()}, ForceAttemptHTTP2: true, DisableKeepAlives: !lasting,
		Dial: func(string, string) (net.Conn, error) { return net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port)) },
	}}
}

// shown is the number of the certificate that a new client gets; nil: none.
func (s *tlsSite) shown() *big.Int {
	c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), &tls.Config{RootCAs: s.ca.Pool(), ServerName: "a.example"})
	if err != nil {
		return new(big.Int)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber
}

func (p *process) problems() string {
	_, body := p.get(p.admin + "/api/v1/status")
	return body
}
