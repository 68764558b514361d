package translate_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// allowed asks until it is refused and returns how many requests passed; more than most
// is none.
func (p *proxy) allowed(t *testing.T, most int, ask func(i int) *http.Response) int {
	t.Helper()
	for i := range most {
		switch resp := ask(i); resp.StatusCode {
		case http.StatusOK:
		case http.StatusTooManyRequests:
			return i
		default:
			t.Fatalf("request %d: %s", i, resp.Status)
		}
	}
	return most
}

func (p *proxy) get(t *testing.T, path string, headers ...string) func(int) *http.Response {
	return func(int) *http.Response {
		resp, _ := p.ask(t, "GET", path, headers...)
		return resp
	}
}

const limited = `
server: {trusted_hops: 1}
plugins:
  proxy: {config: {targets: [$TARGET]}}
  rate_limit:
    config: {requests: 6, per: 1h}
endpoints:
  - {path: /a}
  - {path: /b, method: [GET, POST]}
  - {path: /static, static: {body: {ok: true}}}
  - {path: /free, config: {rate_limit: false}}
  - {path: /own, config: {rate_limit: {requests: 2}}}
  - {path: /address, config: {rate_limit: {requests: 2, by: client_ip}}}
  - {path: /tenant, config: {rate_limit: {requests: 2, by: "header:X-Tenant"}}}
  - {path: /both, config: {rate_limit: {requests: 2, by: ["header:X-Tenant", client_ip]}}}
  - {path: /each/a, config: {rate_limit: {requests: 9, limits: [{requests: 1, per: 1h, by: endpoint}]}}}
  - {path: /more, config: {rate_limit: {requests: 5, limits: [{requests: 3, per: 1h, by: client_ip}, {requests: 4, per: 1h}]}}}
  - {path: /burst, config: {rate_limit: {requests: 1, burst: 3, per: 1h}}}
  - {path: /fast, config: {rate_limit: {requests: 1, per: 300ms}}}
`

// TestRateLimits: who is over a limit is told so, and when to come back; limits hold for
// what they say.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	p := serve(t, limited, map[string]string{"TARGET": target(t)})

	// The plugin's limit counts all endpoints together, whatever the method.
	for i, ask := range []struct{ method, path string }{{"GET", "/a"}, {"POST", "/b"}, {"GET", "/b"}, {"GET", "/static"}, {"HEAD", "/a"}, {"DELETE", "/a"}} {
		resp, _ := p.ask(t, ask.method, ask.path)
		if got := resp.Header.Values("X-Ratelimit-Remaining"); resp.StatusCode != 200 || len(got) != 1 || got[0] != strconv.Itoa(5-i) {
			t.Fatal(ask, resp.Status, got)
		}
	}
	resp, body := p.ask(t, "GET", "/b")
	if want := `{"error":"too_many_requests","message":"too many requests, try again later"}`; resp.StatusCode != 429 || strings.TrimSpace(body) != want {
		t.Fatal(resp.Status, body)
	}
	if h := resp.Header; h.Get("Content-Type") != "application/json" || h.Get("X-Ratelimit-Limit") != "6" || h.Get("X-Ratelimit-Remaining") != "0" {
		t.Error(h)
	}
	// Six an hour is one in ten minutes.
	if wait, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || wait < 500 || wait > 600 {
		t.Error("retry after", resp.Header.Get("Retry-After"))
	}
	resp, _ = p.ask(t, "POST", "/b", "Content-Type: application/grpc")
	if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != "8" {
		t.Error("gRPC:", resp.Status, resp.Header)
	}

	for path, want := range map[string]int{"/own": 2, "/address": 2, "/more": 3, "/burst": 3, "/each/a": 1} {
		if got := p.allowed(t, 10, p.get(t, path)); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	// What no limit holds for says nothing of any, and costs nobody's share.
	for path, want := range map[string]int{"/free": 200, "/nowhere": 404, "/health": 200} {
		if resp, _ := p.ask(t, "GET", path); resp.StatusCode != want || resp.Header.Get("X-Ratelimit-Limit") != "" {
			t.Error(path, resp.Status, resp.Header)
		}
	}
	if resp, _ := p.ask(t, "DELETE", "/b"); resp.StatusCode != 405 || resp.Header.Get("X-Ratelimit-Limit") != "" {
		t.Error("405:", resp.Status, resp.Header)
	}
	// Time brings new requests.
	if resp, _ := p.ask(t, "GET", "/fast"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	poll(t, func() bool {
		resp, _ := p.ask(t, "GET", "/fast")
		return resp.StatusCode == 200
	})
}

// TestRateLimitEvasion: nothing that a client can send gives it a second share.
func TestRateLimitEvasion(t *testing.T) {
	t.Parallel()
	p := serve(t, limited, map[string]string{"TARGET": target(t)})
	from := func(address string) string { return "X-Forwarded-For: " + address }
	check := func(name string, want int, ask func(i int) *http.Response) {
		t.Helper()
		if got := p.allowed(t, 8, ask); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	each := func(path string, headers ...string) func(int) *http.Response {
		return func(i int) *http.Response {
			resp, _ := p.ask(t, "GET", path, strings.Split(headers[i%len(headers)], "; ")...)
			return resp
		}
	}
	// One proxy in front is trusted; what stands before its entry is the client's word.
	check("forged addresses", 2, func(i int) *http.Response {
		return p.get(t, "/address", from(strconv.Itoa(i)+".1.1.1, 192.0.2.1"))(i)
	})
	check("another address", 2, p.get(t, "/address", from("192.0.2.2")))
	check("spellings of IPv6", 2, each("/address", from("2001:db8::1"), from("2001:0DB8:0:0::0001"), from("2001:db8:0:0:ffff::1"), from("2001:db8::1234")))
	check("other forwarding headers", 0, each("/address", from("192.0.2.2")+"; X-Real-IP: 9.9.9.9; Forwarded: for=9.9.9.9; True-Client-IP: 9.9.9.9; X-Envoy-External-Address: 9.9.9.9; X-Client-IP: 9.9.9.9"))
	check("spellings of the path", 2, func(i int) *http.Response {
		path := []string{"/address", "//address", "/./address", "/x/../address", "/%61ddress", "/address?a=1", "/address?"}[i%7]
		return p.get(t, path, from("192.0.2.3"))(i)
	})
	check("spellings of the header", 2, each("/tenant", "X-Tenant: a", "x-tenant: a", "X-TENANT: a", "X-Tenant:  a "))
	check("no header", 2, each("/tenant", from("192.0.2.4")))
	check("no header, elsewhere", 2, each("/tenant", from("192.0.2.5")))
	check("no header but the address", 2, each("/both", from("192.0.2.6")))
	check("the header and the address", 2, each("/both", from("192.0.2.6")+"; X-Tenant: a"))
	check("the header twice", 0, each("/tenant", "X-Tenant: a; X-Tenant: b"))
}
