package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backworks/envoy/testport"
)

// mesh is a blueprint for clients without a proxy, and the servers that it knows.
type mesh struct {
	*site
	callees [3]*callee
	server  string // of xDS
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{site: newSite(t)}
	for i := range m.callees {
		m.callees[i] = newCallee(t)
	}
	m.server = fmt.Sprintf("127.0.0.1:%d", testport.Free(t))
	return m
}

// blueprint is one with these pools and endpoints, in YAML; $0 to $2 in them are the
// servers.
func (m *mesh) blueprint(nodes, pools, endpoints string) string {
	text := fmt.Sprintf("name: Greeter API\nnodes: %s\nserver: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy:\n    config:\n%sendpoints:\n%s",
		nodes, m.port, pools, endpoints)
	for i, c := range m.callees {
		text = strings.ReplaceAll(text, fmt.Sprint("$", i), c.url)
	}
	return text
}

// save writes a blueprint with a weight for each server in the pool default, 0 for
// none; the third one alone is the pool third.
func (m *mesh) save(weights [3]float64, endpoints string) {
	m.Helper()
	pools := "      upstreams: {third: {targets: [$2]}}\n      targets:\n"
	for i, w := range weights {
		if w > 0 {
			pools += fmt.Sprintf("        - {url: $%d, weight: %g}\n", i, w)
		}
	}
	m.write("main.yaml", m.blueprint("{}", pools, endpoints))
}

// shares makes calls, which all must go well, and says how many each server got.
func (m *mesh) shares(c caller, name string, n int) [3]int {
	m.Helper()
	for _, x := range m.callees {
		x.calls.Store(0)
	}
	if well, failure := c.call(name, n); well != n {
		m.Fatalf("%d of %d calls to %s went well: %s", well, n, name, failure)
	}
	var out [3]int
	for i, x := range m.callees {
		out[i] = int(x.calls.Load())
	}
	return out
}

// follows waits until calls go to those servers alone.
func (m *mesh) follows(c caller, name string, want [3]bool) {
	m.Helper()
	m.until(fmt.Sprintf("calls to %s go to %v", name, want), func() bool {
		for i, n := range m.shares(c, name, 30) {
			if (n > 0) != want[i] {
				return false
			}
		}
		return true
	})
}

const toDefault = "  - {path: /grpc.health.v1.Health/*, handler: proxy}\n"

// TestProxyless: clients without a proxy, of two independent implementations, share
// their calls out by weight and follow edits of addresses, weights and routes, and not
// one call fails. An Envoy is on the same blueprint beside them.
func TestProxyless(t *testing.T) {
	t.Parallel()
	for name, dial := range callers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			m.save([3]float64{1, 2, 1}, toDefault)
			m.start("--xds-listen", m.server).live()
			c := dial(t, m.server)

			m.follows(c, "greeter-api", [3]bool{true, true, true}) // connected to each
			// The choice is made at random: 6 standard deviations are 52 and 60.
			shares := m.shares(c, "greeter-api", 400)
			for i, want := range [3]int{100, 200, 100} {
				if shares[i] < want-60 || shares[i] > want+60 {
					t.Errorf("of 400 calls by weights 1, 2, 1: %v", shares)
				}
			}
			// A server goes, the others have equal shares: exactly in turn now.
			m.save([3]float64{0, 1, 1}, toDefault)
			m.follows(c, "greeter-api", [3]bool{false, true, true})
			if shares := m.shares(c, "greeter-api", 100); shares != [3]int{0, 50, 50} {
				t.Errorf("of 100 calls by equal weights: %v", shares)
			}
			// A more specific route, to another pool; and back.
			m.save([3]float64{1, 1, 0}, toDefault+"  - {path: /grpc.health.v1.Health/Check, method: POST, handler: proxy, upstream: third}\n")
			m.follows(c, "greeter-api", [3]bool{false, false, true})
			m.save([3]float64{1, 1, 0}, toDefault)
			m.follows(c, "greeter-api", [3]bool{true, true, false})
			// A bad save changes nothing.
			m.write("main.yaml", "nodes: [")
			m.follows(c, "greeter-api", [3]bool{true, true, false})
			// The file's name and a pool's can be dialled as well.
			m.follows(c, "main", [3]bool{true, true, false})
			m.follows(c, "third", [3]bool{false, false, true})
		})
	}
}

// TestProxylessPools: every kind of pool is one that both clients take, and an
// endpoint that they cannot have fails its calls instead of letting them through.
func TestProxylessPools(t *testing.T) {
	t.Parallel()
	pools := `      upstreams:
        random: {load_balancing: random, targets: [$0, $1, $2]}
        least: {load_balancing: least_connections, targets: [$0, $1, $2]}
        hashed: {load_balancing: ip_hash, targets: [$0, $1, $2]}
        guarded:
          targets: [$0, {url: $1, weight: 0.5}]
          circuit_breaker: {failure_threshold: 1, recovery_timeout: 1s}
          health_check: {path: /health, interval: 1h}
          retry_attempts: 2
          retry_non_idempotent: true
          preserve_host: true
        twice: {targets: [$1, {name: again, url: $1}, $2]}
        named: {resolve: envoy, targets: [$0]}
        split: {resolve: envoy, targets: [$0, {url: $2, weight: 3}]}
`
	endpoints := `  - {path: /grpc.health.v1.Health/*, handler: proxy, upstream: random}
  - {path: "/{service}/Check", handler: proxy, upstream: least}
  - {path: /grpc.health.v1.Health/Check, handler: static, config: {static: {status: 403}}}
`
	for name, dial := range callers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			m.write("main.yaml", m.blueprint("{grpc: true}", pools, endpoints))
			p := m.start("--xds-listen", m.server).live()
			c := dial(t, m.server)
			for pool, want := range map[string][3]bool{
				"random": {true, true, true}, "least": {true, true, true}, "guarded": {true, true, false},
				"twice": {false, true, true}, "named": {true, false, false}, "split": {true, false, true},
			} {
				m.follows(c, pool, want)
			}
			if s := m.shares(c, "hashed", 30); max(s[0], s[1], s[2]) != 30 {
				t.Errorf("by hash, a client's calls went to several servers: %v", s)
			}
			well, failure := c.call("main", 1)
			if well != 0 || !strings.Contains(strings.ToUpper(failure), "UNAVAILABLE") {
				t.Errorf("a static answer is in the way, yet: %d %s", well, failure)
			}
			if !strings.Contains(p.log.String(), "main.yaml:24:5: endpoints[2]: warning: gRPC clients: the endpoint's answer is left out") {
				t.Error("what they cannot have was not told at its place")
			}
		})
	}
}

// TestProxylessPoolsComeAndGo: an edit that makes a pool, sends calls there and takes
// the old one away is live at once, and loses no call. There is no Envoy.
func TestProxylessPoolsComeAndGo(t *testing.T) {
	t.Parallel()
	for name, dial := range callers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			only := func(pool, server string) string {
				return m.blueprint("{}", "      upstreams: {"+pool+": {targets: ["+server+"]}, idle: {targets: [$1]}}\n",
					"  - {path: /*, handler: proxy, upstream: "+pool+"}\n")
			}
			m.write("main.yaml", only("old", "$0"))
			m.start("--xds-listen", m.server, "--envoy", "none").live()
			c := dial(t, m.server)
			m.follows(c, "main", [3]bool{true, false, false})
			for i, want := range [][3]bool{{false, false, true}, {true, false, false}, {false, false, true}} {
				began := time.Now()
				m.write("main.yaml", only(fmt.Sprint("new", i), fmt.Sprint("$", 2-2*(i%2))))
				m.follows(c, "main", want)
				if took := time.Since(began); took > patience/12 {
					t.Errorf("edit %d took %v", i, took)
				}
			}
		})
	}
}

// TestProxylessFailures: both clients try again where the blueprint says so, and take
// a target out that fails.
func TestProxylessFailures(t *testing.T) {
	t.Parallel()
	pools := `      upstreams:
        retrying: {targets: [$0, $1], retry_attempts: 2, retry_non_idempotent: true}
        breaking: {targets: [$0, $1], circuit_breaker: {failure_threshold: 2, recovery_timeout: 3s}}
`
	for name, dial := range callers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			m.write("main.yaml", m.blueprint("{}", pools, "  - {path: /*, handler: proxy, upstream: retrying}\n"))
			m.start("--xds-listen", m.server).live()
			c := dial(t, m.server)
			for _, pool := range []string{"main", "breaking"} {
				m.follows(c, pool, [3]bool{true, true, false})
			}
			m.callees[0].sick.Store(true)
			if shares := m.shares(c, "main", 30); shares[0] == 0 || shares[1] != 30 {
				t.Errorf("retried calls: %v", shares)
			}
			m.until("the failing target is out", func() bool {
				m.callees[0].calls.Store(0)
				well, _ := c.call("breaking", 20)
				return well == 20 && m.callees[0].calls.Load() == 0
			})
			m.callees[0].sick.Store(false)
			m.follows(c, "breaking", [3]bool{true, true, false})
		})
	}
}

// TestProxylessSplit: calls are split over pools by weight, and by a header no call goes
// to a canary that does not have it.
func TestProxylessSplit(t *testing.T) {
	t.Parallel()
	for name, dial := range callers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMesh(t)
			m.write("main.yaml", m.blueprint("{}", "      upstreams: {a: {targets: [$0]}, b: {targets: [$1]}, c: {targets: [$2]}}\n",
				"  - {path: /grpc.health.v1.Health/*, config: {proxy: {split: {a: 3, b: 1, c: 0}, canary: {upstream: c, headers: {x-beta: \"1\"}}}}}\n"))
			m.start("--xds-listen", m.server).live()
			c := dial(t, m.server)
			m.follows(c, "greeter-api", [3]bool{true, true, false})
			const n = 400
			if got := m.shares(c, "greeter-api", n); got[0] < n*6/10 || got[0] > n*9/10 || got[2] > 0 {
				t.Errorf("shares %v of %d, want 3 to 1", got, n)
			}
		})
	}
}
