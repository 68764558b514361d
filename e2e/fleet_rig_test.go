package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"backworks/envoy/testport"
)

// fleetSite is a folder of blueprints, one a group of nodes, and a start that serves
// Envoys which others run.
type fleetSite struct {
	*site
	groups  []string
	ports   map[string]int // of the groups' proxies
	target  *backend
	rollout string // of each blueprint
}

func newFleetSite(t testing.TB, groups ...string) *fleetSite {
	f := &fleetSite{site: newSite(t), groups: groups, ports: map[string]int{}, target: newBackend(t, "target")}
	for _, g := range groups {
		f.ports[g] = testport.Free(t)
	}
	return f
}

// text is a group's blueprint at an edit. One of five edits changes pools, one routes
// only, and so on; more is added to it.
func (f *fleetSite) text(group string, edit int, more string) string {
	pools, endpoint := "", ""
	for i := range 1 + edit%5 {
		pools += fmt.Sprintf("        pool%d: {targets: [{url: %q, weight: %d}]}\n", i, f.target.url, 1+edit%3)
		endpoint += fmt.Sprintf("  - {path: /%d, method: GET, handler: proxy, upstream: pool%d}\n", i, i)
	}
	return fmt.Sprintf(`name: %s
nodes: {cluster: %s}
server: {host: 127.0.0.1, port: %d}
%s
plugins:
  proxy:
    config:
      transform_response: {headers: {X-Edit: "edit-%d."}}
      upstreams:
%sendpoints:
%s%s`, group, group, f.ports[group], f.rollout, edit, pools, endpoint, more)
}

func (f *fleetSite) save(group string, edit int, more string) {
	f.write(group+".yaml", f.text(group, edit, more))
}

var xdsLine = regexp.MustCompile(`xDS +(\S+)`)

// serve starts the program on the folder; name tells several apart.
func (f *fleetSite) serve(name string, args ...string) (p *process, address string) {
	f.Helper()
	all := append([]string{"-c", ".", "--envoy", "none", "--xds-listen", "127.0.0.1:0", "--state-dir", f.path("state-" + name)}, args...)
	p = f.start(all...).live()
	return p, xdsLine.FindStringSubmatch(p.out.String())[1]
}

// dialer gives connections to an address that may change, each shared by 100 peers.
func dialer(t testing.TB, address func() string) func() *grpc.ClientConn {
	var mu sync.Mutex
	conns, n := map[string]*grpc.ClientConn{}, 0
	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return func() *grpc.ClientConn {
		mu.Lock()
		defer mu.Unlock()
		n++
		to := address()
		key := fmt.Sprint(to, n%10)
		if conns[key] == nil {
			c, err := grpc.NewClient(to, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
			if err != nil {
				panic(err) // the address is ours
			}
			conns[key] = c
		}
		return conns[key]
	}
}

// envoyNode runs a real Envoy with a bootstrap of the program's, and ends it with the
// test.
func (f *fleetSite) envoyNode(id, cluster, xds string, args ...string) *node {
	f.Helper()
	n := &node{site: f.site, id: id, admin: testport.Free(f)}
	file := filepath.Join(f.dir, "bootstraps", id+".yaml") // not beside the blueprints
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		f.Fatal(err)
	}
	b := exec.Command(program, append([]string{"bootstrap", "--node-id", id, "--node-cluster", cluster, "--xds", xds,
		"--envoy-admin", fmt.Sprint("127.0.0.1:", n.admin), "-o", file}, args...)...)
	if out, err := b.CombinedOutput(); err != nil {
		f.Fatalf("bootstrap: %v: %s", err, out)
	}
	cmd := exec.Command(f.envoy, "-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning")
	cmd.Stderr, cmd.SysProcAttr = &n.log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if f.Failed() {
			f.Logf("%s: %s", id, n.log.String())
		}
	})
	return n
}

// node is a real Envoy.
type node struct {
	*site
	id    string
	admin int
	log   buffer
}

// stat is a counter or gauge of the Envoy.
func (n *node) stat(name string) string {
	_, body := n.get(fmt.Sprintf("http://127.0.0.1:%d/stats?filter=^%s$", n.admin, strings.ReplaceAll(name, ".", `\.`)))
	_, value, _ := strings.Cut(strings.TrimSpace(body), ": ")
	return value
}
