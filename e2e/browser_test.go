package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshots is where pictures of the page are left for people; git ignores it.
const screenshots = "../out/screenshots"

// browser is a tab of a real Chromium that has nothing open but what it is led to.
type browser struct {
	testing.TB
	context.Context
	mu       sync.Mutex
	problems []string // of the console
	requests []string // addresses
}

// opened starts on a blueprint, and has its page in a browser.
func (s *site) opened(t testing.TB, blueprint string) (*process, *browser) {
	t.Helper()
	s.write("main.yaml", blueprint)
	p, b := s.start().live(), newBrowser(t)
	b.page(p)
	return p, b
}

// newBrowser starts a Chromium with an empty profile and without a life of its own.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	binary, err := exec.LookPath("chromium")
	for _, name := range []string{"chromium-browser", "google-chrome"} {
		if err != nil {
			binary, err = exec.LookPath(name)
		}
	}
	if err != nil {
		t.Fatal("a Chromium is needed: make browser installs it, where that is allowed")
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(binary), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU}
	for _, flag := range []string{"disable-quic", "disable-component-update", "disable-sync", "disable-background-networking", "no-first-run", "no-proxy-server"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	all, end := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], options...)...)
	t.Cleanup(end)
	tab, closeTab := chromedp.NewContext(all)
	t.Cleanup(closeTab)
	b := &browser{TB: t, Context: tab}
	if err := chromedp.Listen(tab, b.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	command(b, network.Enable, network.EnableParams{})
	command(b, runtime.Enable, cdp.Empty{})
	command(b, log.Enable, cdp.Empty{})
	return b
}

// command calls a command of the protocol.
func command[P, R any](b *browser, what cdp.Command[P, R], with P) {
	b.Helper()
	if _, err := chromedp.Call(b.Context, what, with); err != nil {
		b.Fatalf("browser: %v", err)
	}
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var said []string
			for _, a := range e.Args {
				said = append(said, fmt.Sprintf("%s %s", a.Value, a.Description))
			}
			b.problems = append(b.problems, strings.Join(said, " "))
		}
	}
}

// do has the tab do something.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.Fatalf("browser: %v", err)
	}
}

// eval evaluates an expression of the page; a promise is waited for.
func eval[T any](b *browser, expression string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("browser: %v", err)
	}
	return value
}

// until waits until an expression of the page is true.
func (b *browser) until(what, expression string) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for {
		if eval[bool](b, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(deadline) {
			text := eval[string](b, "document.body.innerText")
			b.shoot("failed", 1280)
			b.Fatalf("not within %v: %s; the page says:\n%s", patience, what, text)
		}
		eval[chromedp.Void](b, "new Promise((done) => setTimeout(done, 50))")
	}
}

// says waits until an element has a text.
func (b *browser) says(selector, text string) {
	b.Helper()
	b.until(selector+" says "+text, fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.textContent.includes(%q))", selector, text))
}

// click clicks on an element as a person would.
func (b *browser) click(selector string) {
	b.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// look sets width and colours.
func (b *browser) look(width int64, scheme string) {
	b.Helper()
	command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// shoot leaves a picture of the whole page.
func (b *browser) shoot(name string, width int64) {
	b.Helper()
	eval[chromedp.Void](b, "scrollTo(0, 0)")
	picture, err := chromedp.Run(b.Context, chromedp.FullScreenshot(100))
	if err != nil {
		b.Fatalf("browser: %v", err)
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, fmt.Sprintf("%s-%d.png", name, width)), picture, 0o644); err != nil {
		b.Fatal(err)
	}
}

// busy is the share of three seconds that the page computes for: the processor's time, of
// which it does not get more where others want it too.
func (b *browser) busy() float64 {
	b.Helper()
	command(b, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	computed := func() float64 {
		all, err := chromedp.Call(b.Context, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			b.Fatalf("browser: %v", err)
		}
		for _, m := range all.Metrics {
			if m.Name == "TaskDuration" {
				return m.Value
			}
		}
		b.Fatal("the browser does not tell how long it computed")
		return 0
	}
	began, before := time.Now(), computed()
	eval[chromedp.Void](b, "new Promise((done) => setTimeout(done, 3000))")
	return (computed() - before) / time.Since(began).Seconds()
}

// violation is what axe finds.
type violation struct {
	ID    string
	Nodes []string
}

// judge looks at the page in light and dark, wide and narrow: axe finds nothing, and
// nothing sticks out sideways. Each look is kept as a picture.
func (b *browser) judge(state string) {
	b.Helper()
	axe, err := os.ReadFile("../.tools/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		b.Fatalf("make axe: %v", err)
	}
	eval[chromedp.Void](b, "window.axe !== undefined || (() => {"+string(axe)+"})()")
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 380} {
			b.look(width, scheme)
			eval[chromedp.Void](b, "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
			found := eval[[]violation](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) => r.violations.map((v) => ({ID: v.id, Nodes: v.nodes.slice(0, 3).map((n) => n.html + " " + n.failureSummary)})))`)
			for _, v := range found {
				b.Errorf("%s, %s, %d: axe: %s: %s", state, scheme, width, v.ID, strings.Join(v.Nodes, "; "))
			}
			out := eval[string](b, "document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + '.' + e.className).slice(0, 5).join() : ''")
			if out != "" {
				b.Errorf("%s, %s, %d: sticks out: %s", state, scheme, width, out)
			}
			b.shoot(state+"-"+scheme, width)
		}
	}
	b.look(1280, "light")
}

// quiet fails when the console said anything or the page asked others than its server.
func (b *browser) quiet(server string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.Errorf("the console says: %s", p)
	}
	own, err := url.Parse(server)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range b.requests {
		if u, err := url.Parse(r); err != nil || u.Host != own.Host && u.Scheme != "about" {
			b.Errorf("an outside request: %s", r)
		}
	}
	if len(b.requests) < 10 {
		b.Errorf("only %d requests are seen", len(b.requests))
	}
}
