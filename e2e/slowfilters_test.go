package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSlowFiltersLoseNothing: a request that a filter holds has its route already; the pool
// that it is for may be gone from the blueprint when it goes on.
func TestSlowFiltersLoseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newBackend(s, "one")
	authority := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-time.After(150 * time.Millisecond) }))
	t.Cleanup(authority.Close)
	text := func(i int) string {
		return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy: {config: {upstreams: {pool-%d: {targets: [%q]}}, transform_response: {headers: {X-Edit: "%d"}}}}
  auth: {config: {ext_authz: {url: %q, timeout: 5s}}}
endpoints:
  - {path: /a, upstream: pool-%d}
  - {path: /body, public: true, upstream: pool-%d, config: {transformations: {request: {body: {set: {added: "1"}}}}}}
  - {path: /now, public: true, handler: static, config: {static: {headers: {X-Edit: "%d"}}}}
`, s.port, i, b.url, i, authority.URL, i, i, i)
	}
	s.write("main.yaml", text(0))
	s.start("--", "--concurrency", "2").live()
	l := run(100, func(int) string { return s.proxy + "/a" }, func(status int, _ string) bool { return status == 200 })
	for i := 1; i <= 20; i++ {
		// The script waits for the whole body, whose second half comes after the edit.
		body, half := io.Pipe()
		answered := make(chan string, 1)
		go func() {
			resp, err := http.Post(s.proxy+"/body", "application/json", body)
			if err != nil {
				answered <- err.Error()
				return
			}
			_ = resp.Body.Close()
			answered <- resp.Status
		}()
		_, _ = io.WriteString(half, `{"a": `)
		s.write("main.yaml", text(i))
		s.until(fmt.Sprintf("edit %d is live", i), func() bool {
			_, _, h := ask(&curl, http.MethodGet, s.proxy+"/now", "")
			return h.Get("X-Edit") == fmt.Sprint(i)
		})
		_, _ = io.WriteString(half, `1}`)
		_ = half.Close()
		if got := <-answered; got != "200 OK" {
			t.Errorf("edit %d: a body in two halves: %s", i, got)
		}
	}
	l.end(t)
}
