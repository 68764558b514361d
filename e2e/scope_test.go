package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// partial is a target that fails for the clients of some Envoys, and counts those of each.
type partial struct {
	url   string
	mu    sync.Mutex
	asked map[string]int
	fails map[string]bool
}

func newPartial(t *testing.T) *partial {
	b := &partial{asked: map[string]int{}, fails: map[string]bool{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *partial) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	via := r.Header.Get("X-Via")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked[via]++
	if b.fails[via] {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (b *partial) set(fails ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.fails)
	for _, via := range fails {
		b.fails[via] = true
	}
}

func (b *partial) count(via string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[via]
}

// trio are three Envoys of one blueprint. The management server finds two of them by their
// metadata; the third one says an address that is not its own.
type trio struct {
	*fleetSite
	p      *process
	target *partial
	nodes  []*node
	total  map[string]func() int // answers of each
	dials  sync.Mutex            // one at a time
}

var trioNames = []string{"one", "two", "third"}

func newTrio(t *testing.T, settings string) *trio {
	x := &trio{fleetSite: newFleetSite(t, "edge"), target: newPartial(t), total: map[string]func() int{}}
	x.write("edge.yaml", fmt.Sprintf(`name: edge
nodes: {cluster: edge}
server: {host: 127.0.0.1, port: %d}
plugins:
  proxy:
    config:
      load_balancing: round_robin
      targets: [{name: good, url: %q, retry_attempts: 2}, {name: bad, url: %q, retry_attempts: 2}]
      circuit_breaker: {failure_threshold: 5, recovery_timeout: %d%s}
endpoints: [{path: /, method: GET, handler: proxy}]
`, x.ports["edge"], newBackend(t, "good").url, x.target.url, int(recovery().Seconds()), settings))
	var xds string
	x.p, xds = x.serve("a")
	for _, name := range trioNames {
		var args []string
		if name == "third" {
			args = []string{"--node-metadata", "backworks.admin_address=192.0.2.1:1"}
		}
		x.nodes = append(x.nodes, x.envoyNode(name, "edge", xds, args...))
	}
	for _, n := range x.nodes {
		x.until(n.id+" serves", func() bool { return n.stat("listener_manager.total_listeners_active") == "1" })
	}
	for _, n := range x.nodes {
		x.ask(t, n)
	}
	x.until("two are asked", func() bool { b := x.breakers(); return b["one"] == "Closed" && b["two"] == "Closed" })
	return x
}

// ask asks through one Envoy, a hundred times a second: all listen on the same port, so
// connections to another one are given up.
func (x *trio) ask(t *testing.T, n *node) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxConnsPerHost: 1, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		x.dials.Lock()
		defer x.dials.Unlock()
		for {
			before := n.stat("http.proxy.downstream_cx_total")
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil || x.taken(n, before) {
				return c, err
			}
			_ = c.Close()
		}
	}}}
	stop, done := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	total, bad := 0, ""
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			r, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", x.ports["edge"]), nil)
			r.Header.Set("X-Via", n.id)
			answer, err := client.Do(r)
			mu.Lock()
			switch {
			case err != nil:
				bad = err.Error()
			case answer.StatusCode != 200:
				bad = answer.Status
			default:
				total++
			}
			mu.Unlock()
			if err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
		}
	}()
	x.total[n.id] = func() int { mu.Lock(); defer mu.Unlock(); return total }
	t.Cleanup(func() {
		close(stop)
		<-done
		client.CloseIdleConnections()
		if bad != "" {
			t.Errorf("through %s: %s", n.id, bad)
		}
	})
}

// taken waits for an Envoy to take a connection, and says whether it was this one.
func (x *trio) taken(n *node, before string) bool {
	deadline := time.Now().Add(100 * time.Millisecond) // another one takes it as fast
	for time.Now().Before(deadline) {
		if n.stat("http.proxy.downstream_cx_total") != before {
			return true
		}
	}
	return false
}

// breakers are the states of the bad target's, by Envoy.
func (x *trio) breakers() map[string]string {
	var all struct {
		Targets []struct {
			Target, Node string
			Breaker      *struct{ State, Scope string }
		}
	}
	_, body := x.get(x.p.admin + "/api/v1/targets")
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		x.Fatalf("%v: %s", err, body)
	}
	out := map[string]string{}
	for _, t := range all.Targets {
		if t.Target == "bad" && t.Breaker != nil {
			out[t.Node] = t.Breaker.State
		}
	}
	return out
}

// nothing comes through an Envoy while others are answered; what was under way ends first.
func (x *trio) nothing(via string) {
	x.Helper()
	answers := func(n int) {
		before := x.total[via]()
		x.until("more answers", func() bool { return x.total[via]() >= before+n })
	}
	x.until(via+" knows", func() bool { before := x.target.count(via); answers(10); return x.target.count(via) == before })
	before := x.target.count(via)
	answers(60)
	if got := x.target.count(via) - before; got > 0 {
		x.Errorf("%d requests came through %s", got, via)
	}
}

// comes waits for requests through an Envoy.
func (x *trio) comes(via string) {
	x.Helper()
	before := x.target.count(via)
	x.until("requests come through "+via, func() bool { return x.target.count(via) > before+20 })
}

// TestScopeEnvoy: of two Envoys that disagree each has its own breaker, one that cannot be
// asked has its own ejection.
func TestScopeEnvoy(t *testing.T) {
	t.Parallel()
	x := newTrio(t, "")
	x.target.set("one", "third")
	x.until("one took it out", func() bool { return x.breakers()["one"] == "Open" })
	x.nothing("one")
	x.comes("two")
	if got := x.breakers()["two"]; got != "Closed" {
		t.Errorf("two has it %s", got)
	}
	x.until("third ejects it by itself", func() bool { return x.nodes[2].stat("cluster.default.outlier_detection.ejections_active") == "1" })
	x.p.want(0, []string{"breakers of 3 Envoys: 2 tried half open, 0 follow the fleet's, 1 Envoy's own ejection alone"}, "status")
	x.target.set()
	x.until("one has it back", func() bool { return x.breakers()["one"] == "Closed" })
	x.comes("one")
}

// TestScopeFleet: when one of two has it open, all have, the one too that cannot be asked;
// when trials are good everywhere, it closes everywhere.
func TestScopeFleet(t *testing.T) {
	t.Parallel()
	x := newTrio(t, ", scope: fleet")
	x.until("they have told", func() bool { return strings.Contains(x.p.said(), `"followed":1`) })
	x.target.set("one")
	x.until("it is open", func() bool { b := x.breakers(); return b["one"] == "Open" && b["two"] == "Open" })
	for _, via := range []string{"two", "third"} {
		x.nothing(via)
	}
	x.until("trials in one fail", func() bool { return strings.Contains(x.p.log.String(), "trial requests failed") })
	x.p.want(0, []string{"breakers of 3 Envoys: 2 tried half open, 1 follow the fleet's, 0 Envoy's own ejection alone"}, "status")
	x.target.set()
	x.until("it is closed", func() bool { b := x.breakers(); return b["one"] == "Closed" && b["two"] == "Closed" })
	for _, via := range trioNames {
		x.comes(via)
	}
	if !strings.Contains(x.p.said(), "not the node's own address") {
		t.Errorf("nothing tells why third is not asked: %s", x.p.said())
	}
}

// TestFleetShare: below it the others go on.
func TestFleetShare(t *testing.T) {
	t.Parallel()
	x := newTrio(t, ", scope: fleet, fleet_share: 51%")
	x.target.set("one")
	x.until("one took it out by itself", func() bool { return x.breakers()["one"] == "Open" })
	x.nothing("one")
	x.comes("two")
	x.comes("third")
	x.target.set("one", "two")
	x.until("two of two", func() bool { return strings.Contains(x.p.log.String(), "2 of 2 Envoys took it out") })
	x.nothing("third")
}

// said is the status of the admin listener, as it is sent.
func (p *process) said() string {
	_, body := p.get(p.admin + "/api/v1/status")
	return strings.ReplaceAll(body, `": `, `":`)
}
