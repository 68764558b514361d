package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// audience is how many look on, at how much, and how many edits are made meanwhile.
type audience struct{ pages, pools, edits int }

// strain is what edits take, and what the processes do, with so many pages open.
type strain struct {
	pushed, slowest time.Duration // from the rename until Envoy answers by it: in the middle, and the longest
	server, envoy   float64       // shares of a core
	memory          int           // of the server, in MiB
}

// TestPushesWhilePagesAreOpen: those who look on do not hold up what is edited. SOAK takes
// the 50 pages and 1,000 clusters that docs/dashboard.md tells of.
func TestPushesWhilePagesAreOpen(t *testing.T) {
	c := audience{pages: 20, pools: 50, edits: 8}
	if soak {
		c = audience{pages: 50, pools: 1000, edits: 20}
	}
	alone, among := c.measure(t)
	t.Logf("no page open: %+v", alone)
	t.Logf("%d pages open: %+v", c.pages, among)
	// The browser and those who look on take the same processors: that is not to fail,
	// while one who waits for slow pages would wait for seconds each time.
	if most := 3*alone.pushed + 2*time.Second; among.pushed > most {
		t.Errorf("an edit takes %v with %d pages open, %v with none", among.pushed, c.pages, alone.pushed)
	}
	// Processor time does not grow where others want the processors too.
	if most := 2*alone.server + 0.002*float64(c.pages); among.server > most {
		t.Errorf("the server takes %.1f %% of a core with %d pages open, %.1f %% with none", 100*among.server, c.pages, 100*alone.server)
	}
}

// BenchmarkPages tells the same in figures: 50 pages and 1,000 clusters.
func BenchmarkPages(b *testing.B) {
	for b.Loop() {
		alone, among := audience{pages: 50, pools: 1000, edits: 20}.measure(b)
		for what, l := range map[string]strain{"alone": alone, "pages": among} {
			b.ReportMetric(float64(l.pushed)/float64(time.Millisecond), "edit-ms-"+what)
			b.ReportMetric(100*l.server, "server-cpu-%-"+what)
			b.ReportMetric(100*l.envoy, "envoy-cpu-%-"+what)
			b.ReportMetric(float64(l.memory), "server-MiB-"+what)
		}
	}
	b.ReportMetric(0, "ns/op") // it is of all edits
}

// measure takes figures with no page open and with all.
func (c audience) measure(t testing.TB) (alone, among strain) {
	t.Helper()
	s := newSite(t)
	target := newBackend(t, "one")
	text := func(edit int) string { return c.blueprint(s.port, target.url, edit) }
	s.write("main.yaml", text(0))
	p := s.start("--", "--concurrency", "2").live()
	edit := 0
	take := func() strain { return c.take(s, p, text, &edit) }
	s.until("figures are there", func() bool { return len(p.telemetry("").Pools) == c.pools })
	alone = take()
	b := newBrowser(t)
	b.page(p)
	var samples atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for range c.pages - 1 { // beside the real one
		done.Go(func() { openPage(ctx, p.admin, &samples) })
	}
	s.until("all are sent figures", func() bool { return samples.Load() > int64(3*c.pages) })
	among = take()
	before := samples.Load()
	s.until("figures go on", func() bool { return samples.Load() > before+int64(c.pages) })
	b.says("#link", "live")
	b.quiet(p.admin)
	cancel()
	done.Wait()
	return alone, among
}

// take edits and looks at the processes.
func (c audience) take(s *site, p *process, text func(int) string, edit *int) strain {
	s.Helper()
	var took []time.Duration
	server, sidecar := p.cmd.Process.Pid, p.envoyPID()
	began, cpu, proxy := time.Now(), cpuOf(s, server), cpuOf(s, sidecar)
	for range c.edits {
		*edit++
		want, saved := strconv.Itoa(*edit), time.Now()
		s.write("main.yaml", text(*edit))
		for {
			_, _, header := ask(&curl, http.MethodGet, s.proxy+"/0", "")
			if header.Get("X-Edit") == want {
				break
			}
			if time.Since(saved) > patience {
				s.Fatalf("edit %s is not live after %v", want, patience)
			}
		}
		took = append(took, time.Since(saved))
		// A second a page: what the pages cost is in it as well.
		next := saved.Add(time.Second)
		s.until("the next edit is due", func() bool { return time.Now().After(next) })
	}
	all := time.Since(began).Seconds()
	l := strain{server: (cpuOf(s, server) - cpu).Seconds() / all, envoy: (cpuOf(s, sidecar) - proxy).Seconds() / all, memory: memoryOf(s, server)}
	slices.Sort(took)
	l.pushed, l.slowest = took[len(took)/2], took[len(took)-1]
	return l
}

// blueprint has that many pools of three targets, and an endpoint for each.
func (c audience) blueprint(port int, url string, edit int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server: {host: 127.0.0.1, port: %d}\nplugins:\n  proxy:\n    config:\n      transform_response: {headers: {X-Edit: \"%d\"}}\n      upstreams:\n", port, edit)
	for i := range c.pools {
		fmt.Fprintf(&b, "        pool-%d: {targets: [{name: t-%d-a, url: %q}, {name: t-%d-b, url: %q}, {name: t-%d-c, url: %q}]}\n", i, i, url, i, url, i, url)
	}
	b.WriteString("endpoints:\n")
	for i := range c.pools {
		fmt.Fprintf(&b, "  - {path: /%d, method: GET, handler: proxy, upstream: pool-%d}\n", i, i)
	}
	return b.String()
}

// openPage asks what a page asks: it follows the stream, and wants the status and the
// history when something has happened, and the status every five seconds.
func openPage(ctx context.Context, admin string, samples *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func(path string) io.ReadCloser {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+path, http.NoBody)
		if err != nil {
			return nil
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil
		}
		return answer.Body
	}
	stream := get("/api/v1/stream")
	if stream == nil {
		return
	}
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, 64<<10)
	happened := true
	for n := 0; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		happened = happened || string(line) == "event: event"
		event := strings.HasPrefix(string(line), "event: s") // snapshot, sample
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if !event {
			continue
		}
		samples.Add(1)
		n++
		var wants []string
		if happened || n%5 == 0 {
			wants = append(wants, "/api/v1/status")
		}
		if happened {
			wants = append(wants, "/api/v1/history")
		}
		happened = false
		for _, path := range wants {
			if answer := get(path); answer != nil {
				_, _ = io.Copy(io.Discard, answer)
				_ = answer.Close()
			}
		}
	}
}

// cpuOf is how long a process has run so far; /proc counts in 10 ms.
func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memoryOf is what a process has in memory, in MiB.
func memoryOf(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n >> 10
}
