package translate_test

import (
	"testing"
)

const routing = `
plugins:
  proxy:
    config:
      targets: [{url: "$one"}]
      upstreams:
        below: {targets: [{url: "$two/base/"}]}
endpoints:
  - {path: /, method: GET, handler: proxy}
  - {path: /users, method: GET, handler: proxy, config: {proxy: {path: /u}}}
  - {path: /users, method: POST, handler: proxy}
  - {path: "/users/{id}", method: GET, handler: proxy, config: {proxy: {path: "/u/{id}"}}}
  - {path: "/users/me", method: GET, handler: proxy, config: {proxy: {path: /myself}}}
  - {path: "/users/{id}", method: DELETE, handler: proxy, upstream: below}
  - {path: "/docs/{name}.json", method: GET, handler: proxy, upstream: below, config: {proxy: {path: "/j/{name}"}}}
  - {path: "/six/{a}/{b}/{c}/{d}/{e}/{f}", method: GET, handler: proxy, config: {proxy: {path: "/{f}/{a}"}}}
  - {path: "/rest/*tail", method: GET, handler: proxy, config: {proxy: {path: "/to/*tail"}}}
  - {path: "/deep/{t}/*tail", method: GET, handler: proxy, config: {proxy: {path: "/{t}/*tail"}}}
  - {path: "/strip/*", method: GET, handler: proxy, config: {proxy: {strip_prefix: /strip}}}
  - {path: "/both/*", method: GET, handler: proxy, upstream: below, config: {proxy: {path_rewrite: {strip_prefix: /both, add_prefix: /v2}}}}
  - {path: "/add/*", method: GET, handler: proxy, config: {proxy: {path_rewrite: {add_prefix: /v2}}}}
  - {path: "/pat/{id}", method: GET, handler: proxy, config: {proxy: {path_rewrite: {pattern_replace: {pattern: "^/pat/([0-9]+)$", replacement: '/p/\1/x'}}}}}
  - {path: "/fixed/{id}", method: GET, handler: proxy, config: {proxy: {path: /one}}}
  - {path: "/any", handler: proxy, method: "*"}
  - {path: "/odd/a.b$c+(d)", method: GET, handler: proxy}
`

// TestRouting: which requests reach the target, and with which path.
func TestRouting(t *testing.T) {
	t.Parallel()
	p := serve(t, routing, map[string]string{"one": target(t), "two": target(t)})
	for _, c := range []struct {
		method, path string
		status       int
		want         string // what the target saw, or the Allow header
	}{
		{"GET", "/", 200, "GET /"},
		{"GET", "/?a=1", 200, "GET /?a=1"},
		{"GET", "/users?x=%20y&z", 200, "GET /u?x=%20y&z"},
		{"HEAD", "/users", 200, ""},
		{"POST", "/users", 200, "POST /users"},
		{"PUT", "/users", 405, "GET, HEAD, POST"},
		{"GET", "/users/", 404, ""},
		{"GET", "/users/42?q=1", 200, "GET /u/42?q=1"},
		{"GET", "/users/a%20b", 200, "GET /u/a%20b"},
		{"GET", "/users/me", 200, "GET /myself"},
		{"DELETE", "/users/me", 200, "DELETE /base/users/me"}, // the less specific path has the method
		{"DELETE", "/users/7", 200, "DELETE /base/users/7"},
		{"PATCH", "/users/me", 405, "DELETE, GET, HEAD"},
		{"PATCH", "/users/7", 405, "DELETE, GET, HEAD"},
		{"GET", "/users/1/2", 404, ""},
		{"GET", "//users///42", 200, "GET /u/42"},
		{"GET", "/x/../users/./42", 200, "GET /u/42"},
		{"GET", "/users/42%2Fsecret", 307, ""},
		{"GET", "/docs/a.json", 200, "GET /base/j/a"},
		{"GET", "/docs/a.txt", 404, ""},
		{"GET", "/six/1/2/3/4/5/6?k", 200, "GET /6/1?k"},
		{"GET", "/six/1/2/3/4/5", 404, ""},
		{"GET", "/rest", 200, "GET /to/"},
		{"GET", "/rest/", 200, "GET /to/"},
		{"GET", "/rest/a/b/?c=d", 200, "GET /to/a/b/?c=d"},
		{"GET", "/restless", 404, ""},
		{"GET", "/deep/t/a/b", 200, "GET /t/a/b"},
		{"GET", "/strip", 200, "GET /"},
		{"GET", "/strip/a?b", 200, "GET /a?b"},
		{"GET", "/both/a", 200, "GET /base/v2/a"},
		{"GET", "/both", 200, "GET /base/v2"},
		{"GET", "/add/a", 200, "GET /v2/add/a"},
		{"GET", "/pat/12", 200, "GET /p/12/x"},
		{"GET", "/pat/x", 200, "GET /pat/x"},
		{"GET", "/fixed/12?a=b", 200, "GET /one?a=b"},
		{"PATCH", "/any", 200, "PATCH /any"},
		{"GET", "/odd/a.b$c+(d)", 200, "GET /odd/a.b$c+(d)"},
		{"GET", "/odd/aXb$c+(d)", 404, ""},
	} {
		resp, body := p.ask(t, c.method, c.path)
		got := body
		switch resp.StatusCode {
		case 405:
			got = resp.Header.Get("Allow")
		case 200:
		default:
			got = ""
		}
		if resp.StatusCode != c.status || got != c.want {
			t.Errorf("%s %s: got %d %q, want %d %q", c.method, c.path, resp.StatusCode, body, c.status, c.want)
		}
		if c.status >= 400 && resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: the answer is no JSON: %q %q", c.method, c.path, resp.Header.Get("Content-Type"), body)
		}
	}
}
