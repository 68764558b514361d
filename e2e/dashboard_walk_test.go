package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestDashboardComesBack: while the management server is away the page keeps all that it
// knew, and of the one that comes back it has what is new.
func TestDashboardComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	target := newBackend(t, "one")
	good := watched(s, "one", target)
	p, b := s.opened(t, good)
	l := run(40, func(int) string { return s.proxy + "/a" }, well)
	b.says("#headline", "Serving: 1 of 1 target healthy")
	b.says("#envoys .asked", "requests a second")
	s.write("main.yaml", strings.Replace(good, "server:", "sevrer:", 1))
	b.says("#events .what", `did you mean "server"?`)
	s.write("main.yaml", good)
	b.says("#headline", "Serving: 1 of 1 target healthy")
	b.until("traffic is drawn", `document.querySelector("#traffic path.line.requests").getAttribute("d").length > 60`)

	address := strings.TrimPrefix(p.admin, "http://")
	p.kill(9)
	b.says("#headline", "No connection to the management server since")
	b.says("#link", "disconnected")
	b.says("#events .what", `did you mean "server"?`)
	b.says("#events .pill", "push")
	b.says("#envoys .asked", "requests a second")
	b.until("traffic stays drawn", `document.querySelector("#traffic path.line.requests").getAttribute("d").length > 60`)
	b.until("and the bars", `document.querySelectorAll("#distribution .bar").length === 1`)

	s.write("main.yaml", strings.Replace(good, `"one"`, `"two"`, 1))
	s.start("--admin-listen", address).live()
	b.says("#headline", "Serving: 1 of 1 target healthy")
	b.says("#link", "live")
	b.says("#events .what", "blueprints read (start)")
	b.until("what happened is of the one that came back", `![...document.querySelectorAll("#events .what")].some((e) => e.textContent.includes("did you mean"))`)
	b.says("#envoys .asked", "requests a second")
	l.end(t)
}

// TestDashboardOfLongNames: they are readable, whole where they are pointed at, and push
// nothing out of its place.
func TestDashboardOfLongNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	target := newBackend(t, "one")
	name, pool, path := strings.Repeat("target-of-a-long-name-", 9)+"1", strings.Repeat("pool-", 12)+"1", "/"+strings.Repeat("a-long-path/", 12)
	p, b := s.opened(t, fmt.Sprintf("server: {host: 127.0.0.1, port: %d}\nplugins: {proxy: {config: {upstreams: {%s: {targets: [{name: %s, url: %q}]}}}}}\nendpoints: [{path: %s, method: GET, handler: proxy, upstream: %s}]\n",
		s.port, pool, name, target.url, path, pool))
	b.says("#headline", "Serving: 1 of 1 target healthy")
	b.says("#targets h3", name)
	b.until("the name is told where it is pointed at", fmt.Sprintf(`document.querySelector("#targets h3").title === %q && document.querySelector("#distribution .name").title.startsWith(%q)`, name, name))
	b.until("its name has several lines", `document.querySelector("#targets h3").getBoundingClientRect().height > 40`)
	b.until("no word is torn", `[...document.querySelectorAll("#traffic .kind")].every((e) => e.getBoundingClientRect().height < 30)`)
	b.says("#envoys .rollout h3", "main.yaml")
	b.until("a blueprint without a name has its file's once", `document.querySelector("#envoys .rollout h3").textContent === "main.yaml"`)
	b.judge("long-names")
	b.look(380, "light")
	b.until("no word is torn on a phone", `[...document.querySelectorAll("#traffic .kind")].every((e) => e.getBoundingClientRect().height < 30)`)
	b.quiet(p.admin)
}

// TestDashboardOfNothing: of two blueprints, at the first start, one has errors and one no
// endpoints.
func TestDashboardOfNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("c/bad.yaml", "nodes: {cluster: bad}\nplugins: {proxy: {config: {tragets: []}}}\nendpoints: []\n")
	s.write("c/none.yaml", fmt.Sprintf("nodes: {cluster: none}\nserver: {host: 127.0.0.1, port: %d}\nendpoints: []\n", s.port))
	p := s.start("-c", "c", "--envoy", "none", "--xds-listen", "127.0.0.1:0").live()
	b := newBrowser(t)
	b.page(p)
	b.says("#headline", "No Envoy is connected")
	b.says("#details", "Refused edit: c/bad.yaml:2:28")
	b.until("it is told once", `document.querySelectorAll("#details li").length === 1`)
	b.says("#configuration .problem code", "c/bad.yaml:2:28")
	for _, empty := range []string{"#distribution", "#targets", "#traffic", "#envoys"} {
		b.until(empty+" says that it has nothing", fmt.Sprintf("document.querySelector(%q).checkVisibility()", empty+" .empty"))
	}
	b.judge("nothing")
	b.quiet(p.admin)
}
