package translate_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"backworks/translate"
)

// says answers with its name, and the status that is its query's.
func says(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, err := strconv.Atoi(r.URL.RawQuery); err == nil {
			w.WriteHeader(status)
		}
		_, _ = io.WriteString(w, name+" "+r.Host)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What a pool says of its breaker, its hashing and its host holds with a fallback as
// without one; a chain of fallbacks is gone down as far as needed.
func TestFallback(t *testing.T) {
	t.Parallel()
	a, b, c := says(t, "a"), says(t, "b"), says(t, "c")
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        first: {targets: [$A], circuit_breaker: {failure_threshold: 3, recovery_timeout: 1h}, fallback: second}
        second: {targets: [$B], circuit_breaker: {failure_threshold: 3, recovery_timeout: 1h}, fallback: third}
        third: {targets: [$C]}
        sticky: {targets: [$A, $B, $C], load_balancing: {algorithm: ring_hash, hash_on: {cookie: at, ttl: 0}}, fallback: third}
endpoints:
  - {path: /chain, upstream: first}
  - {path: /sticky, upstream: sticky}
`, map[string]string{"A": a, "B": b, "C": c})
	ask := func(want, path string) {
		t.Helper()
		_, body := p.ask(t, "GET", path)
		if name, host, _ := strings.Cut(body, " "); name != want || "http://"+host != map[string]string{"a": a, "b": b, "c": c}[want] {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
	for range 10 {
		ask("a", "/chain?501") // no failure
	}
	for _, next := range []string{"b", "c"} {
		for range 3 {
			p.ask(t, "GET", "/chain?500")
		}
		poll(t, func() bool { _, body := p.ask(t, "GET", "/chain"); return strings.HasPrefix(body, next) })
	}
	for range 10 {
		ask("c", "/chain")
	}
	resp, body := p.ask(t, "GET", "/sticky")
	if len(resp.Cookies()) != 1 {
		t.Fatalf("cookies: %v", resp.Cookies())
	}
	for range 10 {
		if _, again := p.ask(t, "GET", "/sticky", "Cookie: "+resp.Cookies()[0].Name+"="+resp.Cookies()[0].Value); again != body {
			t.Errorf("the session of %s is at %s", body, again)
		}
	}
	if resp, _ := p.ask(t, "GET", "/health"); resp.StatusCode != 200 {
		t.Errorf("health: %d", resp.StatusCode)
	}
}

// A retry goes to another target of the pool, or to the fallback where there is none. Envoy
// ejects a target in its main thread, which the wait between tries leaves time for.
func TestFallbackAfterRetries(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, "well")
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [http://$GONE]
      circuit_breaker: {failure_threshold: 2, recovery_timeout: 1h}
      retry: {attempts: 10, backoff: {base: 25ms}}
      fallback: other
      upstreams: {other: {targets: [$S]}}
`, map[string]string{"GONE": closedPort(t), "S": s.URL})
	for range 20 {
		if resp, body := p.ask(t, "GET", "/x"); resp.StatusCode != 200 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}

// The pools of one chain may speak different protocols, each over TLS or not.
func TestFallbackSpeaksOtherProtocol(t *testing.T) {
	t.Parallel()
	protocol := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	one := httptest.NewServer(protocol)
	t.Cleanup(one.Close)
	two := httptest.NewUnstartedServer(protocol)
	two.Config.Protocols = new(http.Protocols)
	two.Config.Protocols.SetUnencryptedHTTP2(true)
	two.Start()
	t.Cleanup(two.Close)
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        one: {targets: [$ONE]}
        two: {targets: [$TWO], protocol: http2}
        gone: {targets: [http://$GONE], fallback: two, `+gone+`}
        gone2: {targets: [http://$GONE], protocol: http2, fallback: one, `+gone+`}
        goneTLS: {targets: [https://$GONE], fallback: two, `+gone+`}
        one-first: {targets: [$ONE], fallback: two}
        two-first: {targets: [$TWO], protocol: http2, fallback: one}
endpoints:
  - {path: /a, upstream: gone}
  - {path: /b, upstream: gone2}
  - {path: /c, upstream: goneTLS}
  - {path: /d, upstream: one-first}
  - {path: /e, upstream: two-first}
`, map[string]string{"ONE": one.URL, "TWO": two.URL, "GONE": closedPort(t)})
	for path, want := range map[string]string{"/a": "HTTP/2.0", "/b": "HTTP/1.1", "/c": "HTTP/2.0", "/d": "HTTP/1.1", "/e": "HTTP/2.0"} {
		var body string
		poll(t, func() bool {
			var resp *http.Response
			resp, body = p.ask(t, "GET", path)
			return resp.StatusCode == 200
		})
		if body != want {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
}

// A fallback by TLS is verified by its own rules.
func TestFallbackByTLS(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        good: {targets: [$TLS], resolve: envoy, tls: {ca: $DIR/ca.pem}}
        bad: {targets: [$TLS], resolve: envoy, tls: {ca: $DIR/ca.pem, sni: another.example}}
        to-good: {targets: [http://$GONE], fallback: good, `+gone+`}
        to-bad: {targets: [http://$GONE], fallback: bad, `+gone+`}
endpoints:
  - {path: /good, upstream: to-good}
  - {path: /bad, upstream: to-bad}
`, map[string]string{"DIR": f.dir, "TLS": f.upstream(false, 0, "localhost"), "GONE": closedPort(t)})
	poll(t, func() bool {
		resp, _ := p.ask(t, "GET", "/good")
		return resp.StatusCode == 200 && resp.Header.Get("X-Sni") == "localhost" && strings.HasPrefix(resp.Header.Get("X-Host"), "localhost:")
	})
	for range 10 {
		if resp, body := p.ask(t, "GET", "/bad"); resp.StatusCode != 503 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	}
}

// An edit elsewhere leaves the clusters of fallbacks as they were, and a change of one is
// one of that cluster alone.
func TestUpdateKeepsFallbacks(t *testing.T) {
	t.Parallel()
	const text = `
plugins:
  proxy:
    config:
      targets: ["http://a:1"]
      fallback: b
      timeout: TIME
      upstreams: {b: {targets: ["http://b:1"]}, b-2: {targets: ["http://b:2"]}, c: {targets: ["http://c:1"], fallback: NEXT}}
`
	made := func(prev *translate.Resources, time, next string) (*translate.Resources, map[string]any) {
		r, problems := translate.Update(prev, oneFile(t, strings.NewReplacer("TIME", time, "NEXT", next).Replace(text)))
		if r == nil {
			t.Fatal(problems)
		}
		out := map[string]any{}
		for i, c := range r.Clusters {
			if out[c.Name] = c.Message; i > 0 && r.Clusters[i-1].Name >= c.Name {
				t.Errorf("%s stands behind %s", c.Name, r.Clusters[i-1].Name)
			}
		}
		return r, out
	}
	r, first := made(nil, "5s", "b")
	r, second := made(r, "6s", "b")
	_, third := made(r, "6s", "b-2")
	for _, name := range []string{"b", "b-2", "c", "c/fallback", "default/fallback"} {
		if first[name] == nil || first[name] != second[name] {
			t.Errorf("%s was made again", name)
		}
		if (second[name] == third[name]) != (name != "c/fallback" && name != "c") {
			t.Errorf("%s: made again %v", name, second[name] != third[name])
		}
	}
}

// gone is for a pool whose breaker opens at once.
const gone = "circuit_breaker: {failure_threshold: 1, recovery_timeout: 1h}"
