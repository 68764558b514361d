package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCacheEditsLoseNothing: the cache comes, changes and goes under load; no request is
// lost, and none gets what was kept under other rules.
func TestCacheEditsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newBackend(s, "one")
	dir := t.TempDir()
	text := func(i int) string {
		cache := fmt.Sprintf("  cache: {config: {directory: %q, ttl: 30}}\n", dir)
		own := ""
		switch i % 5 {
		case 0:
			if cache = "  cache: {enabled: false}\n"; i%2 == 0 {
				cache = "" // the plugin is taken out
			}
		case 2:
			cache = fmt.Sprintf("  cache: {config: {directory: %q, ttl: 30, vary: [X-%d], cookies: []}}\n", dir, i)
		case 3:
			own = ", config: {cache: {ttl: 5}}"
		case 4: // the store itself, also in another place
			place := dir
			if i%10 == 9 {
				place = t.TempDir()
			}
			cache = fmt.Sprintf("  cache: {config: {directory: %q, ttl: 30, max_entries: %d}}\n", place, 100+i)
		}
		return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy: {config: {targets: [{url: %q, retry_attempts: 1}], transform_response: {headers: {X-Edit: "%d"}}}}
%sendpoints:
  - {path: /a, method: GET%s}
  - {path: /b, method: GET}
  - {path: /metrics, method: GET, handler: metrics}
`, s.port, b.url, i, cache, own)
	}
	s.write("main.yaml", text(0))
	s.start("--", "--concurrency", "2").live()
	l := run(200, func(i int) string { return fmt.Sprintf("%s/%c?n=%d", s.proxy, "ab"[i%2], i%7) },
		func(status int, _ string) bool { return status == 200 })
	for i := 1; i <= 25; i++ {
		s.write("main.yaml", text(i))
		s.until(fmt.Sprintf("edit %d is live", i), func() bool {
			status, _, h := ask(&curl, http.MethodGet, s.proxy+"/b", "")
			return status == 200 && h.Get("X-Edit") == fmt.Sprint(i) && (h.Get("X-Cache") != "") == (i%5 != 0)
		})
	}
	s.write("main.yaml", text(26))
	s.until("answers are kept", func() bool {
		_, _, h := ask(&curl, http.MethodGet, s.proxy+"/b?end", "")
		return h.Get("X-Cache") == "hit" && h.Get("X-Edit") == "26"
	})
	s.until("hits are counted", func() bool {
		_, body, _ := ask(&curl, http.MethodGet, s.proxy+"/metrics", "")
		return strings.Contains(body, "envoy_backworks_cache_requests{") && strings.Contains(body, `result="hit"`)
	})
	l.end(t)
}
