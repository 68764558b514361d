package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// rotated has all plugins that say who may pass, and how often.
func rotated(s *tlsSite, target string, edit int) string {
	limit, rule, origin := 1_000_000+edit, "[{clients: [partner, shop]}]", "https://app.example.com"
	if edit%3 == 1 {
		rule = fmt.Sprintf("[{clients: [partner, shop]}, {claims: {role: r%d}}]", edit)
	}
	if edit%3 == 2 {
		origin = fmt.Sprintf("https://app%d.example.com", edit)
	}
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  tls: {config: {certificate: {cert: tls/a.pem, key: tls/a.key}, min_version: "1.%d"}}
  cors: {config: {allow_origins: %q}}
  auth:
    config:
      require: [api_key, jwt]
      api_key: {query: key, clients: {partner: file:partner, shop: file:shop}}
      jwt: {providers: {main: {issuer: i, audience: a, jwks: file:keys.json}}}
      rules: %s
  rate_limit: {config: {limits: [{requests: %d, per: second, by: client}, {requests: %d, per: second, by: client_ip}]}}
  proxy: {config: {targets: [%q], retry_attempts: 1, transform_response: {headers: {X-Edit: "%d"}}}}
endpoints: [{path: /a}]
`, s.port, 2+edit%2, origin, rule, limit, limit, target, edit)
}

// TestAllRotatesUnderLoad: certificates, keys, limits, rules and origins change in turn, with
// broken ones in between. A client whose key stays loses no request, over old connections
// or new ones; one whose key was replaced is out, and a broken edit changes nothing.
func TestAllRotatesUnderLoad(t *testing.T) {
	t.Parallel()
	s := newTLSSite(t)
	target := newBackend(s, "one").url
	number := s.renew(90 * day)
	s.write("partner", "the-key-of-the-partner")
	s.write("shop", "the-key-of-the-shop-0")
	s.write("keys.json", `{"keys":[{"kty":"oct","alg":"HS256","k":"`+strings.Repeat("A", 43)+`"}]}`)
	s.write("main.yaml", rotated(s, target, 0))
	p := s.start("--", "--concurrency", "2").live()
	fresh := s.client(false)
	asks := func(key string) (int, http.Header) {
		status, _, header := ask(fresh, http.MethodGet, s.proxy+"/a?key="+key, "")
		return status, header
	}
	s.until("the key opens", func() bool { status, _ := asks("the-key-of-the-partner"); return status == 200 })
	l := runBy(s.client(true), s.client(false), 200, func(int) string { return s.proxy + "/a?key=the-key-of-the-partner" },
		func(status int, body string) bool { return status == 200 && body == "one" })
	for i := 1; i <= 60; i++ {
		switch i % 4 {
		case 0:
			number = s.renew(90 * day)
			s.until("the renewed one is shown", func() bool { return s.shown().Cmp(number) == 0 })
		case 1:
			s.write("shop", fmt.Sprintf("the-key-of-the-shop-%d", i))
			s.until("the new key opens", func() bool { status, _ := asks(fmt.Sprintf("the-key-of-the-shop-%d", i)); return status == 200 })
			s.until("the key before does not", func() bool {
				status, _ := asks(fmt.Sprintf("the-key-of-the-shop-%d", max(i-4, 0)))
				return status == 401
			})
		case 2:
			s.write("main.yaml", rotated(s, target, i))
			s.until("the edit is live", func() bool { _, h := asks("the-key-of-the-partner"); return h.Get("X-Edit") == fmt.Sprint(i) })
		case 3: // all at once, and broken
			s.write("shop", "two words")
			s.ca.Sign(-day, "a.example").Save(t, s.path("tls"), "a")
			s.until("it is told of", func() bool {
				said := p.problems()
				return strings.Contains(said, "a key must be one line") && strings.Contains(said, "the certificate is refused")
			})
			if status, _ := asks(fmt.Sprintf("the-key-of-the-shop-%d", i-2)); status != 200 || s.shown().Cmp(number) != 0 {
				t.Errorf("%d: %d with the key before, %v is shown, want %v", i, status, s.shown(), number)
			}
			s.write("shop", fmt.Sprintf("the-key-of-the-shop-%d", i-2))
		}
	}
	l.end(t)
}
