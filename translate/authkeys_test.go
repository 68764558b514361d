package translate_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"backworks/translate"
)

const keyed = `
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      require: [jwt, api_key, basic]
      jwt: {providers: {main: {issuer: https://id.example.com, audience: api, jwks: '$jwks', claims_to_headers: {X-User: sub}}}}
      api_key:
        headers: [X-API-Key, X-Key]
        query: key
        cookies: key
        clients: {partner: ["${NONE:-first-key-of-partner}", "${NONE:-second-key-of-partner}"], shop: "${NONE:-the-key-of-the-shop}"}
      basic: {users: {alice: "{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw=", bob: "${NONE:-open sesame}"}, realm: the shop}
endpoints:
  - {path: /any, handler: proxy}
  - {path: /key, method: [GET, POST], handler: proxy, config: {auth: {require: api_key}, proxy: {retry_attempts: 1}}}
  - {path: /basic, handler: proxy, config: {auth: {require: basic}}}
  - {path: /all, handler: proxy, config: {auth: {require: [api_key, basic], satisfy: all}}}
  - {path: /forward, handler: proxy, config: {auth: {require: api_key, forward_credentials: true}}}
  - {path: /public, handler: proxy, public: true}
`

func password(user, word string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+word))
}

const key, second, shop = "first-key-of-partner", "second-key-of-partner", "the-key-of-the-shop"

// serveKeyed also gives a good token.
func serveKeyed(t *testing.T) (p *proxy, bearer string) {
	t.Helper()
	main := newIssuer(t)
	return serve(t, keyed, map[string]string{
		"target": target(t, "Authorization", "X-API-Key", "X-Key", "Cookie", "X-Client-Id", "X-User"), "jwks": main.jwks(),
	}), "Authorization: Bearer " + main.token(nil)
}

// TestKeysAndPasswords: each place of a credential, credentials in several places, and
// what is left of them for the target.
func TestKeysAndPasswords(t *testing.T) {
	t.Parallel()
	p, bearer := serveKeyed(t)
	alice, bob := password("alice", "sesame"), password("bob", "open sesame")
	for _, c := range []struct {
		path, headers, want string // headers with | between them
	}{
		{"/key", "X-API-Key: " + key, "GET /key\nX-Client-Id: partner"},
		{"/key", "x-key: " + second, "GET /key\nX-Client-Id: partner"},
		{"/key?a=%26&key=" + shop + "&b", "", "GET /key?a=%26&b\nX-Client-Id: shop"},
		{"/key", "Cookie: a=1; key=" + shop + "; b=2", "GET /key\nCookie: a=1; b=2\nX-Client-Id: shop"},
		{"/key", "Cookie: key=" + shop, "GET /key\nX-Client-Id: shop"},
		{"/key", "X-Client-Id: root|X-API-Key: " + key, "GET /key\nX-Client-Id: partner"},
		{"/forward?key=" + shop, "", "GET /forward?key=" + shop + "\nX-Client-Id: shop"},
		{"/basic", alice, "GET /basic\nX-Client-Id: alice"},
		{"/basic", bob, "GET /basic\nX-Client-Id: bob"},
		{"/any", bearer, "GET /any\nX-User: alice"},
		{"/any", "X-API-Key: " + key, "GET /any\nX-Client-Id: partner"},
		{"/any?key=" + shop, "", "GET /any\nX-Client-Id: shop"},
		{"/any", "Cookie: key=" + shop, "GET /any\nX-Client-Id: shop"},
		{"/any", bob, "GET /any\nX-Client-Id: bob"},
		{"/all", "X-API-Key: " + key + "|" + bob, "GET /all\nX-Client-Id: bob"},
		// The first method whose credentials there are decides, and targets see none.
		{"/any", bearer + "|X-API-Key: wrong|Cookie: key=wrong", "GET /any\nX-User: alice"},
		{"/any?key=wrong", "X-API-Key: " + key + "|" + alice, "GET /any\nX-Client-Id: partner"},
		{"/public?key=x&%6bey=y&c=d", "X-API-Key: " + key + "|X-Client-Id: root|" + alice + "|Cookie: key=x; key=y", "GET /public?c=d"},
	} {
		resp, body := p.ask(t, http.MethodGet, c.path, split(c.headers)...)
		if resp.StatusCode != 200 || body != c.want {
			t.Errorf("%s %s: %d %q, want %q", c.path, c.headers, resp.StatusCode, body, c.want)
		}
	}
}

// TestWrongKeysAndPasswords: no credential stands in for another.
func TestWrongKeysAndPasswords(t *testing.T) {
	t.Parallel()
	p, bearer := serveKeyed(t)
	alice := password("alice", "sesame")
	for _, c := range [][2]string{
		{"/key", ""},
		{"/key", "X-API-Key: wrong"},
		{"/key", "X-API-Key: "},
		{"/key", "X-API-Key: partner"},
		{"/key", "X-API-Key: " + key + ",|X-Key: wrong"},
		{"/key", "X-API-Key: " + key + ", " + shop},
		{"/key", "X-Client-Id: partner"},
		{"/key", alice},
		{"/key", bearer},
		{"/key", "Cookie: xkey=" + shop},
		{"/key?KEY=" + shop, ""},
		{"/basic", password("alice", "wrong")},
		{"/basic", password("alice", "")},
		{"/basic", password("", "")},
		{"/basic", password("alice", "{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw=")},
		{"/basic", password("root", "sesame")},
		{"/basic", "Authorization: Basic %%%"},
		{"/basic", "Authorization: Basic"},
		{"/basic", "X-API-Key: " + key},
		{"/basic", "X-Client-Id: alice"},
		{"/any", ""},
		{"/any", "Authorization: Bearer " + key},
		{"/any", "Authorization: bearer x|X-API-Key: " + key},
		{"/any", "X-API-Key: wrong|" + alice},
		{"/any?key=wrong", alice},
		{"/any", "Authorization: Digest x"},
		{"/all", "X-API-Key: " + key},
		{"/all", alice},
		{"/all", "X-API-Key: wrong|" + alice},
		{"/all", "X-API-Key: " + key + "|" + password("alice", "wrong")},
	} {
		refused(t, p, c[0]+" "+c[1], c[0], split(c[1])...)
	}
	resp, _ := p.ask(t, http.MethodGet, "/basic")
	if got := resp.Header.Get("WWW-Authenticate"); got != `Basic realm="the shop"` {
		t.Error(got)
	}
}

func split(headers string) []string {
	if headers == "" {
		return nil
	}
	return strings.Split(headers, "|")
}

// TestKeysArePrivate: a listener that holds what clients alone know is marked, anew and as
// one of before.
func TestKeysArePrivate(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]bool{
		`{rules: [{sources: 127.0.0.1}]}`:                                 false,
		`{api_key: {clients: {a: "${NONE:-0123456789abcdef}"}}}`:          true,
		`{basic: {users: {a: "{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw="}}}`:      true,
		`{jwt: {providers: {a: {issuer: i, audience: a, jwks: '$oct'}}}}`: true,
		`{jwt: {providers: {a: {issuer: i, audience: a, jwks: '$rsa'}}}}`: false,
	} {
		shared := `{"keys":[{"kty":"oct","k":"` + strings.Repeat("A", 43) + `"}]}`
		config = strings.NewReplacer("$oct", shared, "$rsa", newIssuer(t).jwks()).Replace(config)
		bp := parse(t, "plugins: {auth: {config: "+config+"}}\nendpoints: [{path: /, handler: static}]")
		r, problems := translate.Blueprint(bp)
		if r == nil {
			t.Fatal(problems)
		}
		next, _ := translate.Update(r, parse(t, "# edited\nplugins: {auth: {config: "+config+"}}\nendpoints: [{path: /, handler: static}]"))
		for _, x := range []*translate.Resources{r, next} {
			if got := x.Listeners[0].Private; got != want {
				t.Errorf("%s: private is %v", config, got)
			}
		}
	}
}

const pages = `
plugins:
  proxy: {config: {targets: [{url: "$target"}], max_request_size: 1000}}
  cors: {config: {allow_origins: "https://app.example.com"}}
  auth: {config: {api_key: {clients: {partner: "${NONE:-first-key-of-partner}"}}}}
endpoints: [{path: /a, handler: proxy}]
`

// TestPagesAndWebSockets: a preflight request has no credentials and needs none, and what
// becomes a WebSocket needs them as any other request.
func TestPagesAndWebSockets(t *testing.T) {
	t.Parallel()
	p := serve(t, pages, map[string]string{"target": target(t, "X-Client-Id")})
	const from, allowed = "Origin: https://app.example.com", "Access-Control-Allow-Origin"
	resp, _ := p.ask(t, http.MethodOptions, "/a", from, "Access-Control-Request-Method: GET")
	if resp.StatusCode != 200 || resp.Header.Get(allowed) == "" {
		t.Error(resp.StatusCode, resp.Header)
	}
	resp, _ = p.ask(t, http.MethodGet, "/a", from)
	if resp.StatusCode != 401 || resp.Header.Get(allowed) == "" {
		t.Error(resp.StatusCode, resp.Header)
	}
	refused(t, p, "no preflight", "/a", from, "Access-Control-Request-Method: GET")
	if resp, _ := p.ask(t, http.MethodOptions, "/a"); resp.StatusCode != 401 {
		t.Error(resp.StatusCode)
	}
	socket := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	refused(t, p, "WebSocket", "/a", socket...)
	// The target knows no WebSockets, and answers as it does to all.
	if resp, _ := p.ask(t, http.MethodGet, "/a", append(socket, "X-API-Key: "+key)...); resp.StatusCode != 200 || resp.Header.Get("X-Target") == "" {
		t.Error(resp.StatusCode, resp.Header)
	}
}

const chosen = `
plugins:
  proxy: {config: {targets: [{url: "$target"}], upstreams: {beta: {targets: [{url: "$beta"}]}}}}
  auth: {config: {api_key: {headers: X-API-Key, query: key, clients: {partner: "${NONE:-first-key-of-partner}"}}}}
endpoints: [{path: /a, handler: proxy, config: {proxy: {canary: [{upstream: beta, headers: {X-API-Key: "*"}}]}}}]
`

// TestRouteStays: what is taken away from a request does not lead it elsewhere than where
// it was asked for credentials.
func TestRouteStays(t *testing.T) {
	t.Parallel()
	p := serve(t, chosen, map[string]string{"target": target(t), "beta": target(t, "X-Client-Id")})
	passes(t, p, "/a?key=x", "GET /a\nX-Client-Id: partner", "X-API-Key: "+key)
}
