package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

const fleetLimited = `name: shop
nodes: {cluster: shop}
server: {host: 127.0.0.1, port: %d}
plugins:
  proxy: {config: {targets: [%q], transform_response: {headers: {X-Edit: "%d"}}}}
  rate_limit: {config: {service: "http://127.0.0.1:%d", timeout: 500ms, on_failure: %s}}
endpoints:
  - {path: /free}
  - {path: /counted, config: {rate_limit: {requests: %d, per: day, by: client_ip, scope: fleet}}}
  - {path: "/tenants/*", config: {rate_limit: {requests: 2, per: day, by: ["header:X-Tenant", endpoint], scope: fleet}}}
`

// TestFleetLimits: two Envoys count together, by rules that an edit changes at once; who
// counts may be away, slow, or without its memory.
func TestFleetLimits(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "shop")
	c := f.newCounter()
	edit := 0
	write := func(requests int, onFailure string) {
		edit++
		f.write("shop.yaml", fmt.Sprintf(fleetLimited, f.ports["shop"], f.target.url, edit, c.port, onFailure, requests))
	}
	write(20, "allow")
	_, xds := f.serve("a")
	c.startService(xds)
	nodes := []*node{f.envoyNode("one", "shop", xds), f.envoyNode("two", "shop", xds)}
	proxy := fmt.Sprintf("http://127.0.0.1:%d", f.ports["shop"])
	for _, n := range nodes {
		f.until(n.id+" serves", func() bool { return n.stat("listener_manager.total_listeners_active") == "1" })
	}
	free := func() bool { status, _ := f.get(proxy + "/free"); return status == 200 }
	f.until("requests are served", free)
	live := func() {
		t.Helper()
		f.until("the edit is live in both", func() bool {
			for range 8 { // new connections go to either
				if _, _, h := ask(&curl, "GET", proxy+"/free", ""); h.Get("X-Edit") != fmt.Sprint(edit) {
					return false
				}
			}
			return true
		})
	}
	passed := func(path string, most int, headers ...string) (n int) {
		t.Helper()
		for range most {
			switch status := askWith(t, proxy+path, headers...).StatusCode; status {
			case 200:
				n++
			case 429:
			default:
				t.Fatalf("%s: %d", path, status)
			}
		}
		return n
	}

	if n := passed("/counted", 30); n != 20 {
		t.Errorf("%d of 30 passed, want 20", n)
	}
	for _, n := range nodes {
		if over := n.stat("cluster.default.ratelimit.rate_limit.ok"); over == "" || over == "0" {
			t.Errorf("%s let nothing pass: %q", n.id, over)
		}
	}
	status, body, h := ask(&curl, "GET", proxy+"/counted", "")
	if status != 429 || !strings.Contains(body, "too_many_requests") || !strings.HasPrefix(h.Get("X-Ratelimit-Limit"), "20, 20;w=86400") ||
		h.Get("X-Ratelimit-Remaining") != "0" || h.Get("Retry-After") == "" || h.Get("X-Ratelimit-Reset") == "" {
		t.Error(status, body, h)
	}
	if n := passed("/tenants/a", 4, "X-Tenant", "a") + passed("/tenants/b", 4, "X-Tenant", "a"); n != 2 {
		t.Errorf("%d of tenant a passed, want 2", n)
	}
	if n := passed("/tenants/a", 4, "X-Tenant", "b"); n != 2 {
		t.Errorf("%d of tenant b passed, want 2", n)
	}
	if n := passed("/tenants/a", 4); n != 2 {
		t.Errorf("%d without a tenant passed, want 2", n)
	}

	// Edits of a limit are live while requests go on, and what was counted stays.
	l := run(50, func(int) string { return proxy + "/free" }, func(status int, _ string) bool { return status == 200 })
	write(1000, "allow")
	counted := func(want int) func() bool {
		return func() bool { status, _ := f.get(proxy + "/counted"); return status == want }
	}
	f.until("a higher limit holds", counted(200))
	write(10, "allow")
	f.until("a lower limit holds", counted(429))
	write(10, "deny")
	live()

	// Nobody counts.
	c.end(c.service)
	f.until("requests are refused while nobody counts", counted(503))
	write(10, "allow")
	live()
	f.until("requests pass while nobody counts", counted(200))
	c.startService(xds)
	f.until("they are counted again", counted(429))

	// Who counts is slow.
	_ = c.service.Process.Signal(syscall.SIGSTOP)
	begin := time.Now()
	if status, _ := f.get(proxy + "/counted"); status != 200 || time.Since(begin) < 400*time.Millisecond {
		t.Errorf("with a slow service: %d after %v", status, time.Since(begin))
	}
	_ = c.service.Process.Signal(syscall.SIGCONT)
	f.until("they are counted again", counted(429))

	// It has lost its memory.
	c.end(c.redis)
	f.until("requests pass without the memory", counted(200))
	c.startRedis()
	f.until("they are counted again", counted(429))
	l.end(t)
}

func askWith(t *testing.T, url string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := curl.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}
