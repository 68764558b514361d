package e2e

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// guarded is a blueprint with secrets of all kinds, after edit i.
func guarded(s *site, target string, i int) string {
	rules, extra := "[{clients: partner}]", ""
	switch i % 4 {
	case 1:
		rules = fmt.Sprintf("[{clients: partner, paths: [/a, /edit%d]}, {sources: 192.0.2.%d}]", i, i)
	case 2: // the listener itself changes
		extra = "claims_to_headers: {X-User: sub}, "
	case 3:
		rules = "[{clients: [partner, shop]}]"
	}
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy: {config: {targets: [%q], transform_response: {headers: {X-Edit: "%d"}}}}
  auth:
    config:
      require: api_key
      api_key: {query: key, clients: {partner: file:partner, shop: file:shop}}
      basic: {users: {alice: file:alice}}
      jwt: {providers: {main: {%sissuer: i, audience: a, jwks: file:keys.json}}}
      oauth2: {authorization_endpoint: "https://a/", token_endpoint: "http://127.0.0.1:1/", client_id: c, client_secret: file:login}
      rules: %s
endpoints:
  - {path: /a, handler: proxy}
  - {path: /b, handler: proxy, config: {auth: {require: [basic, oauth2], rules: [{paths: /b}]}}}
  - {path: /open, handler: proxy, public: true}
`, s.port, target, i, extra, rules)
}

// TestAuthUnderLoad: edits of the plugin, and keys that are changed in their files, lose no
// request of a client whose key stays; nothing that people see has a secret in it.
func TestAuthUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	secrets := map[string]string{
		"partner": "hunter2-key-of-partner", "shop": "hunter2-key-of-shop-0", "alice": "hunter2-password",
		"login": "hunter2-secret-of-login", "shared": base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("hunter2", 5))),
	}
	for name, secret := range secrets {
		s.write(name, secret+"\n")
	}
	s.write("keys.json", `{"keys":[{"kty":"oct","alg":"HS256","k":"`+secrets["shared"]+`"}]}`)
	target := newBackend(s, "one").url
	s.write("main.yaml", guarded(s, target, 0))
	p := s.start("--", "--concurrency", "2").live()
	with := func(key string) string { return s.proxy + "/a?key=" + url.QueryEscape(key) }
	s.until("the key opens", func() bool { status, _ := s.get(with(secrets["partner"])); return status == 200 })
	l := run(300, func(int) string { return with(secrets["partner"]) }, func(status int, _ string) bool { return status == 200 })
	for i := 1; i <= 24; i++ {
		s.write("main.yaml", guarded(s, target, i))
		s.until(fmt.Sprintf("edit %d is live", i), func() bool {
			_, _, header := ask(&curl, http.MethodGet, with(secrets["partner"]), "")
			return header.Get("X-Edit") == fmt.Sprint(i)
		})
	}
	s.write("main.yaml", guarded(s, target, 3))
	for i := 1; i <= 5; i++ { // the file of a key alone
		before := secrets["shop"]
		secrets["shop"] = fmt.Sprintf("hunter2-key-of-shop-%d", i)
		s.write("shop", secrets["shop"])
		s.until("the new key opens", func() bool { status, _ := s.get(with(secrets["shop"])); return status == 200 })
		s.until("the key before does not", func() bool { status, _ := s.get(with(before)); return status == 401 })
	}
	l.end(t)
	if status, _ := s.get(s.proxy + "/open"); status != 200 {
		t.Error(status)
	}
	s.tellsNone(p, secrets)
}

// tellsNone looks for secrets in all that people see.
func (s *site) tellsNone(p *process, secrets map[string]string) {
	s.Helper()
	seen := map[string]string{"log": p.log.String(), "output": p.out.String()}
	for _, path := range []string{
		"/", "/metrics", "/metrics?format=json", "/api/v1/status", "/api/v1/targets", "/api/v1/history", "/api/v1/telemetry",
		"/api/v1/blueprint?blueprint=main.yaml", "/api/v1/resource?blueprint=main.yaml&type=LDS&name=proxy",
		"/api/v1/resource?blueprint=main.yaml&type=RDS&name=proxy", "/api/v1/resource?blueprint=main.yaml&type=SDS&name=auth/oauth2/token",
	} {
		status, body := s.get(p.admin + path)
		if status != 200 {
			s.Errorf("%s: %d %s", path, status, body)
		}
		seen[path] = body
	}
	if err := filepath.WalkDir(s.path("s"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		seen[path] = string(content)
		return err
	}); err != nil {
		s.Fatal(err)
	}
	for where, text := range seen {
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				s.Errorf("%s tells the secret of %s", where, name)
			}
		}
		if strings.Contains(text, "hunter2") {
			s.Errorf("%s tells a part of a secret", where)
		}
	}
}
