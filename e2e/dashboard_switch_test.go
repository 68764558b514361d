package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDashboardDrains: a click drains a target, and traffic follows; another restores it.
func TestDashboardDrains(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	targets := []*backend{newBackend(t, "one"), newBackend(t, "two"), newBackend(t, "three")}
	p, b := s.opened(t, watched(s, "one", targets...))
	l := run(40, func(int) string { return s.proxy + "/a" }, well)
	b.says("#headline", "Serving: 3 of 3 targets healthy")
	rests := func() bool {
		before, total := targets[1].asked.Load(), l.total.Load()
		s.until("requests pass", func() bool { return l.total.Load() > total+20 })
		return targets[1].asked.Load() == before
	}
	// By keyboard, and the focus goes with the card, which comes first then.
	b.until("it is the second card", `document.querySelectorAll("#targets h3")[1].textContent === "backend-2"`)
	b.do(chromedp.Focus(chromedp.CSS(`[aria-label="Drain backend-2"]`)), chromedp.KeyEvent("\r"))
	b.says("#confirm h2", "Drain backend-2?")
	b.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	b.says("#headline", "backend-2 is drained by hand")
	s.until("it gets no request", rests)
	b.until("it is the first card", `document.querySelector("#targets h3").textContent === "backend-2"`)
	b.until("the focus is at what can be done now", `document.activeElement.getAttribute("aria-label") === "Restore backend-2"`)
	b.judge("drained")
	b.click(`[aria-label="Restore backend-2"]`)
	b.click("#confirm .primary")
	b.says("#headline", "Serving: 3 of 3 targets healthy")
	s.until("it gets requests again", func() bool { return !rests() })
	l.end(t)
	b.quiet(p.admin)
}

// TestDashboardShowsBreakers: open with the time left, tried, and closed again; and one
// that is opened by a click.
func TestDashboardShowsBreakers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	targets := []*backend{newBackend(t, "one"), newBackend(t, "two"), newBackend(t, "three")}
	p, b := s.opened(t, strings.Replace(watched(s, "one", targets...), "      targets:", "      circuit_breaker: {failure_threshold: 5, recovery_timeout: 6, half_open_max_calls: 3}\n      targets:", 1))
	l := run(40, func(int) string { return s.proxy + "/a" }, func(status int, _ string) bool { return status > 0 })
	b.says("#headline", "Serving: 3 of 3 targets healthy")
	targets[1].status.Store(http.StatusInternalServerError)
	b.says("#headline", "Degraded: backend-2 is ejected")
	b.until("its breaker is open, with the time left", `[...document.querySelectorAll("#targets .pill")].some((e) => /^Open, [1-6] s$/.test(e.textContent))`)
	b.says("#events .pill", "ejection")
	b.judge("open")
	targets[1].status.Store(0)
	b.says("#headline", "Serving: 3 of 3 targets healthy")
	b.click(`[aria-label="Eject backend-1"]`)
	b.click("#confirm .primary")
	b.says("#headline", "Degraded: backend-1 is ejected")
	b.says("#headline", "Serving: 3 of 3 targets healthy")
	l.end(t)
	b.quiet(p.admin)
}

// TestDashboardOfLoadReports: of an Envoy that cannot be asked there are rates, and nothing
// is made up: neither health nor response times.
func TestDashboardOfLoadReports(t *testing.T) {
	t.Parallel()
	f := newFleetSite(t, "edge")
	f.save("edge", 0, "")
	p, xds := f.serve("one", "--node-admins", "none")
	f.envoyNode("edge-1", "edge", xds)
	b := newBrowser(t)
	b.page(p)
	b.says("#headline", "Serving: 1 target of unknown health, 1 Envoy up to date")
	url := fmt.Sprintf("http://127.0.0.1:%d/0", f.ports["edge"])
	l := run(40, func(int) string { return url }, well)
	b.until("its card has a rate", `[...document.querySelectorAll("#targets .card[data-state=unknown] dd")].some((e) => /^[1-9]/.test(e.textContent))`)
	b.says("#targets .pill", "Unknown")
	b.says("#targets .why", "its Envoys tell their load alone")
	b.until("nothing is made up", `[...document.querySelectorAll("#targets dl > div")].filter((d) => /^p|^Connections/.test(d.firstChild.textContent)).every((d) => d.lastChild.textContent === "–")`)
	b.says("#envoys .asked", "It only reports the load of its targets")
	b.judge("reported")
	l.end(t)
	b.quiet(p.admin)
}
