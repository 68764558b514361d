package translate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// compresses is a target that packs its answer itself where it is asked to.
func compresses(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h := w.Header()
		h.Set("Content-Type", "text/plain")
		h.Set("Vary", "Accept-Encoding")
		h.Set("ETag", `"one"`)
		body := squeezable
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = squeezed(body)
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// TestCacheAndCompression: one plain answer is kept for all, and each client gets it as it
// asks for it, whoever asked first.
func TestCacheAndCompression(t *testing.T) {
	t.Parallel()
	url, asked := compresses(t)
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  compression: {config: {algorithms: [gzip, br], min_length: 100}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints:
  - {path: "/*"}
  - {path: "/own/*", config: {compression: false}}
`, map[string]string{"target": url, "dir": t.TempDir()})
	silent := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}} // says no Accept-Encoding
	check := func(path, accept, encoding string, more ...string) {
		t.Helper()
		resp, body := p.ask(t, "GET", path, append(more, "Accept-Encoding: "+accept)...)
		h := resp.Header
		if resp.StatusCode != 200 || h.Get("Content-Encoding") != encoding {
			t.Errorf("%s with %q: %d %v", path, accept, resp.StatusCode, h)
			return
		}
		if encoding == "gzip" {
			body = plainOf(t, body)
		}
		if encoding != "br" && body != squeezable {
			t.Errorf("%s with %q: another body, %v", path, accept, h)
		}
		if strong := h.Get("ETag") == `"one"`; strong != (encoding == "" || more != nil) {
			t.Errorf("%s with %q: ETag %s", path, accept, h.Get("ETag"))
		}
		if !strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s with %q: no Vary: %v", path, accept, h)
		}
	}
	for first, encoding := range map[string]string{"gzip": "gzip", "identity": "", "br": "br"} {
		path := "/" + first
		check(path, first, encoding)
		poll(t, func() bool {
			resp, _ := p.ask(t, "GET", path, "Accept-Encoding: "+first)
			return resp.Header.Get("X-Cache") == "hit"
		})
		n := asked.Load()
		for accept, want := range map[string]string{"gzip": "gzip", "br": "br", "identity": "", "gzip;q=0": "", "zstd": ""} {
			check(path, accept, want)
		}
		resp, err := silent.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || resp.Header.Get("Content-Encoding") != "" || string(body) != squeezable {
			t.Errorf("%s without Accept-Encoding: %v %v", path, resp.Header, err)
		}
		_ = resp.Body.Close()
		if asked.Load() != n {
			t.Errorf("%s: one answer is not enough for all", path)
		}
		own := "/own/" + first
		check(own, first, "")
		p.kept(t, own, "Accept-Encoding: "+first)
		for _, accept := range []string{"gzip", "identity", "br"} {
			check(own, accept, "")
		}
		check(own, "gzip", "gzip", "Cookie: a=b") // passes by, and is not kept for others
		check(own, "identity", "")
	}
}

// TestCacheAndMirrors: a mirror gets copies of what reaches targets, which hits do not.
func TestCacheAndMirrors(t *testing.T) {
	t.Parallel()
	a, asked := counted(t)
	shadow, copies := named(t, "shadow")
	p := serve(t, `
plugins:
  proxy: {config: {targets: [$A], upstreams: {shadow: {targets: [$SHADOW]}}}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints: [{path: "/*", config: {proxy: {mirror: shadow}}}]
`, map[string]string{"A": a, "SHADOW": shadow, "dir": t.TempDir()})
	p.kept(t, "/x")
	for range 10 {
		p.kept(t, "/x")
	}
	for i := range 5 {
		p.ask(t, "GET", fmt.Sprint("/y?n=", i))
		p.ask(t, "POST", "/x")
	}
	poll(t, func() bool { return copies.Load() == asked.Load() })
	if n := asked.Load(); n < 11 || n > 14 { // the first answer is kept a moment after it was sent
		t.Errorf("%d requests reached the target", n)
	}
}

// TestCacheAndCanaries: nobody gets what a canary said but who would have been sent to it,
// nor the other way round, and an edit of a split begins with nothing kept.
func TestCacheAndCanaries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := newMoody(t, "a"), newMoody(t, "b")
	blueprint := `
plugins:
  proxy: {config: {targets: [$A], upstreams: {b: {targets: [$B]}}}}
  cache: {config: {directory: "$dir", ttl: 60, cookies: [team]}}
endpoints:
  - {path: /by, config: {proxy: {canary: [{upstream: b, header: {X-Beta: "1"}}, {upstream: b, cookie: {who: me}}]}}}
  - {path: /in, config: {cache: {vary: [X-Beta]}, proxy: {canary: [{upstream: b, header: {X-Beta: "1"}}, {upstream: b, cookie: {team: b}}, {upstream: b, header: {host: b.example}}]}}}
  - {path: /split, config: {proxy: {split: {default: $WEIGHT, b: 1}}}}
`
	where := map[string]string{"A": a.url, "B": b.url, "dir": dir, "WEIGHT": "0"}
	p := serve(t, blueprint, where)
	for _, path := range []string{"/by", "/in"} {
		if got := p.kept(t, path); !strings.HasPrefix(got, "a ") {
			t.Error(path, got)
		}
	}
	for _, c := range []struct{ path, header, cache, want string }{
		{"/by", "X-Beta: 1", "bypass", "b "},
		{"/by", "X-Beta: 2", "bypass", "a "},
		{"/by", "Cookie: who=me", "bypass", "b "},
		{"/by", "Cookie: x=y", "hit", "a "},
		{"/in", "X-Beta: 1", "hit", "b "},
		{"/in", "X-Beta: 2", "hit", "a "},
		{"/in", "Cookie: team=b", "hit", "b "},
		{"/in", "Cookie: team=a", "hit", "a "},
		{"/in", "Host: b.example", "hit", "b "},
		{"/in", "X-Other: 1", "hit", "a "},
	} {
		if c.cache == "hit" {
			p.kept(t, c.path, c.header)
		}
		for range 3 {
			if resp, body := p.ask(t, "GET", c.path, c.header); resp.Header.Get("X-Cache") != c.cache || !strings.HasPrefix(body, c.want) {
				t.Errorf("%s with %s: %s: %s, want %s from %s", c.path, c.header, resp.Header.Get("X-Cache"), body, c.cache, c.want)
			}
		}
	}
	if got := p.kept(t, "/split", "Host: x"); !strings.HasPrefix(got, "b ") {
		t.Error(got)
	}
	where["WEIGHT"] = "1"
	p = serve(t, strings.Replace(blueprint, "b: 1", "b: 0", 1), where)
	if resp, body := p.ask(t, "GET", "/split", "Host: x"); resp.Header.Get("X-Cache") != "miss" || !strings.HasPrefix(body, "a ") {
		t.Errorf("of a part that is no more: %v %s", resp.Header, body)
	}
}
