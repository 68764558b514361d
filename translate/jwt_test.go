package translate_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const guarded = `
server: {trusted_hops: 0}
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      jwt:
        providers:
          main:
            issuer: https://id.example.com
            audiences: [api]
            jwks: '$jwks'
            query: token
            headers: [Authorization, X-Token]
            claims_to_headers: {X-User: sub, X-Realm: realm.id, X-Scope: scope}
          other:
            issuer: https://other.example.com
            audiences: api
            jwks: '$others'
endpoints:
  - {path: /private/*, methods: [GET, POST, DELETE], handler: proxy}
  - {path: /public/*, handler: proxy, public: true}
  - {path: /off, handler: proxy, config: {auth: false}}
  - {path: /main, handler: proxy, config: {auth: {providers: main}}}
  - {path: /forward, handler: proxy, config: {auth: {forward_credentials: true}}}
  - {path: /static, handler: static, config: {static: {body: hello}}}
  - {path: /denied, handler: static, public: true, config: {static: {status: 401, body: "of my own"}}}
`

// TestJWT: tokens that are good, and all that is wrong with others.
func TestJWT(t *testing.T) {
	t.Parallel()
	main, other := newIssuer(t), newIssuer(t)
	p := serve(t, guarded, map[string]string{
		"target": target(t, "Authorization", "X-User", "X-Realm", "X-Scope", "X-Token", "X-HTTP-Method-Override", "X-Original-URL"),
		"jwks":   main.jwks(), "others": other.jwks(),
	})
	good := main.token(map[string]any{"realm": map[string]any{"id": "r1"}, "scope": "read write"})
	passes(t, p, "/private/a", "GET /private/a\nX-User: alice\nX-Realm: r1\nX-Scope: read write", "Authorization: Bearer "+good)
	passes(t, p, "/private/a?token="+good+"&b=2", "GET /private/a?b=2\nX-User: alice\nX-Realm: r1\nX-Scope: read write")
	passes(t, p, "/private/a", "GET /private/a\nX-User: alice\nX-Realm: r1\nX-Scope: read write", "X-Token: "+good)
	passes(t, p, "/forward?a=b", "GET /forward?a=b\nAuthorization: Bearer "+good+"\nX-User: alice\nX-Realm: r1\nX-Scope: read write", "Authorization: Bearer "+good)
	passes(t, p, "/private/a?token="+good+"&token=x&c=%2F+d", "GET /private/a?c=%2F+d\nX-User: alice")
	passes(t, p, "/private/a?c=a%26b%3dc&%74oken="+good+"&d", "GET /private/a?c=a%26b%3dc&d\n")
	// Of several tokens each must be good.
	refused(t, p, "one more", "/private/a?token=x", "Authorization: Bearer "+good)
	refused(t, p, "one before", "/private/a?token="+good, "Authorization: Bearer x")
	foreign := other.token(map[string]any{"iss": "https://other.example.com"})
	passes(t, p, "/private/a", "GET /private/a", "Authorization: Bearer "+foreign)
	passes(t, p, "/static", "hello", "Authorization: Bearer "+good)
	passes(t, p, "/health", `{"status":"healthy"`)

	for name, bad := range badTokens(main, other) {
		refused(t, p, name, "/private/a", "Authorization: Bearer "+bad)
		refused(t, p, name, "/static", "Authorization: Bearer "+bad)
		refused(t, p, name, "/private/a?token="+bad)
	}
	refused(t, p, "another provider", "/main", "Authorization: Bearer "+foreign)
	for _, h := range []string{"Authorization: " + good, "Authorization: bearer", "Authorization: Basic " + good, "Cookie: token=" + good, "X-User: alice"} {
		refused(t, p, h, "/private/a", h)
	}
}

// badTokens are all wrong in one thing.
func badTokens(main, other *issuer) map[string]string {
	good := main.token(nil)
	parts := strings.Split(good, ".")
	rs := map[string]any{"alg": "RS256", "kid": "k1"}
	none := func([]byte) []byte { return nil }
	return map[string]string{
		"expired":             main.token(map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}),
		"without expiry":      main.token(map[string]any{"exp": nil}),
		"not yet valid":       main.token(map[string]any{"nbf": time.Now().Add(2 * time.Minute).Unix()}),
		"another issuer":      main.token(map[string]any{"iss": "https://evil.example.com"}),
		"no issuer":           main.token(map[string]any{"iss": nil}),
		"another audience":    main.token(map[string]any{"aud": "others"}),
		"other audiences":     main.token(map[string]any{"aud": []string{"others", "apis"}}),
		"no audience":         main.token(map[string]any{"aud": nil}),
		"other key":           other.token(nil),
		"issuer of other key": main.token(map[string]any{"iss": "https://other.example.com"}),
		"alg none":            main.signed(map[string]any{"alg": "none"}, nil, none),
		"alg None":            main.signed(map[string]any{"alg": "None", "kid": "k1"}, nil, none),
		"no alg":              main.signed(map[string]any{"kid": "k1"}, nil, main.rs256),
		"no signature":        parts[0] + "." + parts[1] + ".",
		"two parts":           parts[0] + "." + parts[1],
		"changed claims":      parts[0] + "." + strings.Split(main.token(map[string]any{"sub": "root"}), ".")[1] + "." + parts[2],
		"HS256 of the PEM":    main.signed(map[string]any{"alg": "HS256", "kid": "k1"}, nil, hs256(main.publicPEM())),
		"HS256 of the JWKS":   main.signed(map[string]any{"alg": "HS256", "kid": "k1"}, nil, hs256([]byte(main.jwks()))),
		"HS256 of n":          main.signed(map[string]any{"alg": "HS256", "kid": "k1"}, nil, hs256(main.key.N.Bytes())),
		"RS384 said":          main.signed(map[string]any{"alg": "RS384", "kid": "k1"}, nil, main.rs256),
		"unknown kid":         main.signed(map[string]any{"alg": "RS256", "kid": "../../k1"}, nil, main.rs256),
		"own key in header":   other.signed(map[string]any{"alg": "RS256", "jku": "http://evil.example.com/", "jwk": json.RawMessage(other.jwks())}, nil, other.rs256),
		"crit":                main.signed(map[string]any{"alg": "none", "kid": "k1", "crit": []string{"b64"}, "b64": false}, nil, none),
		"rubbish":             "a.b.c",
		"claims no object":    parts[0] + "." + base64url([]byte(`"x"`)) + "." + parts[2],
		"signature of header": main.signed(rs, nil, func([]byte) []byte { return main.rs256([]byte(parts[0])) }),
		"empty":               "",
	}
}

func passes(t *testing.T, p *proxy, path, want string, headers ...string) {
	t.Helper()
	resp, body := p.ask(t, http.MethodGet, path, headers...)
	if resp.StatusCode != 200 || !strings.HasPrefix(body, want) || want == "" {
		t.Errorf("%s %v: %d %s, want %s", path, headers, resp.StatusCode, body, want)
	}
}

// refused wants 401 as JSON, and how to do better.
func refused(t *testing.T, p *proxy, name, path string, headers ...string) {
	t.Helper()
	resp, body := p.ask(t, http.MethodGet, path, headers...)
	var answer struct{ Error, Message string }
	want, status := "unauthorized", 401
	if strings.Contains(name, "audience") { // so Envoy has it
		want, status = "forbidden", 403
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Error != want || answer.Message == "" {
		t.Errorf("%s: the body is %q", name, body)
	}
	h := resp.Header
	if resp.StatusCode != status || h.Get("Content-Type") != "application/json" || h.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: %d %v", name, resp.StatusCode, h)
	}
}

// TestIdentities: what a client says of itself reaches no target, on no route, nor do
// other names for what it asks.
func TestIdentities(t *testing.T) {
	t.Parallel()
	main := newIssuer(t)
	p := serve(t, guarded, map[string]string{
		"target": target(t, "X-User", "x-realm", "X-Scope", "X-Token", "Authorization", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"),
		"jwks":   main.jwks(), "others": newIssuer(t).jwks(),
	})
	spoofed := []string{
		"X-User: root", "x-user: root", "X-REALM: root", "X-Scope: all", "X-Token: t", "Authorization: Bearer x",
		"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X-Original-URL: /private/a", "X-Rewrite-URL: /private/a",
	}
	for _, path := range []string{"/public/a", "/off"} {
		resp, body := p.ask(t, http.MethodGet, path, spoofed...)
		if resp.StatusCode != 200 || body != "GET "+path {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	good := "Authorization: Bearer " + main.token(nil)
	passes(t, p, "/private/a", "GET /private/a\nX-User: alice", append(slices.Clone(spoofed[:4]), good)...)
	if _, body := p.ask(t, http.MethodGet, "/private/a", append(slices.Clone(spoofed[:4]), good)...); strings.Contains(body, "root") || strings.Contains(body, "all") {
		t.Error(body)
	}
	// An answer of the blueprint's own is not the plugin's.
	if resp, body := p.ask(t, http.MethodGet, "/denied"); resp.StatusCode != 401 || body != "of my own" {
		t.Error(resp.StatusCode, body)
	}
}

const fetched = `
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      jwt:
        providers:
          away: {issuer: away, audience: api, jwks_uri: "$away/keys", timeout: 0.2}
          slow: {issuer: slow, audience: api, jwks_uri: "$slow/keys", timeout: 0.2}
          rubbish: {issuer: rubbish, audience: api, jwks_uri: "$rubbish/keys", timeout: 1}
          main: {issuer: main, audience: api, jwks_uri: "http://id.example.com/keys", upstream: keys, refresh_interval: 1}
endpoints:
  - {path: /, handler: proxy}
`

// TestRemoteJWKS: keys that cannot be fetched let nobody in, harm no other provider, and
// are there by themselves once they can; keys that change are taken up.
func TestRemoteJWKS(t *testing.T) {
	t.Parallel()
	names := []string{"away", "slow", "rubbish", "main"}
	issuers, urls := map[string]*issuer{}, map[string]string{"target": target(t)}
	for _, name := range names {
		issuers[name] = newIssuer(t)
		urls[name] = issuers[name].server().URL
	}
	for name, answer := range map[string]http.HandlerFunc{
		"away":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"slow":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"rubbish": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	} {
		issuers[name].answer.Store(&answer)
	}
	p := serve(t, strings.Replace(fetched, "{targets: [{url: \"$target\"}]}", `{targets: [{url: "$target"}], upstreams: {keys: {targets: [{url: "$main"}]}}}`, 1), urls)
	bearer := func(name string) string {
		return "Authorization: Bearer " + issuers[name].token(map[string]any{"iss": name})
	}
	for _, name := range names[:3] {
		refused(t, p, name, "/", bearer(name))
	}
	passes(t, p, "/", "GET /", bearer("main"))
	for _, name := range names[:3] {
		issuers[name].answer.Store(nil)
	}
	lets := func(header string) func() bool {
		return func() bool {
			resp, _ := p.ask(t, http.MethodGet, "/", header)
			return resp.StatusCode == 200
		}
	}
	for _, name := range names[:3] {
		poll(t, lets(bearer(name)))
	}
	before := bearer("main")
	next := newIssuer(t)
	rotated := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(next.jwks())) })
	issuers["main"].answer.Store(&rotated)
	poll(t, lets("Authorization: Bearer "+next.token(map[string]any{"iss": "main"})))
	refused(t, p, "of the key before", "/", before)
}
