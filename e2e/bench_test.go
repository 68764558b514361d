package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// answer is one that a client got: of which edit, and when.
type answer struct {
	at   time.Time
	edit string
}

// BenchmarkEdit tells how long an edit takes from the rename until the first answer
// by it, and until the last answer by the one before (milliseconds, in the middle and at
// the 99th percentile). Four clients ask 2,000 times a second in all, two Envoy
// workers answer.
func BenchmarkEdit(b *testing.B) {
	for _, kind := range []struct {
		name string
		edit func(e *edits, i int) string
	}{
		{"headers", func(e *edits, i int) string { return e.text(i * kinds) }},
		{"weights", func(e *edits, i int) string { return e.text(i*kinds + i%2) }},
	} {
		b.Run(kind.name, func(b *testing.B) { benchmarkEdit(b, kind.edit) })
	}
}

func benchmarkEdit(b *testing.B, text func(e *edits, i int) string) {
	e := newEdits(newSite(b))
	e.write("main.yaml", text(e, 0))
	e.start("--", "--concurrency", "2").live()
	w := watch(e.proxy+"/a", 4, 500*time.Microsecond)
	defer w.end()
	var first, last []time.Duration
	for i := 1; b.Loop(); i++ {
		want := editOf(text(e, i))
		w.forget()
		began := time.Now()
		e.write("main.yaml", text(e, i))
		var f, l time.Duration
		e.until("the edit is live", func() bool {
			f, l = w.took(want, began)
			return l > 0
		})
		first, last = append(first, f), append(last, l)
	}
	report(b, first, "first")
	report(b, last, "last")
	b.ReportMetric(0, "ns/op") // it has the wait for the last answer in it
}

// editOf is what answers by a blueprint are marked with.
func editOf(text string) string {
	_, rest, _ := strings.Cut(text, `X-Edit: "`)
	edit, _, _ := strings.Cut(rest, `"`)
	return edit
}

func report(b *testing.B, all []time.Duration, what string) {
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[min(len(all)-1, int(share*float64(len(all))))]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(0.50), "p50-"+what+"-ms")
	b.ReportMetric(at(0.99), "p99-"+what+"-ms")
}

// watcher is clients who ask all the time and write down what they get.
type watcher struct {
	mu   sync.Mutex
	seen []answer
	stop chan struct{}
	done sync.WaitGroup
}

// watch starts clients that each ask once per pause.
func watch(url string, clients int, pause time.Duration) *watcher {
	w := &watcher{stop: make(chan struct{})}
	for range clients {
		w.done.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer client.CloseIdleConnections()
			tick := time.NewTicker(pause * time.Duration(clients))
			defer tick.Stop()
			for {
				select {
				case <-w.stop:
					return
				case <-tick.C:
				}
				_, _, header := ask(client, http.MethodGet, url, "")
				w.mu.Lock()
				w.seen = append(w.seen, answer{time.Now(), header.Get("X-Edit")})
				w.mu.Unlock()
			}
		})
	}
	return w
}

func (w *watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = w.seen[:0]
}

// enough is how many answers in a row must be by an edit until all are.
const enough = 40

// took tells when the first answer by the edit came, and when the last other one;
// last is 0 while that cannot be told. It is at least the first.
func (w *watcher) took(edit string, began time.Time) (first, last time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	row := 0
	for _, a := range w.seen {
		switch since := a.at.Sub(began); {
		case a.edit != edit:
			row, last = 0, since
		case first == 0:
			first = since
			row++
		default:
			row++
		}
	}
	if row < enough {
		return first, 0
	}
	return first, max(first, last)
}

func (w *watcher) end() {
	close(w.stop)
	w.done.Wait()
}
