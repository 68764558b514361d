package translate_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

const login = `
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      require: oauth2
      oauth2:
        authorization_endpoint: https://id.example.com/authorize
        token_endpoint: $provider/token
        end_session_endpoint: https://id.example.com/logout
        client_id: shop
        client_secret: "${NONE:-the-secret-of-the-shop}"
        scopes: [openid, email]
        timeout: 0.3
      jwt: {providers: {main: {issuer: https://id.example.com, audience: api, jwks: '$jwks', claims_to_headers: {X-User: sub}}}}
endpoints:
  - {path: /page, handler: proxy}
  - {path: /admins, handler: proxy, config: {auth: {require: [oauth2, jwt], satisfy: all, rules: [{claims: {role: admin}}]}}}
  - {path: /either, handler: proxy, config: {auth: {require: [jwt, oauth2]}}}
  - {path: /forward, handler: proxy, config: {auth: {forward_credentials: true}}}
  - {path: /public, handler: proxy, public: true}
`

// provider changes codes for tokens.
type provider struct {
	*httptest.Server
	token atomic.Pointer[string]           // the access token
	fault atomic.Pointer[http.HandlerFunc] // answers instead
	asked atomic.Pointer[url.Values]
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := new(provider)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.asked.Store(&r.Form)
		if f := p.fault.Load(); f != nil {
			(*f)(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": *p.token.Load(), "id_token": *p.token.Load(), "token_type": "Bearer", "expires_in": 600})
	}))
	t.Cleanup(p.Close)
	return p
}

// browser keeps cookies, whatever they say of themselves.
type browser struct {
	*proxy
	cookies map[string]string
}

func (b *browser) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	var all []string
	for name, value := range b.cookies {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	headers := []string{"Accept: text/html,*/*;q=0.8", "Cookie: " + strings.Join(append(all, "theme=dark"), "; ")}
	resp, body := b.ask(t, http.MethodGet, path, headers...)
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 || c.Value == "" || c.Value == "deleted" {
			delete(b.cookies, c.Name)
		}
	}
	return resp, body
}

// login goes to a page, and comes back from the provider with a code.
func (b *browser) login(t *testing.T, page string) (*http.Response, string) {
	t.Helper()
	resp, _ := b.get(t, page)
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != 302 || to.Host != "id.example.com" {
		t.Fatal(resp.StatusCode, to, err)
	}
	q := to.Query()
	if q.Get("client_id") != "shop" || !strings.HasSuffix(q.Get("redirect_uri"), "/oauth2/callback") || q.Get("code_challenge_method") != "S256" || !strings.Contains(q.Get("scope"), "openid") {
		t.Error(to)
	}
	return b.get(t, "/oauth2/callback?code=c0de&state="+url.QueryEscape(q.Get("state")))
}

// TestLogin: the way to the provider and back, what the target gets of it, and what does
// not stand in for a login.
func TestLogin(t *testing.T) {
	t.Parallel()
	main, p := newIssuer(t), newProvider(t)
	user, admin := main.token(nil), main.token(map[string]any{"role": "admin"})
	p.token.Store(&user)
	proxy := serve(t, login, map[string]string{"target": target(t, "Authorization", "Cookie", "X-User"), "provider": p.URL, "jwks": main.jwks()})
	b := &browser{proxy, map[string]string{}}
	resp, body := b.login(t, "/page?a=b")
	if resp.StatusCode != 302 || !strings.HasSuffix(resp.Header.Get("Location"), "/page?a=b") {
		t.Fatal(resp.StatusCode, resp.Header, body)
	}
	if asked := *p.asked.Load(); asked.Get("code") != "c0de" || asked.Get("client_secret") != "the-secret-of-the-shop" || asked.Get("code_verifier") == "" {
		t.Error(asked)
	}
	if _, body := b.get(t, "/page?a=b"); body != "GET /page?a=b\nCookie: theme=dark" {
		t.Error(body)
	}
	if _, body := b.get(t, "/forward"); !strings.HasPrefix(body, "GET /forward\nAuthorization: Bearer "+user) {
		t.Error(body)
	}
	if _, body := b.get(t, "/public"); body != "GET /public\nCookie: theme=dark" {
		t.Error(body)
	}
	if resp, _ := b.get(t, "/admins"); resp.StatusCode != 403 {
		t.Error(resp.StatusCode)
	}
	if resp, body := proxy.ask(t, "GET", "/either", "Authorization: Bearer "+user); resp.StatusCode != 200 || body != "GET /either\nX-User: alice" {
		t.Error(resp.StatusCode, body)
	}
	if resp, _ := b.get(t, "/either"); resp.StatusCode != 200 {
		t.Error(resp.StatusCode)
	}
	p.token.Store(&admin)
	of := &browser{proxy, map[string]string{}}
	of.login(t, "/admins")
	if resp, body := of.get(t, "/admins"); resp.StatusCode != 200 || body != "GET /admins\nCookie: theme=dark\nX-User: alice" {
		t.Error(resp.StatusCode, body)
	}
	forged(t, b)
	if resp, _ := b.get(t, "/oauth2/signout"); resp.StatusCode != 302 || b.cookies["BearerToken"] != "" {
		t.Error(resp.StatusCode, resp.Header)
	}
}

// forged changes what the cookies of a login say.
func forged(t *testing.T, b *browser) {
	t.Helper()
	for name, change := range map[string]func(map[string]string){
		"no HMAC":        func(c map[string]string) { delete(c, "OauthHMAC") },
		"another HMAC":   func(c map[string]string) { c["OauthHMAC"] = "bm90IHRoZSBrZXk=" },
		"longer":         func(c map[string]string) { c["OauthExpires"] = "9999999999" },
		"another token":  func(c map[string]string) { c["BearerToken"] = "root" },
		"tokens alone":   func(c map[string]string) { delete(c, "OauthHMAC"); delete(c, "OauthExpires") },
		"nothing at all": func(c map[string]string) { clear(c) },
	} {
		c := map[string]string{}
		for k, v := range b.cookies {
			c[k] = v
		}
		change(c)
		if resp, body := (&browser{b.proxy, c}).get(t, "/page"); resp.StatusCode != 302 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	for _, headers := range []string{"", "Authorization: Bearer root", "Cookie: BearerToken=root", "Accept: application/json"} {
		if resp, body := b.ask(t, http.MethodGet, "/page", split(headers)...); resp.StatusCode != 401 || !strings.HasPrefix(body, `{"error":"unauthorized"`) {
			t.Errorf("%s: %d %s", headers, resp.StatusCode, body)
		}
	}
}

// TestLoginWithoutProvider: a provider that is sick lets nobody in, and is asked anew.
func TestLoginWithoutProvider(t *testing.T) {
	t.Parallel()
	main, p := newIssuer(t), newProvider(t)
	user := main.token(nil)
	p.token.Store(&user)
	proxy := serve(t, login, map[string]string{"target": target(t), "provider": p.URL, "jwks": main.jwks()})
	for name, fault := range map[string]http.HandlerFunc{
		"sick":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) },
		"slow":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"rubbish": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"empty":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
	} {
		p.fault.Store(&fault)
		b := &browser{proxy, map[string]string{}}
		resp, body := b.login(t, "/page")
		if resp.StatusCode/100 == 2 || resp.StatusCode == 302 || !strings.HasPrefix(body, `{"error":`) {
			t.Errorf("%s: %d %v %s", name, resp.StatusCode, resp.Header, body)
		}
		if resp, _ := b.get(t, "/page"); resp.StatusCode != 302 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	p.fault.Store(nil)
	b := &browser{proxy, map[string]string{}}
	if resp, body := b.get(t, "/oauth2/callback?code=c0de&state=forged"); resp.StatusCode != 401 {
		t.Error(resp.StatusCode, body)
	}
	b.login(t, "/page")
	if resp, body := b.get(t, "/page"); resp.StatusCode != 200 {
		t.Error(resp.StatusCode, body)
	}
}
