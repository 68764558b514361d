package translate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What hash_on names keeps requests at one target; of several, the first that is there.
func TestHashOn(t *testing.T) {
	t.Parallel()
	targets := map[string]string{}
	list := make([]string, 0, 5)
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		targets[name], _ = named(t, name)
		list = append(list, "$"+name)
	}
	p := serve(t, strings.ReplaceAll(`
plugins:
  proxy:
    config:
      upstreams:
        ring: {targets: [ALL], load_balancing: {algorithm: ring_hash, hash_on: [{header: X-User}, {cookie: user}, {query: user}]}}
        maglev: {targets: [ALL], load_balancing: {algorithm: maglev, hash_on: {header: X-User}}}
        made: {targets: [ALL], load_balancing: {algorithm: maglev, hash_on: {cookie: made, ttl: 1h}}}
        client: {targets: [ALL], load_balancing: ring_hash}
endpoints:
  - {path: /ring, upstream: ring}
  - {path: /maglev, upstream: maglev}
  - {path: /made, upstream: made}
  - {path: /client, upstream: client}
`, "ALL", strings.Join(list, ", ")), targets)
	// same is the target that ten such requests reach; "" for more than one.
	same := func(path string, headers ...string) string {
		seen := map[string]bool{}
		var body string
		for range 10 {
			_, body = p.ask(t, "GET", path, headers...)
			seen[body[:1]] = true
		}
		if len(seen) > 1 {
			return ""
		}
		return body[:1]
	}
	for _, path := range []string{"/ring", "/maglev"} {
		used := map[string]bool{}
		for i := range 20 {
			at := same(path, fmt.Sprint("X-User: ", i))
			if used[at] = true; at == "" {
				t.Errorf("%s: user %d moved", path, i)
			}
		}
		if len(used) < 3 {
			t.Errorf("%s: 20 users are at %d of 5 targets", path, len(used))
		}
	}
	byHeader := same("/ring", "X-User: 1")
	for i := range 10 {
		if got := same("/ring", "X-User: 1", fmt.Sprint("Cookie: user=", i)); got != byHeader {
			t.Errorf("a cookie behind the header moved a user from %s to %q", byHeader, got)
		}
	}
	if same("/ring", "Cookie: a=b; user=x") == "" || same("/ring?user=z") == "" || same("/client") == "" {
		t.Error("requests with one key moved")
	}
	if same("/ring") != "" || same("/maglev") != "" {
		t.Error("requests without a key all went to one of 5 targets")
	}
	resp, body := p.ask(t, "GET", "/made")
	if len(resp.Cookies()) != 1 || resp.Cookies()[0].Name != "made" || resp.Cookies()[0].MaxAge != 3600 {
		t.Fatalf("cookies: %v", resp.Cookies())
	}
	if at := same("/made", "Cookie: made="+resp.Cookies()[0].Value); at != body[:1] {
		t.Errorf("with the cookie %q, without it %s", at, body)
	}
}

// A client stays at the target that answered it first, but not when that is away, and
// nothing that it makes of its cookie leads it elsewhere.
func TestStickySessions(t *testing.T) {
	t.Parallel()
	a, _ := named(t, "a")
	c, _ := named(t, "c")
	other, strangers := named(t, "other")
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "b") }))
	t.Cleanup(b.Close)
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [$A, $B, $C]
      retry_attempts: 2
      sticky_sessions: {ttl: 10m}
      upstreams: {other: {targets: [$OTHER]}}
endpoints:
  - {path: /s}
  - {path: /other, upstream: other}
`, map[string]string{"A": a, "B": b.URL, "C": c, "OTHER": other})
	var cookie *http.Cookie
	for cookie == nil {
		resp, body := p.ask(t, "GET", "/s")
		if len(resp.Cookies()) != 1 || resp.Cookies()[0].Name != "backworks-default" || !resp.Cookies()[0].HttpOnly {
			t.Fatalf("cookies: %v", resp.Cookies())
		}
		if body == "b" {
			cookie = resp.Cookies()[0]
		}
	}
	for range 10 {
		if _, body := p.ask(t, "GET", "/s", "Cookie: "+cookie.Name+"="+cookie.Value); body != "b" {
			t.Fatalf("the session of b is at %s", body)
		}
	}
	if resp, _ := p.ask(t, "GET", "/other"); len(resp.Cookies()) > 0 {
		t.Errorf("a pool without sessions sets %v", resp.Cookies())
	}
	b.Close()
	before := strangers.Load()
	for _, value := range []string{cookie.Value, "rubbish", "", "MTI3LjAuMC4xOjE=", strings.Repeat("A", 4000)} {
		resp, body := p.ask(t, "GET", "/s", "Cookie: "+cookie.Name+"="+value)
		if resp.StatusCode != 200 || body[:1] != "a" && body[:1] != "c" {
			t.Errorf("%.20q: %d %s", value, resp.StatusCode, body)
		}
	}
	if strangers.Load() != before {
		t.Error("a cookie led to a target of another pool")
	}
}

// What is beyond a pool's limits is answered at once, as JSON.
func TestLimits(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	var under, most atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), under.Add(1)))
		defer under.Add(-1)
		<-hold
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        connections: {targets: [$S], limits: {max_connections: 2, max_pending_requests: 3}}
        requests: {targets: [$S], limits: {max_requests: 2}}
endpoints:
  - {path: /connections, upstream: connections}
  - {path: /requests, upstream: requests}
`, map[string]string{"S": s.URL})
	ask := func(path string, n int) (answers chan string) {
		answers = make(chan string, n)
		for range n {
			go func() {
				resp, err := http.Get(p.url + path)
				if err != nil {
					answers <- err.Error()
					return
				}
				defer func() { _ = resp.Body.Close() }()
				body, _ := io.ReadAll(resp.Body)
				answers <- fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"), " ", strings.TrimSpace(string(body)))
			}()
		}
		return answers
	}
	const full = `503 application/json {"error":"service_unavailable","message":"no target could serve this request"}`
	first := ask("/connections", 2)
	poll(t, func() bool { return under.Load() == 2 })
	waiting := ask("/connections", 6)
	for range 3 {
		if got := <-waiting; got != full {
			t.Errorf("connections: %s", got)
		}
	}
	second := ask("/requests", 6)
	for range 4 {
		if got := <-second; got != full {
			t.Errorf("requests: %s", got)
		}
	}
	close(hold)
	for range 2 {
		if got := <-first; got != "200  " {
			t.Errorf("connections: %s", got)
		}
	}
	for range 3 {
		if got := <-waiting; got != "200  " {
			t.Errorf("connections, waiting: %s", got)
		}
	}
	if most.Load() > 4 {
		t.Errorf("%d at once, want 4", most.Load())
	}
}

// A target that was away gets its share little by little.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	a, _ := named(t, "a")
	const window = time.Second
	begun := time.Now()
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It comes when the other one, new at the beginning too, has its whole share.
		if r.URL.Path == "/health" && time.Since(begun) < window+500*time.Millisecond {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "b")
	}))
	t.Cleanup(b.Close)
	p := serve(t, strings.ReplaceAll(`
plugins:
  proxy:
    config:
      upstreams:
        turns: {load_balancing: round_robin, ALL}
        least: {load_balancing: least_connections, ALL}
endpoints: [{path: /turns, upstream: turns}, {path: /least, upstream: least}]
`, "ALL", `targets: [$A, $B], slow_start: {window: 1s, min_weight_percent: 5}, health_check: {interval: 100ms, timeout: 100ms, healthy_threshold: 1}`),
		map[string]string{"A": a, "B": b.URL})
	share := func(path string, n int) (of int) {
		for range n {
			if _, body := p.ask(t, "GET", path); body == "b" {
				of++
			}
		}
		return of
	}
	poll(t, func() bool { return share("/turns", 20)+share("/least", 20) > 0 })
	for _, path := range []string{"/turns", "/least"} {
		if n := share(path, 100); n > 35 {
			t.Errorf("%s: a target that has just come got %d of 100", path, n)
		}
	}
	poll(t, func() bool { n := share("/turns", 40); return n > 18 && n < 22 })
}

// Without weights, the target with fewer requests under way gets the next one.
func TestLeastRequest(t *testing.T) {
	t.Parallel()
	a, fast := named(t, "a")
	hold := make(chan struct{})
	var held atomic.Int64
	b := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { held.Add(1); <-hold }))
	t.Cleanup(b.Close)
	p := serve(t, `plugins: {proxy: {config: {targets: [$A, $B], load_balancing: least_request}}}`, map[string]string{"A": a, "B": b.URL})
	var wg sync.WaitGroup
	const n = 40
	for i := range int64(n) {
		wg.Go(func() {
			c := http.Client{Timeout: 10 * time.Second}
			if resp, err := c.Get(p.url + "/x"); err == nil {
				_ = resp.Body.Close()
			}
		})
		poll(t, func() bool { return fast.Load()+held.Load() > i })
	}
	close(hold)
	wg.Wait()
	// Of the two targets that Envoy draws both are this one in a quarter of the cases.
	if held.Load() > n*6/10 {
		t.Errorf("the target that does not answer got %d of %d", held.Load(), n)
	}
}
