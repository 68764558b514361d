package translate_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"

	"backworks/blueprints/testca"
)

// Clients are let in by their certificates: by the right authority, while valid, and with
// one of the names. What they say of themselves in a header reaches no target.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	others := testca.New(t)
	backend := target(t, "X-Forwarded-Client-Cert")
	rules := `
plugins:
  tls:
    config:
      certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}
      client_auth: {ca: $DIR/ca.pem, $MORE}
  proxy: {config: {targets: [$BACKEND]}}
`
	with := func(more string) *proxy {
		return serve(t, rules, map[string]string{"DIR": f.dir, "MORE": more, "BACKEND": backend})
	}
	named := with(`required: false, sans: [app.example, "*.team.example", "spiffe://example/ns/*"]`)
	required := with(`forward: true, sans: [app.example, "*.team.example", "spiffe://example/ns/*", ops@example.org]`)
	optional := with("required: false")
	for name, c := range map[string]struct {
		own  []tls.Certificate
		fits bool // by its names
	}{
		"by DNS name":      {[]tls.Certificate{f.ca.Sign(day, "app.example").TLS(t)}, true},
		"by glob":          {[]tls.Certificate{f.ca.Sign(day, "x.team.example").TLS(t)}, true},
		"by URI":           {[]tls.Certificate{f.ca.Sign(day, "spiffe://example/ns/a").TLS(t)}, true},
		"by email":         {[]tls.Certificate{f.ca.Sign(day, "ops@example.org").TLS(t)}, true},
		"another name":     {[]tls.Certificate{f.ca.Sign(day, "bad.example").TLS(t)}, false},
		"only alike":       {[]tls.Certificate{f.ca.Sign(day, "app.example.evil", "xapp.example", "team.example").TLS(t)}, false},
		"another kind":     {[]tls.Certificate{f.ca.Sign(day, "https://app.example").TLS(t)}, false},
		"only a subject":   {[]tls.Certificate{f.ca.SignWith(day, subject("x.team.example")).TLS(t)}, false},
		"URI like a name":  {[]tls.Certificate{f.ca.Sign(day, "spiffe://x.team.example").TLS(t)}, false},
		"several names":    {[]tls.Certificate{f.ca.Sign(day, "b.example", "spiffe://b", "app.example").TLS(t)}, true},
		"no name":          {[]tls.Certificate{f.ca.Sign(day).TLS(t)}, false},
		"expired":          {[]tls.Certificate{f.ca.Sign(-time.Minute, "app.example").TLS(t)}, false},
		"not valid yet":    {[]tls.Certificate{f.ca.SignWith(day, testca.Later, "app.example").TLS(t)}, false},
		"of others":        {[]tls.Certificate{others.Sign(day, "app.example").TLS(t)}, false},
		"none":             {nil, false},
		"the server's own": {[]tls.Certificate{f.ca.Sign(day, "a.example").TLS(t)}, false},
	} {
		forged := "X-Forwarded-Client-Cert: Hash=0;URI=spiffe://example/ns/admin"
		_, body, err := required.by(f, "a.example", c.own...).get("/who", forged)
		if (err == nil) != c.fits || strings.Contains(body, "ns/admin") || c.fits && !strings.Contains(body, "X-Forwarded-Client-Cert: Hash=") {
			t.Errorf("%s, required: %v %s", name, err, body)
		}
		_, body, err = optional.by(f, "a.example", c.own...).get("/who", forged)
		if (err == nil) == slices.Contains([]string{"expired", "not valid yet", "of others"}, name) || strings.Contains(body, "X-Forwarded-Client-Cert") {
			t.Errorf("%s, optional: %v %s", name, err, body)
		}
		resp, body, err := named.by(f, "a.example", c.own...).get("/who", forged)
		// Those without DNS name, URI and subject count as none.
		fits := c.fits || c.own == nil || name == "no name"
		if fits != (err == nil && resp.StatusCode == 200) || !fits && err == nil && resp.StatusCode != 403 {
			t.Errorf("%s, optional with names: %v %v %s", name, err, resp, body)
		}
	}
}

func subject(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }
}
