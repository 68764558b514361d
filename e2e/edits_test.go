package e2e

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"backworks/envoy/testport"
)

// edits makes blueprints that differ from each other in one thing and serve the same:
// /a and /b by a target that lives, and a header that tells the edit.
type edits struct {
	*site
	good [3]*backend
	hang string // a target that takes connections and says nothing
}

func newEdits(s *site) *edits {
	e := &edits{site: s, good: [3]*backend{newBackend(s, "one"), newBackend(s, "two"), newBackend(s, "three")}}
	lis := testport.Listen(s)
	s.Cleanup(func() { _ = lis.Close() })
	var held []net.Conn // not collected, which would close them
	go func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				for _, c := range held {
					_ = c.Close()
				}
				return
			}
			held = append(held, c)
		}
	}()
	e.hang = "http://" + lis.Addr().String()
	return e
}

// kinds is how many kinds of edit there are; text(i) is of kind i modulo kinds.
const kinds = 10

// text is the blueprint after edit i. What differs to the one before is what i is of
// its kind, and goes away with the next.
func (e *edits) text(i int) string {
	one, two, timeout, policy := "1.0", "2.0", "30", ""
	algorithm, upstream := "weighted_round_robin", "default"
	target, route, pool := "", "", ""
	switch i % kinds {
	case 1: // weights
		one, two = "0.5", fmt.Sprint(i)
	case 2: // a route comes
		route = "  - {path: \"/b/{id}\", method: GET, handler: proxy, config: {proxy: {path: /x}}}\n"
	case 3: // a target comes, and goes
		target = fmt.Sprintf("        - {name: three, url: %q, timeout: 30, retry_attempts: 1}\n", e.good[2].url)
	case 4: // the cluster itself: it is made anew
		policy = "      connect_timeout: 7\n"
	case 5:
		policy = "      circuit_breaker: {failure_threshold: 7, recovery_timeout: 9}\n"
	case 6:
		timeout = "31"
	case 7:
		algorithm = "least_connections"
	case 8: // a new pool, to which the route goes
		upstream, pool = "other", fmt.Sprintf("        other: {targets: [{url: %q}]}\n", e.good[1].url)
	case 9: // a new pool that takes a second to warm, because a target hangs
		upstream = "slow"
		pool = fmt.Sprintf("        slow: {targets: [{url: %q}, {url: %q}], health_check: {interval: 30, timeout: 1}}\n", e.hang, e.good[1].url)
	}
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      load_balancing: %s
      targets:
        - {name: one, url: %q, weight: %s, timeout: %s, retry_attempts: 1}
        - {name: two, url: %q, weight: %s, timeout: %s, retry_attempts: 1}
%s%s      upstreams:
        spare: {targets: [{url: %q}]}
%s      transform_response: {headers: {X-Edit: "%d"}}
endpoints:
  - {path: /a, method: GET, handler: proxy}
  - {path: /b, method: GET, handler: proxy, upstream: %s}
%s`, e.port, algorithm, e.good[0].url, one, timeout, e.good[1].url, two, timeout, target, policy,
		e.good[0].url, pool, i, upstream, route)
}

// seen tells whether a new request is answered by edit i.
func (e *edits) seen(i int) bool {
	status, _, header := ask(&curl, http.MethodGet, e.proxy+"/b", "")
	return status == 200 && header.Get("X-Edit") == fmt.Sprint(i)
}

// TestEditsLoseNothing: 100 edits of all kinds, saved in both ways, under load.
func TestEditsLoseNothing(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	e.write("main.yaml", e.text(0))
	e.start("--", "--concurrency", "2").live()
	l := run(400, func(i int) string { return e.proxy + []string{"/a", "/b"}[i%2] },
		func(status int, _ string) bool { return status == 200 })
	rounds := 100
	if soak {
		rounds = 1000
	}
	for i := 1; i <= rounds; i++ {
		if i/kinds%2 == 0 {
			e.write("main.yaml", e.text(i))
		} else {
			e.truncate("main.yaml", e.text(i))
		}
		e.until(fmt.Sprintf("edit %d is live", i), func() bool { return e.seen(i) })
	}
	l.end(t)
}
