package translate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCacheUnderLoad: large answers, clients that leave, and targets that break off, many
// at once: each gets its own answer whole, and Envoy lives.
func TestCacheUnderLoad(t *testing.T) {
	t.Parallel()
	var broken atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		line := []byte(r.URL.Query().Get("id") + "\n")
		if r.URL.Query().Has("break") {
			broken.Add(1)
			w.Header().Set("Content-Length", strconv.Itoa(n*len(line)))
			_, _ = w.Write(bytes.Repeat(line, n/2))
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(bytes.Repeat(line, n))
	}))
	t.Cleanup(s.Close)
	p := serve(t, cacheBlueprint, map[string]string{"target": s.URL, "dir": t.TempDir()})
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := range 60 {
				id, n := fmt.Sprint("id", (c+i)%10), 1<<((c+i)%10*2) // up to 1 MB
				url := fmt.Sprintf("%s/big?id=%s&n=%d", p.url, id, n)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				switch i % 6 {
				case 4:
					url += "&break=1"
				case 5: // leaves
					time.AfterFunc(time.Duration(c)*time.Millisecond, cancel)
				}
				req, _ := http.NewRequestWithContext(ctx, map[bool]string{true: "HEAD", false: "GET"}[i%7 == 0], url, nil)
				resp, err := http.DefaultTransport.RoundTrip(req)
				if err == nil {
					var body []byte
					body, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					want := bytes.Repeat([]byte(id+"\n"), n)
					if i%6 < 4 && err == nil && req.Method == "GET" && !bytes.Equal(body, want) {
						t.Errorf("%s: %d %v: %d bytes of %d", url, resp.StatusCode, resp.Header, len(body), len(want))
					}
					if i%6 == 4 && err == nil && n > 1 && req.Method == "GET" && resp.StatusCode == 200 {
						t.Errorf("%s: half an answer for a whole one: %v, %d bytes of %d", url, resp.Header, len(body), len(want))
					}
				}
				if err != nil && i%6 < 4 {
					t.Errorf("%s: %v", url, err)
				}
				cancel()
			}
		})
	}
	clients.Wait()
	if _, live, err := p.admin.Ready(t.Context()); !live || err != nil {
		t.Fatal("Envoy is gone: ", err)
	}
	n := broken.Load()
	for range 3 { // of what broke off nothing was kept
		resp, err := http.Get(p.url + "/big?id=id1&n=4&break=1")
		if err == nil {
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
	}
	if broken.Load() != n+3 {
		t.Error("half an answer was kept")
	}
}

// TestCacheTargetsPolicies: on a miss a target's timeout and retries hold, and what the
// proxy says itself is not kept.
func TestCacheTargetsPolicies(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		if r.URL.Path == "/shaky" && n%2 == 1 {
			w.WriteHeader(503)
		}
		_, _ = fmt.Fprint(w, n, r.Header)
	}))
	t.Cleanup(s.Close)
	p := serve(t, `
plugins:
  proxy:
    config:
      targets: [{url: "$target", timeout: 0.3, retry_attempts: 1}]
      upstreams: {gone: {targets: ["http://127.0.0.1:1"]}}
  cache: {config: {directory: "$dir", ttl: 60}}
endpoints:
  - {path: "/*", config: {proxy: {transform_request: {headers: {X-To: "{{client_ip}} {{header.X-No}}"}}}}}
  - {path: /gone, upstream: gone}
`, map[string]string{"target": s.URL, "dir": t.TempDir()})
	for _, c := range []struct {
		path   string
		status int
	}{{"/slow", 504}, {"/gone", 503}, {"/gone", 503}} {
		resp, body := p.ask(t, "GET", c.path)
		if resp.StatusCode != c.status || resp.Header.Get("X-Cache") != "miss" || !strings.HasPrefix(body, `{"error":`) {
			t.Errorf("%s: %d %v %s", c.path, resp.StatusCode, resp.Header, body)
		}
	}
	if asked.Load()%2 == 1 {
		asked.Add(1)
	}
	resp, body := p.ask(t, "GET", "/shaky", "X-No: evil")
	if resp.StatusCode != 200 || !strings.Contains(body, "X-To:[127.0.0.1") || strings.Contains(body, "evil") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestCacheFiles: what is kept outlives Envoy, and a file that stands for another key is
// nobody's answer.
func TestCacheFiles(t *testing.T) {
	t.Parallel()
	url, asked := counted(t)
	dir := t.TempDir()
	p := serve(t, cacheBlueprint, map[string]string{"target": url, "dir": dir})
	one, two := p.kept(t, "/one", "Host: x"), p.kept(t, "/two", "Host: x")
	if err := p.admin.Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool { _, live, _ := p.admin.Ready(t.Context()); return !live })
	n := asked.Load()
	p = serve(t, cacheBlueprint, map[string]string{"target": url, "dir": dir})
	if resp, body := p.ask(t, "GET", "/one", "Host: x"); body != one || resp.Header.Get("X-Cache") != "hit" || asked.Load() != n {
		t.Errorf("nothing outlived Envoy: %v", resp.Header)
	}
	var files []string
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, _ error) error {
		if strings.HasPrefix(info.Name(), "cache-") {
			files = append(files, path)
		}
		return nil
	})
	if len(files) != 2 {
		t.Fatal(files)
	}
	for _, r := range [][2]string{{files[0], files[0] + "x"}, {files[1], files[0]}, {files[0] + "x", files[1]}} {
		if err := os.Rename(r[0], r[1]); err != nil {
			t.Fatal(err)
		}
	}
	for path, wrong := range map[string]string{"/one": two, "/two": one} {
		// Envoy itself gives it out.
		if resp, body := p.ask(t, "GET", path, "Host: x"); resp.StatusCode != 503 || body == wrong || resp.Header.Get("X-Backworks-Key") != "" {
			t.Errorf("%s: %d %v %s", path, resp.StatusCode, resp.Header, body)
		}
	}
}

// TestCacheIsBounded: there are never many more files than max_entries says.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	url, _ := counted(t)
	dir := t.TempDir()
	p := serve(t, strings.Replace(cacheBlueprint, `"$dir"`, `"$dir", max_entries: 5`, 1), map[string]string{"target": url, "dir": dir})
	for i := range 40 {
		p.kept(t, fmt.Sprint("/x?n=", i))
	}
	poll(t, func() bool {
		files, err := filepath.Glob(filepath.Join(dir, "cache-*"))
		return err == nil && len(files) > 0 && len(files) <= 5
	})
}
