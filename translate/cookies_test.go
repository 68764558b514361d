package translate_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const cookiePools = `
  proxy:
    config:
      upstreams:
        sticky: {targets: [$A], sticky_sessions: true}
        widely: {targets: [$A], sticky_sessions: {same_site: none, cookie: w, path: /widely, ttl: 1h}}
        openly: {targets: [$A], sticky_sessions: {secure: false, same_site: strict, cookie: o}}
        hashed: {targets: [$A], load_balancing: {algorithm: ring_hash, hash_on: {cookie: at, ttl: 0}}}
        behind: {targets: [$A], load_balancing: {algorithm: maglev, hash_on: {cookie: at, ttl: 5, secure: true, same_site: strict}}}
endpoints:
  - {path: /sticky, upstream: sticky}
  - {path: /widely, upstream: widely}
  - {path: /openly, upstream: openly}
  - {path: /hashed, upstream: hashed}
  - {path: /behind, upstream: behind}
`

// Cookies that the proxy makes are for no script, for requests of their own site where
// nothing else is said, and over TLS for HTTPS alone.
func TestPoolCookies(t *testing.T) {
	t.Parallel()
	a, _ := named(t, "a")
	f := newFolder(t)
	f.has("first.example")
	open := serve(t, "plugins:"+cookiePools, map[string]string{"A": a})
	closed := serve(t, `
plugins:
  tls: {config: {certificates: [{certificate: $DIR/first.example.pem, key: $DIR/first.example.key}]}}`+cookiePools, map[string]string{"A": a, "DIR": f.dir})
	for path, want := range map[string]struct{ open, closed string }{
		"/sticky": {"HttpOnly; Path=/; SameSite=Lax", "HttpOnly; Path=/; SameSite=Lax; Secure"},
		"/widely": {"HttpOnly; Max-Age=3600; Path=/widely; SameSite=None; Secure", "HttpOnly; Max-Age=3600; Path=/widely; SameSite=None; Secure"},
		"/openly": {"HttpOnly; Path=/; SameSite=Strict", "HttpOnly; Path=/; SameSite=Strict"},
		"/hashed": {"HttpOnly; Path=/; SameSite=Lax", "HttpOnly; Path=/; SameSite=Lax; Secure"},
		"/behind": {"HttpOnly; Max-Age=5; Path=/; SameSite=Strict; Secure", "HttpOnly; Max-Age=5; Path=/; SameSite=Strict; Secure"},
	} {
		resp, _ := open.ask(t, "GET", path)
		if got := attributes(resp); got != want.open {
			t.Errorf("%s without TLS: %s, not %s", path, got, want.open)
		}
		resp, _ = closed.by(f, "first.example").must(path)
		if got := attributes(resp); got != want.closed {
			t.Errorf("%s with TLS: %s, not %s", path, got, want.closed)
		}
	}
}

// attributes are those of the one cookie of an answer, sorted, each as often as it is there.
func attributes(resp *http.Response) string {
	set := resp.Header.Values("Set-Cookie")
	if len(set) != 1 {
		return strings.Join(set, " and ")
	}
	all := strings.Split(set[0], "; ")[1:]
	slices.Sort(all)
	return strings.Join(all, "; ")
}
