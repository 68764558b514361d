package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// TestLimitEditsLoseNothing: limits change under load, and cost neither a request nor a
// connection; the plugin comes and goes.
func TestLimitEditsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := newBackend(t, "one")
	write := func(limit string) {
		s.write("main.yaml", fmt.Sprintf(`server: {host: 127.0.0.1, port: %d}
plugins:
  proxy: {config: {targets: [%q]}}
  %s
endpoints: [{path: /}]
`, s.port, b.url, limit))
	}
	limit := func(i int) string {
		return fmt.Sprintf("rate_limit: {config: {requests: %d, per: 1s, by: [client_ip, endpoint]}}", 1000000+i)
	}
	write(limit(0))
	s.start("--", "--concurrency", "2").live()
	var dials atomic.Int64
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	defer client.CloseIdleConnections()
	shows := func(want string) func() bool {
		return func() bool {
			_, _, h := ask(client, "GET", s.proxy, "")
			return h.Get("X-Ratelimit-Limit") == want
		}
	}
	s.until("the first limit holds", shows("1000000"))
	l := run(300, func(int) string { return s.proxy }, func(status int, _ string) bool { return status == 200 })
	for i := range 100 {
		write(limit(i))
		s.until("a limit holds", shows(fmt.Sprint(1000000+i)))
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("edits of limits took %d connections, want 1", n)
	}
	for i := 100; i < 120; i += 2 {
		write("")
		s.until("no limit holds", shows(""))
		write(limit(i + 1))
		s.until("a limit holds again", shows(fmt.Sprint(1000000+i+1)))
	}
	l.end(t)
}
