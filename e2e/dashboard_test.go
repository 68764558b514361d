package e2e

import (
	"fmt"
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
	good := watched(s, "one", targets...)
	s.write("main.yaml", good)
	p := s.start().live()
	b := newBrowser(t)
	b.page(p)
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
	b.judge("serving")

	targets[1].stop()
	b.says("#headline", "Degraded: backend-2")
	b.says("#targets .card[data-state=out] .why", "fail")
	b.judge("degraded")
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
	b.click("#envoys .retry")
	b.click("#confirm .primary")
	served("two")
	b.says("#envoys .rollout .pill", "accepted")
}
