package e2e

import (
	"crypto/tls"
	"fmt"
	"testing"

	"backworks/blueprints/testca"
)

// Another authority of clients holds for every handshake from then on: whoever was let in
// by the one before is not, neither anew nor by a session that it has kept.
func TestClientAuthorityIsReplaced(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	s.renew(90 * day)
	old, next := testca.New(t), testca.New(t)
	s.write("tls/clients.pem", string(old.PEM()))
	s.write("main.yaml", s.text(", client_auth: {ca: tls/clients.pem}", newBackend(s, "one").url))
	s.start().live()
	sessions := map[*testca.Authority]tls.ClientSessionCache{old: tls.NewLRUClientSessionCache(8), next: tls.NewLRUClientSessionCache(8)}
	own := map[*testca.Authority]tls.Certificate{old: old.Sign(day, "client.example").TLS(t), next: next.Sign(day, "client.example").TLS(t)}
	in := func(by *testca.Authority, version uint16) (let, resumed bool) {
		c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), &tls.Config{
			RootCAs: s.ca.Pool(), ServerName: "a.example", Certificates: []tls.Certificate{own[by]}, ClientSessionCache: sessions[by], MaxVersion: version,
		})
		if err != nil {
			return false, false
		}
		defer c.Close()
		// With TLS 1.3 a refusal comes after the handshake, and tickets do.
		_, err = fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		return err == nil, c.ConnectionState().DidResume
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s.until("the client is let in, and comes back", func() bool { let, resumed := in(old, version); return let && resumed })
		if let, _ := in(next, version); let {
			t.Error("the client of another authority is let in")
		}
	}
	s.write("tls/clients.pem", string(next.PEM()))
	s.until("the next one is let in", func() bool { let, _ := in(next, 0); return let })
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if let, resumed := in(old, version); let {
			t.Errorf("the client is let in, by a session of before: %v", resumed)
		}
	}
}
