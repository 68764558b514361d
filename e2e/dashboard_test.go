package e2e

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// page opens the dashboard and waits until it shows something of the fleet.
func (b *browser) page(p *process) {
	b.Helper()
	b.look(1280, "light")
	b.do(chromedp.Navigate(p.admin + "/"))
	b.until("the page shows the fleet", "document.body.hasAttribute('data-ready')")
}

// watched is a blueprint whose targets are checked often, so that the page has
// something to show soon.
func watched(s *site, header string, targets ...*backend) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: Shop\nserver: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy:\n    config:\n      transform_response: {headers: {X-Edit: %q}}\n      targets:\n", s.port, header)
	for i, t := range targets {
		fmt.Fprintf(&b, "        - {name: backend-%d, url: %q, weight: %d, health_check: {path: /health, interval: 1, timeout: 1, healthy_threshold: 1, unhealthy_threshold: 2}}\n", i+1, t.url, 1+i%2)
	}
	b.WriteString("endpoints:\n  - {path: /a, method: GET, handler: proxy}\n")
	return b.String()
}

// TestDashboard: each state of the page, caused for real.
func TestDashboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	targets := []*backend{newBackend(t, "one"), newBackend(t, "two"), newBackend(t, "three")}
	s.write("key.txt", "hidden-key\n")
	good := strings.Replace(watched(s, "one", targets...), "      transform_response:", "      transform_request: {headers: {X-Key: \"file:key.txt\"}}\n      transform_response:", 1)
	p, b := s.opened(t, good)
	l := run(40, func(int) string { return s.proxy + "/a" }, func(status int, _ string) bool { return status > 0 })

	b.do(chromedp.Reload())
	b.until("it shows the fleet again", "document.body.hasAttribute('data-ready')")
	took := eval[float64](b, "performance.getEntriesByType('navigation')[0].loadEventEnd")
	if took <= 0 || took > 1000 {
		t.Errorf("it loads in %v ms", took)
	}
	b.says("#headline", "Serving: 3 of 3 targets healthy, 1 Envoy up to date")
	b.until("all requests are shared out", `document.querySelectorAll("#distribution .bar").length === 3 && [...document.querySelectorAll("#distribution .seen")].every((e) => /[1-9]/.test(e.textContent))`)
	b.says("#envoys .node .pill", "SYNCED")
	b.until("traffic is drawn", `document.querySelector("#traffic path.line.requests").getAttribute("d").length > 60`)
	b.until("the cards have their pool's response times", `[...document.querySelectorAll("#targets .card")].every((c) => ["p50 of pool", "p99 of pool"].every((name) => [...c.querySelectorAll("dl > div")].some((d) => d.firstChild.textContent === name && / ms$/.test(d.lastChild.textContent))))`)
	if _, text := s.get(p.admin + "/metrics?format=json"); !regexp.MustCompile(`"target_name": "aggregated"[^}]*"avg_response_time_ms": [0-9.]+[^}]*"p99_response_time_ms": [0-9.]+`).MatchString(text) {
		t.Errorf("no response times of all pools: %s", text)
	}
	b.judge("serving")
	if moved := eval[string](b, still); moved != "" {
		t.Errorf("numbers move what is around them: %s", moved)
	}

	targets[1].stop()
	b.says("#headline", "Degraded: backend-2")
	b.says("#targets .card[data-state=out] .why", "fail")
	b.judge("degraded")
	stalled, err := net.Listen("tcp", strings.TrimPrefix(targets[1].url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	b.says("#targets .card[data-state=out] .why", "there is no answer in time")
	_ = stalled.Close()
	targets[1].restart(t)
	b.says("#headline", "Serving: 3 of 3 targets healthy")

	s.write("main.yaml", strings.Replace(good, "targets:", "tragets:", 1))
	b.says("#headline", "Refused edit: main.yaml:")
	b.says("#configuration .problem code", "main.yaml:")
	b.judge("refused")
	s.write("main.yaml", good)
	b.says("#headline", "Serving")
	b.rollout(s, good)
	l.end(t)
	b.quiet(p.admin)

	p.kill(9)
	b.says("#headline", "No connection to the management server since")
	b.says("#link", "disconnected")
	b.judge("disconnected")
}

// still watches for three seconds whether anything that stays changes its place.
const still = `new Promise((done) => {
	const all = [...document.querySelectorAll("section, .card, .bar, .bar > *, dl > div, header > *")];
	const places = () => all.map((e) => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height].map(Math.round).join(" "); });
	const before = places();
	setTimeout(() => done(places().map((p, i) => p === before[i] ? "" : all[i].className + " " + before[i] + " to " + p).filter(Boolean).slice(0, 5).join("; ")), 3000);
})`

// rollout clicks on what changes the fleet: roll back, retry, and the texts of versions.
func (b *browser) rollout(s *site, good string) {
	b.Helper()
	s.write("main.yaml", strings.Replace(good, `"one"`, `"two"`, 1))
	served := func(edit string) {
		b.Helper()
		s.until("edit "+edit+" is live", func() bool {
			_, _, header := ask(&curl, "GET", s.proxy+"/a", "")
			return header.Get("X-Edit") == edit
		})
	}
	served("two")
	b.until("two versions are listed", `document.querySelectorAll("#configuration .versions li").length === 2`)
	b.click("#configuration .versions li:first-child .changes")
	b.says(`#configuration .line[data-sign="-"]`, `{X-Edit: "one"}`)
	b.says(`#configuration .line[data-sign="+"]`, `{X-Edit: "two"}`)
	b.judge("changes")

	b.click("#configuration .versions li:first-child .view")
	b.click("#configuration .became li:first-child button")
	b.says("#configuration .line[aria-current]", "transform_request")
	b.says("#configuration .became pre", `"type": "EDS"`)
	eval[chromedp.Void](b, `document.querySelectorAll("#configuration .became button").forEach((e) => e.getAttribute("aria-expanded") === "true" || e.click())`)
	b.says("#configuration .became pre", `"value": "file:key.txt"`)
	b.says("#configuration .became pre", `"port_value": `+strings.TrimPrefix(s.proxy, "http://127.0.0.1:"))
	if strings.Contains(eval[string](b, "document.documentElement.outerHTML"), "hidden-key") {
		b.Error("the page tells a secret")
	}
	b.judge("text")

	b.click("#envoys .rollback")
	b.says("#confirm h2", "Roll main.yaml back?")
	b.judge("dialog")
	b.do(chromedp.KeyEvent("\x1b"))
	b.until("Escape cancels", `!document.getElementById("confirm").open`)
	served("two")
	b.click("#envoys .rollback")
	b.click("#confirm .primary")
	served("one")
	b.until("it is done", `!document.getElementById("confirm").open`)
	b.says("#envoys .rollout .pill", "rolled back")
	b.judge("rolled-back")
	// By keyboard: the dialog has the focus, and gives it back.
	b.do(chromedp.Focus(chromedp.CSS("#envoys .retry")), chromedp.KeyEvent("\r"))
	b.until("the dialog has the focus", `document.activeElement.closest("#confirm")`)
	b.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	served("two")
	b.says("#envoys .rollout .pill", "accepted")
}

// TestDashboardOfManyTargets, of which no Envoy tells yet: 1,000 are searched, sorted and
// walked through, and what others wrote is text.
func TestDashboardOfManyTargets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("main.yaml", many(s.port, 20, 50))
	p := s.start("--envoy", "none", "--xds-listen", "127.0.0.1:0").live()
	b := newBrowser(t)
	b.page(p)
	b.says("#headline", "No Envoy is connected")
	b.says("#envoys .empty", "No Envoy is connected")
	b.says("#targets .pager", "1 to 24 of 1000")
	b.judge("many")
	b.click("#targets .pager button:last-child")
	b.says("#targets .pager", "25 to 48 of 1000")
	b.do(chromedp.SendKeys(chromedp.CSS("#targets input"), "pool-7-target-4"))
	b.until("eleven are found", `document.querySelectorAll("#targets .card").length === 11`)
	b.do(chromedp.SendKeys(chromedp.CSS("#targets input"), "nobody"))
	b.says("#targets .empty", "None of 1000 targets is like that.")
	b.until("the name of a blueprint is text", `[...document.querySelectorAll("#envoys h3")].some((e) => e.textContent.includes("<img src=x onerror=alert(1)>"))`)
	if eval[int](b, `document.querySelectorAll("main img").length`) != 0 {
		t.Error("text became markup")
	}
	busy := b.busy()
	t.Logf("the page is busy for %.0f %% of the time", 100*busy)
	if busy > 0.25 {
		t.Errorf("the page is busy for %.0f %% of the time", 100*busy)
	}
	b.quiet(p.admin)
}

// many is a blueprint of that many pools and targets.
func many(port, pools, targets int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: \"<img src=x onerror=alert(1)>\"\nserver: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy:\n    config:\n      upstreams:\n", port)
	for i := range pools {
		fmt.Fprintf(&b, "        pool-%d:\n          targets:\n", i)
		for j := range targets {
			fmt.Fprintf(&b, "            - {name: pool-%d-target-%d, url: \"http://127.0.0.1:%d\"}\n", i, j, 30000+j)
		}
	}
	b.WriteString("endpoints:\n")
	for i := range pools {
		fmt.Fprintf(&b, "  - {path: /%d, method: GET, handler: proxy, upstream: pool-%d}\n", i, i)
	}
	return b.String()
}

// TestDashboardTakesAToken: a browser gives it as a password, for all that the page asks.
func TestDashboardTakesAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("token", "s3cret\n")
	s.write("main.yaml", many(s.port, 1, 1))
	p := s.start("--envoy", "none", "--xds-listen", "127.0.0.1:0", "--admin-token-file", s.path("token")).live()
	for path, want := range map[string]int{"/": 401, "/web/app.js": 401, "/api/v1/status": 401, "/health": 200, "/ready": 503} {
		if status, _ := s.get(p.admin + path); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	b := newBrowser(t)
	b.do(chromedp.Navigate(strings.Replace(p.admin, "://", "://me:s3cret@", 1) + "/"))
	b.until("the page shows the fleet", "document.body.hasAttribute('data-ready')")
	b.says("#headline", "No Envoy is connected")
	b.click("#configuration .tools button")
	b.click("#confirm .primary")
	b.until("it is done", `!document.getElementById("confirm").open`)

	s.write("token", "another\n")
	b.says("#headline", "Not let in since")
	b.says("#link", "not let in")
	b.judge("not-let-in")
	b.do(chromedp.Navigate(strings.Replace(p.admin, "://", "://me:another@", 1) + "/"))
	b.says("#headline", "No Envoy is connected")
	b.says("#link", "live")
}

// TestNoDashboard: a blueprint may do without the page, at once, and has all else.
func TestNoDashboard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	text := fmt.Sprintf("server: {host: 127.0.0.1, port: %d}\nendpoints: [{path: /a, method: GET, handler: static, config: {static: {body: a}}}]\n", s.port)
	s.write("main.yaml", text)
	p := s.start("--envoy", "none", "--xds-listen", "127.0.0.1:0").live()
	has := func(want bool) func() bool {
		return func() bool {
			module, _ := s.get(p.admin + "/web/app.js")
			status, _ := s.get(p.admin + "/api/v1/status")
			return (module == 200) == want && status == 200
		}
	}
	s.until("there is a page", has(true))
	s.write("main.yaml", "dashboard: {enabled: false}\n"+text)
	s.until("there is none", has(false))
	s.write("main.yaml", text)
	s.until("it is back", has(true))
}
