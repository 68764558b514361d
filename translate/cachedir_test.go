package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCacheWithoutDirectory: an Envoy whose directory is not there, or goes while it runs,
// keeps nothing, and answers everybody all the same; where the directory comes back, it
// keeps again.
func TestCacheWithoutDirectory(t *testing.T) {
	t.Parallel()
	url, asked := counted(t)
	there, missing, file := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	makeDir := func() {
		t.Helper()
		if err := os.Mkdir(there, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	misses := func(p *proxy) {
		t.Helper()
		n := asked.Load()
		for i := range int64(20) {
			if resp, body := p.ask(t, "GET", "/x"); resp.StatusCode != 200 || resp.Header.Get("X-Cache") != "miss" || !strings.HasPrefix(body, fmt.Sprint(n+i+1, " ")) {
				t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
			}
		}
	}
	for _, dir := range []string{missing, file} {
		p := serve(t, cacheBlueprint, map[string]string{"target": url, "dir": dir})
		misses(p)
		var metrics strings.Builder
		if err := p.admin.Prometheus(t.Context(), &metrics); err != nil || gauge(metrics.String(), "envoy_cache_size_count{") != 0 {
			t.Error("kept: ", err)
		}
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Error("Envoy made it: ", err)
	}
	makeDir()
	p := serve(t, cacheBlueprint, map[string]string{"target": url, "dir": there})
	p.kept(t, "/y")
	if err := os.RemoveAll(there); err != nil {
		t.Fatal(err)
	}
	misses(p)
	makeDir()
	p.kept(t, "/x")
	p.kept(t, "/y")
}

// TestCacheOfEachEnvoy: what one Envoy keeps, another with a directory of its own does not
// have; with the same directory, against all advice, both go on well.
func TestCacheOfEachEnvoy(t *testing.T) {
	t.Parallel()
	url, _ := counted(t)
	blueprint := strings.Replace(cacheBlueprint, `"$dir"`, `"$dir", max_entries: 5`, 1)
	shared := t.TempDir()
	start := func(dir string) *proxy {
		t.Helper()
		return serve(t, blueprint, map[string]string{"target": url, "dir": dir})
	}
	one, other, beside := start(shared), start(t.TempDir()), start(shared)
	for i := range 20 {
		path := fmt.Sprint("/x?n=", i)
		one.kept(t, path, "Host: x")
		if resp, _ := other.ask(t, "GET", path, "Host: x"); resp.StatusCode != 200 || resp.Header.Get("X-Cache") != "miss" {
			t.Errorf("another Envoy: %d %v", resp.StatusCode, resp.Header)
		}
		beside.kept(t, path, "Host: x")
		beside.kept(t, path+"&more", "Host: x")
	}
	for _, p := range []*proxy{one, other, beside} {
		if _, live, err := p.admin.Ready(t.Context()); !live || err != nil {
			t.Error("an Envoy is gone: ", err)
		}
	}
	poll(t, func() bool { n, files := stored(t, shared); return files <= 10 && n > 0 })
}
