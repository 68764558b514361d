package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestCacheOfAFleet: Envoys that others run, one with the cache's directory and one without
// it: both take the blueprint and serve, and only the first keeps. How much it keeps can be
// edited: what is kept stays as far as there is room.
func TestCacheOfAFleet(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "with", "without")
	save := func(group, sizes string) {
		f.write(group+".yaml", fmt.Sprintf(`name: %s
nodes: {cluster: %s}
server: {host: 127.0.0.1, port: %d}
plugins:
  proxy: {config: {targets: [%q]}}
  cache: {config: {directory: %q, ttl: 600, %s}}
endpoints:
  - {path: "/*"}
`, group, group, f.ports[group], f.target.url, f.path(group+"-cache"), sizes))
	}
	if err := os.Mkdir(f.path("with-cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	save("with", "max_entries: 50")
	save("without", "max_entries: 50")
	p, xds := f.serve("a")
	n := f.envoyNode("node-with", "with", xds)
	f.envoyNode("node-without", "without", xds)
	said := func(group, path string) string {
		status, _, h := ask(&curl, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", f.ports[group], path), "")
		return fmt.Sprint(status, " ", h.Get("X-Cache"))
	}
	f.until("the one keeps", func() bool { return said("with", "/0") == "200 hit" })
	f.until("the other serves", func() bool { return said("without", "/0") == "200 miss" })
	p.want(0, nil, "status", "--wait", "30s")
	for range 10 {
		if got := said("without", "/0"); got != "200 miss" {
			t.Error("without a directory: ", got)
		}
	}
	if _, err := os.Stat(f.path("without-cache")); !os.IsNotExist(err) {
		t.Error("a directory that is another's was made here: ", err)
	}
	files := func() int {
		list, _ := filepath.Glob(f.path("with-cache/cache-*"))
		return len(list)
	}
	for i := range 5 {
		f.until("all are kept", func() bool { return said("with", fmt.Sprint("/", i)) == "200 hit" })
	}
	for edit, sizes := range []string{"max_entries: 60", "max_size: 2MiB", "max_size: 2MiB, max_entries: 60"} {
		save("with", sizes)
		p.want(0, nil, "status", "--wait", "30s")
		f.until("it is live", func() bool { return n.stat("listener_manager.lds.update_success") == fmt.Sprint(edit+2) })
		for i := range 5 {
			if got := said("with", fmt.Sprint("/", i)); got != "200 hit" {
				t.Errorf("after an edit to %s: %s", sizes, got)
			}
		}
	}
	save("with", "max_entries: 2")
	f.until("what is too much is thrown out", func() bool { return files() <= 2 })
	p.want(0, nil, "status", "--wait", "30s")
	f.until("it goes on", func() bool { return said("with", "/new") == "200 hit" })
}
