package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/xds"
)

// patience is for what has to happen; nothing waits this long when it does.
const patience = 10 * time.Second

// names is a fake name server.
type names struct {
	mu      sync.Mutex
	answers map[string][]netip.Addr
	asked   map[string]int
}

func (n *names) set(host string, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[host] = nil
	for _, a := range addresses {
		n.answers[host] = append(n.answers[host], netip.MustParseAddr(a))
	}
}

func (n *names) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[host]++
	if len(n.answers[host]) == 0 {
		return nil, errors.New("no such host")
	}
	return n.answers[host], nil
}

// rig is a running fleet over a folder of blueprints.
type rig struct {
	*testing.T
	dir      string
	server   *recorder
	names    *names
	changes  chan struct{}
	kept     *memory
	versions *versions
	envoys   []envoy.Address
	fleet    *Fleet
	stop     func()
}

// newRig writes files and runs a fleet on them. The names a.test and b.test have
// addresses.
func newRig(t *testing.T, files map[string]string, envoys ...envoy.Address) *rig {
	t.Helper()
	r := &rig{
		T: t, dir: t.TempDir(), envoys: envoys, changes: make(chan struct{}, 1),
		names:    &names{answers: map[string][]netip.Addr{}, asked: map[string]int{}},
		kept:     &memory{saved: make(chan struct{}, 1)},
		versions: &versions{records: map[string]map[string][]byte{}, files: map[string]blueprints.FileSet{}},
	}
	r.names.set("a.test", "10.0.0.1")
	r.names.set("b.test", "10.0.0.2", "fd00::2")
	for name, content := range files {
		r.write(name, content)
	}
	r.start()
	return r
}

// start runs a fleet, after a stop as well.
func (r *rig) start() {
	r.server = &recorder{connected: map[string]connected{}}
	translator, groups := NewTranslator(), &Groups{}
	r.fleet = New(Options{
		Loader:     blueprints.NewLoader(blueprints.Options{Path: r.dir, Check: translator.Check, LastGood: r.kept.good}),
		Translator: translator, Groups: groups, Server: r.server, Logger: hclog.NewNullLogger(),
		Changes: r.changes, Keep: r.kept, Archive: r.versions, Resolve: r.names.lookup, ResolveEvery: time.Millisecond, Envoys: r.envoys,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r.fleet.Start(ctx)
	go func() { ended <- r.fleet.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Error(err)
		}
	})
	r.Cleanup(r.stop)
}

func (r *rig) file(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name, content string) {
	r.Helper()
	if err := os.MkdirAll(filepath.Dir(r.file(name)), 0o700); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(r.file(name), []byte(content), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) reload() *Report {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := r.fleet.Reload(ctx)
	if err != nil {
		r.Fatal(err)
	}
	return report
}

// until polls until ok.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			r.Fatalf("never saw %s", what)
		}
	}
}

func (r *rig) group(file string) xds.Group {
	groups, _ := r.server.given()
	return groups[r.file(file)]
}

// overlay are the assignments that the nodes of a blueprint are given.
func (r *rig) overlay(file string) []*xds.Resource {
	return r.group(file).Overlay.Resources(assignmentURL)
}

// blueprint is a file with one pool a target, "name=url", and one endpoint.
func blueprint(name string, pools ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %[1]s\nnodes: {id: %[1]s}\nplugins:\n  proxy:\n    config:\n      upstreams:\n", name)
	for _, p := range pools {
		pool, url, _ := strings.Cut(p, "=")
		fmt.Fprintf(&b, "        %s:\n          targets:\n            - {name: t, url: %q}\n", pool, url)
	}
	first, _, _ := strings.Cut(pools[0], "=")
	fmt.Fprintf(&b, "endpoints:\n  - path: /x\n    method: GET\n    handler: proxy\n    config: {proxy: {upstream: %s}}\n", first)
	return b.String()
}
