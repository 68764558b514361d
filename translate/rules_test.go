package translate_test

import (
	"net/http"
	"strings"
	"testing"
)

const ruled = `
server: {trusted_hops: $hops}
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      jwt: {providers: {main: {issuer: https://id.example.com, audience: api, jwks: '$jwks'}}}
      api_key: {clients: {partner: "${NONE:-the-key-of-the-partner}", shop: "${NONE:-the-key-of-the-shop}"}}
endpoints:
  - {path: /admin/*, handler: proxy, config: {auth: {require: jwt, rules: [{claims: {realm.roles: [admin, root]}}, {claims: {email: "*@example.com", verified: true, level: 3}}]}}}
  - {path: /scope, handler: proxy, config: {auth: {require: jwt, rules: [{claims: {scope: write}}]}}}
  - {path: /url, handler: proxy, config: {auth: {require: jwt, rules: [{claims: {"https://example.com/role": admin}}]}}}
  - {path: /partner, handler: proxy, config: {auth: {require: api_key, rules: [{clients: partner}]}}}
  - {path: /either, handler: proxy, config: {auth: {rules: [{clients: [partner]}, {claims: {sub: alice}}]}}}
  - path: /docs/*
    handler: proxy
    config:
      auth:
        require: api_key
        rules:
          - {methods: GET}
          - {methods: [POST, DELETE], clients: partner}
          - {action: deny, paths: ["/docs/secret/*", "/docs/{id}/keys"]}
  - {path: /near, handler: proxy, config: {auth: {require: none, rules: [{sources: [127.0.0.0/8, "::1"]}]}}}
  - {path: /far, handler: proxy, config: {auth: {require: none, rules: [{sources: 192.0.2.7}]}}}
  - {path: /not-far, handler: proxy, config: {auth: {require: none, rules: [{action: deny, sources: 192.0.2.0/24}]}}}
  - {path: /public/*, handler: proxy, public: true}
`

// outcome is the status of a request, with headers as split has them.
func outcome(t *testing.T, p *proxy, method, path, headers string) int {
	t.Helper()
	resp, body := p.ask(t, method, path, split(headers)...)
	if resp.StatusCode == 403 && (resp.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(body, `{"error":"forbidden",`)) {
		t.Errorf("%s %s: %v %s", method, path, resp.Header, body)
	}
	return resp.StatusCode
}

// TestRules: who may pass by claims, clients, methods, paths and addresses.
func TestRules(t *testing.T) {
	t.Parallel()
	main := newIssuer(t)
	p := serve(t, strings.Replace(ruled, "$hops", "0", 1), map[string]string{"target": target(t), "jwks": main.jwks()})
	with := func(claims map[string]any) string { return "Authorization: Bearer " + main.token(claims) }
	type object = map[string]any
	const partner, shop = "X-API-Key: the-key-of-the-partner", "X-API-Key: the-key-of-the-shop"
	good := object{"email": "a@example.com", "verified": true, "level": 3}
	changed := func(key string, v any) object {
		return object{"email": good["email"], "verified": true, "level": 3, key: v}
	}
	for _, c := range []struct {
		method, path, headers string
		want                  int
	}{
		{"GET", "/admin/a", with(object{"realm": object{"roles": []string{"user", "admin"}}}), 200},
		{"GET", "/admin/a", with(object{"realm": object{"roles": "root"}}), 200},
		{"GET", "/admin/a", with(good), 200},
		{"GET", "/admin/a", with(changed("email", "a@example.com.evil.org")), 403},
		{"GET", "/admin/a", with(changed("verified", false)), 403},
		{"GET", "/admin/a", with(changed("level", 30)), 403},
		{"GET", "/admin/a", with(object{"realm": object{"roles": []string{"admins", "xadmin"}}}), 403},
		{"GET", "/admin/a", with(object{"roles": "admin", "realm.roles": "admin"}), 403},
		{"GET", "/admin/a", with(nil), 403},
		{"GET", "/admin/a", "", 401},
		{"GET", "/scope", with(object{"scope": "read write"}), 200},
		{"GET", "/scope", with(object{"scope": []string{"write"}}), 200},
		{"GET", "/scope", with(object{"scope": "read writer"}), 403},
		{"GET", "/url", with(object{"https://example.com/role": "admin"}), 200},
		{"GET", "/url", with(nil), 403},
		{"GET", "/partner", partner, 200},
		{"GET", "/partner", shop, 403},
		{"GET", "/partner", shop + "|X-Client-Id: partner", 403},
		{"GET", "/either", partner, 200},
		{"GET", "/either", with(nil), 200},
		{"GET", "/either", shop, 403},
		{"GET", "/either", with(object{"sub": "partner"}), 403},
		{"GET", "/either", with(object{"sub": "bob"}) + "|" + partner, 403},
		{"GET", "/docs/a", shop, 200},
		{"HEAD", "/docs/a", shop, 200},
		{"POST", "/docs/a", shop, 403},
		{"POST", "/docs/a", partner, 200},
		{"POST", "/docs/a", shop + "|X-HTTP-Method-Override: GET", 403},
		{"PUT", "/docs/a", partner, 403},
		{"GET", "/docs/secret/a", partner, 403},
		{"GET", "/docs/secret?a", partner, 403},
		{"GET", "/docs/7/keys?a", partner, 403},
		{"GET", "/docs/secrets", partner, 200},
		{"GET", "/near", "X-Forwarded-For: 192.0.2.7", 200},
		{"GET", "/far", "X-Forwarded-For: 192.0.2.7|X-Real-IP: 192.0.2.7|Forwarded: for=192.0.2.7|X-Envoy-External-Address: 192.0.2.7", 403},
		{"GET", "/not-far", "", 200},
	} {
		if got := outcome(t, p, c.method, c.path, c.headers); got != c.want {
			t.Errorf("%s %s %s: %d, want %d", c.method, c.path, c.headers, got, c.want)
		}
	}
}

// TestRulesBehindProxies: the address is what the trusted proxy in front says.
func TestRulesBehindProxies(t *testing.T) {
	t.Parallel()
	p := serve(t, strings.Replace(ruled, "$hops", "1", 1), map[string]string{"target": target(t), "jwks": newIssuer(t).jwks()})
	for _, c := range []struct {
		path, headers string
		want          int
	}{
		{"/far", "X-Forwarded-For: 192.0.2.7", 200},
		{"/far", "X-Forwarded-For: 192.0.2.7, 192.0.2.8", 403},
		{"/far", "X-Forwarded-For: 192.0.2.8, 192.0.2.7", 200},
		{"/not-far", "X-Forwarded-For: 192.0.2.8", 403},
		{"/not-far", "X-Forwarded-For: 198.51.100.1", 200},
	} {
		if got := outcome(t, p, http.MethodGet, c.path, c.headers); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.path, c.headers, got, c.want)
		}
	}
}

// TestDisguisedPaths: no spelling of a path leads from a public one to another, or past a
// rule. What comes back is a refusal, a redirect to the plain spelling, or what the
// target of the public path gets, below that path.
func TestDisguisedPaths(t *testing.T) {
	t.Parallel()
	p := serve(t, strings.Replace(ruled, "$hops", "0", 1), map[string]string{"target": target(t), "jwks": newIssuer(t).jwks()})
	const partner = "X-API-Key: the-key-of-the-partner"
	for _, path := range []string{
		"/public/../admin/a", "/public/%2e%2e/admin/a", "/public/.%2e/admin/a", "/public/..%2fadmin/a", "/public/..%2Fadmin/a",
		"/public/..%5cadmin/a", `/public/..\admin/a`, "/public//../../admin/a", "/public/./../admin/a", "/public/x/../../admin/a",
		"/public/..;/admin/a", "/public/..;x=1/admin/a", "/public/..%3b/admin/a", "/public/.;/../admin/a", "/public/%2e%2e;/admin/a", "/public/%2e%2e%3B/admin/a",
		"//admin/a", "/%61dmin/a", "/admin/./a", "/admin%2fa", "/admin//a", "/./admin/a", `/\admin/a`, "/public/..%00/admin/a",
	} {
		resp, body := p.ask(t, http.MethodGet, path)
		if resp.StatusCode == 200 {
			t.Errorf("%s: %s", path, body)
		}
		if to := resp.Header.Get("Location"); to != "" {
			if resp, _ := p.ask(t, http.MethodGet, to[strings.Index(to, "/"):]); resp.StatusCode == 200 {
				t.Errorf("%s: sent to %s, which is open", path, to)
			}
		}
	}
	for _, path := range []string{
		"/docs/secret/", "/docs/./secret/a", "/docs//secret/a", "/docs/%73ecret/a", "/docs/secret%2fa", "/docs/secret%2Fa", "/docs/x/../secret/a",
		"/docs/secret?x", "/docs/%2e/secret/a", "/docs/secret/..%3b/a", "/docs/a/..;/secret/a", "/docs/7//keys", "/docs/7/%6beys",
	} {
		resp, body := p.ask(t, http.MethodGet, path, partner)
		if resp.StatusCode == 200 {
			t.Errorf("%s: %s", path, body)
		}
	}
}
