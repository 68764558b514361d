package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// choose picks an option of a menu by keyboard, as a person would: from the first one down.
func (b *browser) choose(menu, option string) {
	b.Helper()
	down := eval[int](b, fmt.Sprintf("[...document.querySelector(%q).options].findIndex((o) => o.text === %q)", menu, option))
	if down < 0 {
		b.Fatalf("%s has no %s", menu, option)
	}
	b.do(chromedp.Focus(chromedp.CSS(menu)), chromedp.KeyEvent(kb.Home))
	for range down {
		b.do(chromedp.KeyEvent(kb.ArrowDown))
	}
	b.until(menu+" is at "+option, fmt.Sprintf("document.querySelector(%q).selectedOptions[0].text === %q", menu, option))
}

// types replaces what stands in a field, key by key.
func (b *browser) types(field, text string) {
	b.Helper()
	b.do(chromedp.Focus(chromedp.CSS(field)), chromedp.KeyEvent("a", chromedp.KeyModifiers(2)), chromedp.KeyEvent(kb.Delete))
	if text != "" {
		b.do(chromedp.KeyEvent(text))
	}
}

// listed waits until the texts of what matches are these, from the first one on.
func (b *browser) listed(what, selector string, want ...string) {
	b.Helper()
	b.until(what, fmt.Sprintf("[...document.querySelectorAll(%q)].slice(0, %d).map((e) => e.textContent).join() === %q", selector, len(want), strings.Join(want, ",")))
}

const (
	cards  = "#targets .card h3"
	search = "#targets input"
	show   = `#targets select[aria-label="Show"]`
	order  = `#targets select[aria-label="Order"]`
	next   = "#targets .pager button:last-child"
	back   = "#targets .pager button:first-child"
)

// TestDashboardLists: 300 targets of a real Envoy are searched, narrowed down, ordered and
// walked through, with keys and clicks.
func TestDashboardLists(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	busy, faulty, down := newBackend(t, "busy"), newBackend(t, "faulty"), newBackend(t, "down")
	faulty.status.Store(http.StatusInternalServerError)
	down.sick.Store(true)
	var text strings.Builder
	fmt.Fprintf(&text, "server: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy:\n    config:\n      circuit_breaker: {failure_threshold: 100000}\n      upstreams:\n        idle:\n          targets:\n", s.port)
	for i := 297; i > 0; i-- {
		fmt.Fprintf(&text, "            - {name: idle-%d, url: \"http://127.0.%d.%d:9\"}\n", i, 1+i/200, 1+i%200)
	}
	for _, x := range []*backend{busy, faulty, down} {
		fmt.Fprintf(&text, "        %s: {health_check: {path: /health, interval: 1, unhealthy_threshold: 1}, targets: [{name: %s-target, url: %q}]}\n", x.name, x.name, x.url)
	}
	text.WriteString("endpoints:\n")
	for _, x := range []string{"idle", "busy", "faulty", "down"} {
		fmt.Fprintf(&text, "  - {path: /%s, method: GET, handler: proxy, upstream: %s}\n", x, x)
	}
	p, b := s.opened(t, text.String())
	l := run(60, func(i int) string { return s.proxy + []string{"/busy", "/busy", "/faulty"}[i%3] }, func(status int, _ string) bool { return status > 0 })

	b.says("#targets .pager", "1 to 24 of 300")
	b.listed("the worst is first", cards, "down-target", "busy-target", "faulty-target", "idle-297", "idle-296")
	b.choose(order, "by name")
	b.listed("by name, numbers as numbers", cards, "busy-target", "down-target", "faulty-target", "idle-1", "idle-2", "idle-3", "idle-4", "idle-5", "idle-6", "idle-7", "idle-8", "idle-9", "idle-10")
	b.choose(order, "by pool")
	b.listed("pools by name, their targets as written", cards, "busy-target", "down-target", "faulty-target", "idle-297", "idle-296")
	b.choose(order, "busiest first")
	b.listed("the busiest is first", cards, "busy-target", "faulty-target")
	b.choose(order, "most errors first")
	b.listed("the one with errors is first", cards, "faulty-target")

	b.choose(order, "by name")
	for _, want := range []string{"25 to 48 of 300", "49 to 72 of 300"} {
		b.click(next)
		b.says("#targets .pager", want)
	}
	b.listed("the third page", cards, "idle-46", "idle-47")
	b.click(back)
	b.listed("the second page", cards, "idle-22", "idle-23")
	b.types(search, "IDLE-29")
	b.listed("what is found is on a first page", cards, "idle-29", "idle-290", "idle-291")
	b.until("all of them", `document.querySelectorAll("#targets .card").length === 9 && document.querySelector("#targets .pager").hidden`)
	b.types(search, down.url)
	b.listed("by address", cards, "down-target")
	b.until("alone", `document.querySelectorAll("#targets .card").length === 1`)
	b.types(search, "")
	b.says("#targets .pager", "1 to 24 of 300")

	b.choose(show, "held out or on trial")
	b.until("one is held out", `document.querySelectorAll("#targets .card").length === 1`)
	b.listed("which", cards, "down-target")
	b.choose(show, "pending")
	b.says("#targets .empty", "None of 300 targets is like that.")
	b.choose(show, "healthy")
	b.says("#targets .pager", "1 to 24 of 299")
	down.sick.Store(false)
	b.says("#targets .pager", "1 to 24 of 300")

	b.ends()
	l.end(t)
	b.quiet(p.admin)
}

// ends walks by keyboard to both ends of 300 targets, where the focus stays on the pager.
func (b *browser) ends() {
	b.Helper()
	b.do(chromedp.Focus(chromedp.CSS(next)))
	for range 12 {
		b.do(chromedp.KeyEvent("\r"))
	}
	b.says("#targets .pager", "289 to 300 of 300")
	b.listed("the last page", cards, "idle-286")
	b.until("the focus stays at the end", `document.activeElement.closest("#targets .pager")`)
	b.judge("lists")
	b.do(chromedp.Focus(chromedp.CSS(back)))
	for range 12 {
		b.do(chromedp.KeyEvent("\r"))
	}
	b.says("#targets .pager", "1 to 24 of 300")
	b.until("the focus stays at the beginning", `document.activeElement.closest("#targets .pager")`)
}

// TestDashboardFiltersEvents: by kind, by what is typed, and page by page.
func TestDashboardFiltersEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	targets := []*backend{newBackend(t, "one"), newBackend(t, "two"), newBackend(t, "three")}
	p, b := s.opened(t, watched(s, "edit-0", targets...))
	b.says("#headline", "Serving: 3 of 3 targets healthy")
	edits := 0
	s.until("there are events for several pages", func() bool {
		edits++
		edit := fmt.Sprint("edit-", edits)
		s.write("main.yaml", watched(s, edit, targets...))
		s.until(edit+" is live", func() bool {
			_, _, header := ask(&curl, "GET", s.proxy+"/a", "")
			return header.Get("X-Edit") == edit
		})
		return eval[bool](b, `!document.querySelector("#events .pager").hidden`)
	})
	targets[1].stop()
	b.says("#headline", "Degraded: backend-2")
	s.write("main.yaml", strings.Replace(watched(s, "bad", targets...), "targets:", "tragets:", 1))
	b.says("#headline", "Refused edit: main.yaml:")
	b.click(`[aria-label="Drain backend-3"]`)
	b.click("#confirm .primary")
	b.until("it is done", `!document.getElementById("confirm").open`)

	const kind, field = `#events select`, "#events input"
	pills := func(kinds string) string {
		return fmt.Sprintf(`((all) => all.length > 0 && all.every((e) => %q.split(" ").includes(e.textContent)))([...document.querySelectorAll("#events .pill")])`, kinds)
	}
	b.says("#events .pager", "1 to 50 of ")
	b.click("#events .pager button:last-child")
	b.says("#events .pager", "51 to ")
	b.choose(kind, "by hand")
	b.until("what was done by hand alone", pills("switch"))
	b.says("#events .what", "backend-3")
	b.choose(kind, "health changes")
	b.until("health alone", pills("health"))
	b.says("#events .what", "backend-2")
	b.choose(kind, "edits")
	b.until("edits alone", pills("edit"))
	b.choose(kind, "pushes")
	b.until("pushes alone", pills("push"))
	b.choose(kind, "ejections")
	b.says("#events .empty", "No event is like that.")
	b.choose(kind, "all kinds")
	b.says("#events .pager", "1 to 50 of ")
	b.types(field, "Backend-2")
	b.until("what is said of it alone", `((all) => all.length > 0 && all.every((e) => e.textContent.includes("backend-2")))([...document.querySelectorAll("#events .what")])`)
	b.choose(kind, "edits")
	b.says("#events .empty", "No event is like that.")
	b.types(field, "")
	b.until("edits again", pills("edit"))
	times := `[...document.querySelectorAll("#events time")].map((e) => Date.parse(e.getAttribute("datetime")))`
	b.choose(kind, "all kinds")
	b.until("the newest are first", times+`.every((at, i, all) => i === 0 || all[i - 1] >= at)`)
	b.judge("events")
	b.quiet(p.admin)
}
