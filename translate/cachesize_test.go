package translate_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// small is a proxy whose cache has room for 1 MiB in dir. Its target answers with as many
// KiB as it is asked for, and says the length beforehand at /known.
func small(t *testing.T) (p *proxy, dir string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("kib"))
		if r.URL.Path == "/known" {
			w.Header().Set("Content-Length", strconv.Itoa(n<<10))
		}
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		}
		_, _ = w.Write(bytes.Repeat([]byte("k"), n<<10))
	}))
	t.Cleanup(s.Close)
	dir = t.TempDir()
	return serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  cache: {config: {directory: "$dir", ttl: 600, max_size: 1MiB}}
endpoints: [{path: "/*"}]
`, map[string]string{"target": s.URL, "dir": dir}), dir
}

// stored is what is in a directory.
func stored(t *testing.T, dir string) (bytes int64, files int) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if info, err := os.Stat(f); err == nil { // else it was just thrown out
			bytes += info.Size()
			files++
		}
	}
	return bytes, files
}

// TestCacheIsBoundedInSize: files are never much more than max_size says, and the newest
// stay.
func TestCacheIsBoundedInSize(t *testing.T) {
	t.Parallel()
	p, dir := small(t)
	for i := range 40 {
		p.kept(t, fmt.Sprint("/known?kib=100&n=", i))
		if n, _ := stored(t, dir); n > 2<<20 {
			t.Errorf("after %d answers of 100 KiB: %d bytes", i+1, n)
		}
	}
	poll(t, func() bool { n, _ := stored(t, dir); return n <= 1<<20 })
	if n, files := stored(t, dir); files < 5 {
		t.Errorf("%d files of %d bytes are left", files, n)
	}
	for i, want := range map[int]string{39: "hit", 38: "hit", 0: "miss"} {
		if resp, _ := p.ask(t, "GET", fmt.Sprint("/known?kib=100&n=", i)); resp.Header.Get("X-Cache") != want {
			t.Errorf("answer %d: %s, want %s", i, resp.Header.Get("X-Cache"), want)
		}
	}
	var metrics strings.Builder
	poll(t, func() bool {
		metrics.Reset()
		err := p.admin.Prometheus(t.Context(), &metrics)
		return err == nil && gauge(metrics.String(), "envoy_cache_size_bytes{") <= 1<<20 && gauge(metrics.String(), "envoy_cache_size_count{") >= 5
	})
}

// TestCacheLargeAnswers: an answer that is too large passes whole. One that says so before
// leaves what is kept alone; one that does not is gone again once it is known.
func TestCacheLargeAnswers(t *testing.T) {
	t.Parallel()
	p, dir := small(t)
	whole := func(path string, kib int) {
		t.Helper()
		resp, body := p.ask(t, "GET", path)
		if resp.StatusCode != 200 || resp.Header.Get("X-Cache") != "miss" || len(body) != kib<<10 || strings.Trim(body, "k") != "" {
			t.Errorf("%s: %d %v, %d bytes", path, resp.StatusCode, resp.Header, len(body))
		}
	}
	p.kept(t, "/known?kib=100")
	for range 5 {
		whole("/known?kib=600", 600)
		whole("/known?kib=5000", 5000)
		whole("/events?kib=1", 1)
	}
	if resp, _ := p.ask(t, "GET", "/known?kib=100"); resp.Header.Get("X-Cache") != "hit" {
		t.Error("too large an answer threw out another")
	}
	for i := range 5 {
		whole(fmt.Sprint("/unknown?kib=5000&n=", i), 5000)
		poll(t, func() bool { n, _ := stored(t, dir); return n <= 1<<20 })
	}
	p.kept(t, "/known?kib=100&n=again")
}

// TestCacheLetsEventsThrough: each event reaches the client when it was sent, not at the
// end, and one who comes again says where it was.
func TestCacheLetsEventsThrough(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d %s\n", i, r.Header.Get("Last-Event-ID"))
			w.(http.Flusher).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins:
  proxy: {config: {targets: ["$target"]}}
  cache: {config: {directory: "$dir", ttl: 600}}
endpoints: [{path: "/*"}]
`, map[string]string{"target": s.URL, "dir": t.TempDir()})
	for i, id := range []string{"", "", "7"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		if id != "" {
			req.Header.Set("Last-Event-ID", id)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(resp.Body)
		for n := range 3 {
			if line, err := events.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d %s\n", n, id) {
				t.Fatalf("client %d: %q %v", i, line, err)
			}
			next <- struct{}{}
		}
		if rest, err := io.ReadAll(events); err != nil || len(rest) > 0 || resp.Header.Get("X-Cache") == "hit" {
			t.Errorf("client %d: %v %q %v", i, resp.Header, rest, err)
		}
		_ = resp.Body.Close()
	}
}

// gauge is the number behind the first line of an exposition that begins so, or -1.
func gauge(exposition, begins string) float64 {
	for line := range strings.Lines(exposition) {
		if strings.HasPrefix(line, begins) {
			n, _ := strconv.ParseFloat(line[strings.LastIndex(strings.TrimSpace(line), " ")+1:len(line)-1], 64)
			return n
		}
	}
	return -1
}
