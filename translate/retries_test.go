package translate_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

const retried = `
plugins:
  proxy:
    config:
      load_balancing: round_robin
      targets: [{url: "$a", retry_attempts: 2}, {url: "$b"}]
      upstreams:
        half: {load_balancing: round_robin, targets: [{url: "$dead", retry_attempts: 2}, {url: "$b"}]}
endpoints:
  - {path: /try, methods: [GET, POST, PUT], handler: proxy}
  - {path: /once, method: GET, handler: proxy, config: {proxy: {retry_attempts: 0}}}
  - {path: /unsafe, method: POST, handler: proxy, config: {proxy: {retry_non_idempotent: true}}}
  - {path: /any, method: "*", handler: proxy}
  - {path: /half, methods: [GET, POST], handler: proxy, upstream: half}
`

// TestRetries: how often targets are asked for one request. They answer with the
// status that the query says.
func TestRetries(t *testing.T) {
	t.Parallel()
	var asked, spoofed atomic.Int64
	counting := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if len(r.Header.Values("X-Forwarded-Host")) > 1 || strings.Contains(r.Header.Get("X-Forwarded-Host"), ",") {
			spoofed.Add(1)
		}
		if r.URL.RawQuery == "cut" {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}
		status, _ := strconv.Atoi(r.URL.RawQuery)
		w.WriteHeader(status)
	}
	a := httptest.NewServer(http.HandlerFunc(counting))
	t.Cleanup(a.Close)
	b := httptest.NewServer(http.HandlerFunc(counting))
	t.Cleanup(b.Close)
	p := serve(t, retried, map[string]string{"a": a.URL, "b": b.URL, "dead": "http://" + closedPort(t)})
	for _, c := range []struct {
		method, path string
		status       int
		tries        int64
	}{
		{"GET", "/try?200", 200, 1},
		{"GET", "/try?500", 500, 3},
		{"HEAD", "/try?503", 503, 3},
		{"PUT", "/try?502", 502, 3},
		{"GET", "/try?599", 599, 3},
		{"GET", "/try?501", 501, 1},
		{"GET", "/try?404", 404, 1},
		{"GET", "/try?429", 429, 1},
		{"POST", "/try?500", 500, 1},
		{"GET", "/once?500", 500, 1},
		{"POST", "/unsafe?500", 500, 3},
		{"GET", "/any?500", 500, 3},
		{"POST", "/any?500", 500, 1},
		{"GET", "/try?cut", 503, 3},
		{"POST", "/try?cut", 503, 1},
	} {
		asked.Store(0)
		resp, body := p.ask(t, c.method, c.path, "X-Forwarded-Host: evil.example")
		if resp.StatusCode != c.status || asked.Load() != c.tries {
			t.Errorf("%s %s: %d after %d tries, want %d after %d: %s", c.method, c.path, resp.StatusCode, asked.Load(), c.status, c.tries, body)
		}
	}
	if spoofed.Load() > 0 {
		t.Errorf("%d tries had more than one X-Forwarded-Host", spoofed.Load())
	}
	// What never reached a target is sent to another, whatever it is.
	for range 8 {
		for _, method := range []string{"GET", "POST"} {
			if resp, body := p.ask(t, method, "/half?200"); resp.StatusCode != 200 {
				t.Errorf("%s with one of two targets gone: %d %s", method, resp.StatusCode, body)
			}
		}
		resp, err := http.Post(p.url+"/half?200", "text/plain", strings.NewReader(strings.Repeat("x", 500_000)))
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != 200 {
			t.Errorf("500 kB with one of two targets gone: %d", resp.StatusCode)
		}
	}
}

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
