package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
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

// countedFleet is a fleet of two Envoys that count together.
type countedFleet struct {
	*counter
	nodes []*node
	proxy string
	edit  int
}

// write says how many requests /counted takes a day, and what becomes of them while
// nobody counts.
func (c *countedFleet) write(requests int, onFailure string) {
	c.edit++
	c.counter.write("shop.yaml", fmt.Sprintf(fleetLimited, c.ports["shop"], c.target.url, c.edit, c.port, onFailure, requests))
}

// live waits for the last edit in both Envoys.
func (c *countedFleet) live() {
	c.Helper()
	c.until("the edit is live in both", func() bool {
		for range 8 { // new connections go to either
			if _, _, h := ask(&curl, "GET", c.proxy+"/free", ""); h.Get("X-Edit") != fmt.Sprint(c.edit) {
				return false
			}
		}
		return true
	})
}

// answers waits until /counted has a status.
func (c *countedFleet) answers(status int, when string) {
	c.Helper()
	c.until(fmt.Sprint(status, " ", when), func() bool {
		got, _ := c.get(c.proxy + "/counted")
		return got == status
	})
}

// passed is how many of so many requests do; the others are over a limit.
func (c *countedFleet) passed(path string, of int, headers ...string) (n int) {
	c.Helper()
	for range of {
		switch status := askWith(c, c.proxy+path, headers...).StatusCode; status {
		case 200:
			n++
		case 429:
		default:
			c.Fatalf("%s: %d", path, status)
		}
	}
	return n
}

// TestFleetLimits: two Envoys count together, by rules that an edit changes at once; who
// counts may be away, slow, or without its memory.
func TestFleetLimits(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "shop")
	c := &countedFleet{counter: f.newCounter(), proxy: fmt.Sprintf("http://127.0.0.1:%d", f.ports["shop"])}
	c.write(20, "allow")
	p, xds := f.serve("a")
	c.startService(xds)
	c.nodes = []*node{f.envoyNode("one", "shop", xds), f.envoyNode("two", "shop", xds)}
	for _, n := range c.nodes {
		f.until(n.id+" serves", func() bool { return n.stat("listener_manager.total_listeners_active") == "1" })
	}
	c.live()
	f.until("the service is among the nodes", func() bool {
		out, err := exec.Command(program, "status", "--admin", p.admin).CombinedOutput()
		return err == nil && regexp.MustCompile(`(?m)^ratelimit +RLS +SYNCED `).Match(out)
	})

	c.together()

	// Edits of a limit are live while requests go on, and what was counted stays.
	l := run(50, func(int) string { return c.proxy + "/free" }, func(status int, _ string) bool { return status == 200 })
	c.write(1000, "allow")
	c.answers(200, "by a higher limit")
	c.write(10, "allow")
	c.answers(429, "by a lower limit")
	c.failures(xds)
	l.end(t)
}

// together checks what both count.
func (c *countedFleet) together() {
	c.Helper()
	if n := c.passed("/counted", 30); n != 20 {
		c.Errorf("%d of 30 passed, want 20", n)
	}
	for _, n := range c.nodes {
		if over := n.stat("cluster.default.ratelimit.rate_limit.ok"); over == "" || over == "0" {
			c.Errorf("%s let nothing pass: %q", n.id, over)
		}
	}
	status, body, h := ask(&curl, "GET", c.proxy+"/counted", "")
	if status != 429 || !strings.Contains(body, "too_many_requests") || !strings.HasPrefix(h.Get("X-Ratelimit-Limit"), "20, 20;w=86400") ||
		h.Get("X-Ratelimit-Remaining") != "0" || h.Get("Retry-After") == "" || h.Get("X-Ratelimit-Reset") == "" {
		c.Error(status, body, h)
	}
	if n := c.passed("/tenants/a", 4, "X-Tenant", "a") + c.passed("/tenants/b", 4, "X-Tenant", "a"); n != 2 {
		c.Errorf("%d of tenant a passed, want 2", n)
	}
	if n := c.passed("/tenants/a", 4, "X-Tenant", "b"); n != 2 {
		c.Errorf("%d of tenant b passed, want 2", n)
	}
	if n := c.passed("/tenants/a", 4); n != 2 {
		c.Errorf("%d without a tenant passed, want 2", n)
	}
}

// failures are of the service and its memory.
func (c *countedFleet) failures(xds string) {
	c.Helper()
	c.write(10, "deny")
	c.live()
	c.end(c.service)
	c.answers(503, "while nobody counts")
	c.write(10, "allow")
	c.live()
	c.answers(200, "while nobody counts")
	c.startService(xds)
	c.answers(429, "when somebody counts again")

	_ = c.service.Process.Signal(syscall.SIGSTOP)
	begin := time.Now()
	if status, _ := c.get(c.proxy + "/counted"); status != 200 || time.Since(begin) < 400*time.Millisecond {
		c.Errorf("with a slow service: %d after %v", status, time.Since(begin))
	}
	_ = c.service.Process.Signal(syscall.SIGCONT)
	c.answers(429, "when it is fast again")

	c.end(c.redis)
	c.answers(200, "without its memory")
	c.write(10, "deny")
	c.live()
	c.answers(503, "without its memory")
	c.startRedis()
	c.answers(429, "with a new one")
	_ = c.redis.Process.Signal(syscall.SIGSTOP)
	c.answers(503, "with a slow memory")
	_ = c.redis.Process.Signal(syscall.SIGCONT)
	c.answers(429, "when it is fast again")
}

func askWith(t testing.TB, url string, headers ...string) *http.Response {
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
