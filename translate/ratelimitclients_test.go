package translate_test

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

const limitedClients = `
plugins:
  proxy: {config: {targets: [{url: "$target"}]}}
  auth:
    config:
      jwt: {providers: {main: {issuer: https://id.example.com, audience: api, jwks: '$jwks'}}}
      api_key: {headers: [X-API-Key, X-Key], query: key, clients: {partner: ["${NONE:-first-key-of-partner}", "${NONE:-second-key-of-partner}"], shop: "${NONE:-the-key-of-the-shop}"}}
      basic: {users: {alice: "{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw="}}
  rate_limit: {config: {per: 1h, limits: [{requests: 100, per: 1h, by: [endpoint, client]}]}}
endpoints:
  - {path: /client, config: {rate_limit: {requests: 3, by: client}}}
  - {path: /claim, config: {auth: {require: jwt}, rate_limit: {requests: 2, by: claim:sub}}}
  - {path: /open, public: true, config: {rate_limit: {requests: 2, by: client}}}
  - {path: /opened, public: true, config: {rate_limit: {requests: 2, by: claim:sub}}}
  - {path: /login, config: {auth: {require: basic}, rate_limit: {requests: 3, by: client_ip}}}
  - {path: /all, config: {rate_limit: {requests: 2}}}
  - {path: /both, config: {rate_limit: {requests: 1, by: client, limits: [{requests: 2, per: 1h, by: [endpoint, client_ip]}]}}}
`

// TestClientLimits: clients are told apart by what was verified, wherever they put it; what
// auth refuses takes nothing from those who may pass, but guessing is bounded.
func TestClientLimits(t *testing.T) {
	t.Parallel()
	main := newIssuer(t)
	p := serve(t, limitedClients, map[string]string{"target": target(t), "jwks": main.jwks()})
	bearer := func(sub string) string { return "Authorization: Bearer " + main.token(map[string]any{"sub": sub}) }
	check := func(name string, want int, path string, headers ...string) {
		t.Helper()
		got := p.allowed(t, 8, func(i int) *http.Response {
			resp, _ := p.ask(t, "GET", path, strings.Split(headers[i%len(headers)], "; ")...)
			return resp
		})
		if got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	check("one client with several keys in several places", 3, "/client",
		"X-API-Key: "+key, "X-Key: "+second, "X-Key: "+key+"; X-Client-Id: somebody", "X-API-Key: "+second+"; x-client-id: else")
	check("another client", 3, "/client", "X-API-Key: "+shop)
	check("a user", 3, "/client", password("alice", "sesame"))
	check("a token, which is no client's: by address", 3, "/client", bearer("alice"), bearer("bob"))
	check("a subject", 2, "/claim", bearer("alice"))
	check("another subject", 2, "/claim", bearer("bob"))
	// Who cannot be known is counted by the address, whatever it says of itself.
	check("nobody", 2, "/open", "X-Client-Id: a", "X-Client-Id: b", "X-API-Key: "+key)
	check("nobody's claim", 2, "/opened", bearer("alice"), bearer("bob"))

	for i := range 5 {
		resp, _ := p.ask(t, "GET", "/login", password("alice", strconv.Itoa(i)))
		if want := map[bool]int{true: 401, false: 429}[i < 3]; resp.StatusCode != want {
			t.Errorf("guess %d: %s", i, resp.Status)
		}
	}
	for range 5 {
		if resp, _ := p.ask(t, "GET", "/all", "X-API-Key: wrong"); resp.StatusCode != 401 {
			t.Error(resp.Status)
		}
	}
	check("those who may", 2, "/all", "X-API-Key: "+key)
	for want := range []int{200, 429} {
		resp, _ := p.ask(t, "GET", "/both", "X-API-Key: "+key)
		if n := len(resp.Header.Values("X-Ratelimit-Limit")); n != 1 || len(resp.Header.Values("Retry-After")) != want {
			t.Error(resp.Status, resp.Header)
		}
	}
}

// TestLimitBuckets: a limit remembers as many clients as it may, and the last ones.
func TestLimitBuckets(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins:
  proxy: {config: {targets: [$TARGET]}}
  rate_limit: {config: {requests: 1, per: 1h, by: "header:X-Tenant", max_buckets: 3}}
endpoints: [{path: /}]
`, map[string]string{"TARGET": target(t)})
	ask := func(tenant string) int {
		resp, _ := p.ask(t, "GET", "/", "X-Tenant: "+tenant)
		return resp.StatusCode
	}
	for _, c := range []struct {
		tenant string
		want   int
	}{{"a", 200}, {"b", 200}, {"c", 200}, {"b", 429}, {"c", 429}, {"d", 200}, {"c", 429}, {"d", 429}, {"a", 200}} {
		if got := ask(c.tenant); got != c.want {
			t.Errorf("%s: %d, want %d", c.tenant, got, c.want)
		}
	}
}

// TestWebSocketLimit: WebSockets count with all other requests.
func TestWebSocketLimit(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins:
  proxy: {config: {targets: [$echo], max_request_size: 1000}}
  rate_limit: {config: {requests: 3, per: 1h}}
endpoints: [{path: /echo}, {path: /refused}]
`, map[string]string{"echo": echo(t)})
	for i, want := range []int{101, 101, 401, 429} {
		var got int
		if want == 401 {
			resp, _ := p.ask(t, "GET", "/refused")
			got = resp.StatusCode
		} else {
			_, resp, _ := websocket.Dial(t.Context(), p.url+"/echo", nil)
			got = resp.StatusCode
		}
		if got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
	}
}

// TestCountingFails: who should count for the fleet is not there, speaks another language,
// or says nothing.
func TestCountingFails(t *testing.T) {
	t.Parallel()
	for name, serves := range map[string]func(net.Conn){
		"away": nil,
		"rubbish": func(c net.Conn) {
			_, _ = bufio.NewReader(c).ReadByte()
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
			_ = c.Close()
		},
		"silent": func(net.Conn) {},
	} {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lis.Close() })
		if serves == nil {
			_ = lis.Close()
		}
		go func() {
			for {
				c, err := lis.Accept()
				if err != nil {
					return
				}
				go serves(c)
			}
		}()
		for onFailure, want := range map[string]int{"allow": 200, "deny": 503} {
			p := serve(t, `
plugins:
  proxy: {config: {targets: [$TARGET]}}
  rate_limit: {config: {service: $SERVICE, on_failure: `+onFailure+`, timeout: 200ms, requests: 1, per: day, scope: fleet}}
endpoints: [{path: /}]
`, map[string]string{"TARGET": target(t), "SERVICE": "http://" + lis.Addr().String()})
			for range 3 {
				resp, body := p.ask(t, "GET", "/")
				if resp.StatusCode != want || want == 503 && !strings.Contains(body, "cannot be counted") {
					t.Errorf("%s, %s: %s %s", name, onFailure, resp.Status, body)
				}
			}
		}
	}
}
