package blueprints

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An edit of one pool leaves those beside it the same; what moved to another line is
// another one, for its position is.
func TestPoolsThatDidNotChangeStay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "main.yaml")
	const text = `plugins: {proxy: {config: {upstreams: {
  a: {targets: [{url: "http://10.0.0.1:80"}]},
  b: {targets: [{url: "http://10.0.0.2:80"}]},
  c: {targets: [{url: "http://10.0.0.3:80"}]}}}}}
endpoints:
  - {path: /a, handler: proxy, upstream: a}
  - {path: /own, handler: proxy, config: {proxy: {target: "http://10.0.0.4:80"}}}
`
	l := NewLoader(Options{Path: path})
	load := func(text string) map[string]*Pool {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := l.Load()
		if err := r.Problems.Err(); err != nil {
			t.Fatal(err)
		}
		pools := map[string]*Pool{}
		for _, p := range r.Set.Blueprints[0].Pools {
			pools[p.Name] = p
		}
		return pools
	}
	first := load(text)
	if len(first) != 4 {
		t.Fatalf("got %d pools", len(first))
	}
	second := load(strings.Replace(text, "10.0.0.2", "10.0.0.5", 1))
	for name, p := range second {
		if same := p == first[name]; same != (name != "b") {
			t.Errorf("b was edited, and of %s it is %v that it is the same", name, same)
		}
	}
	if host := second["b"].Targets[0].Host; host != "10.0.0.5" {
		t.Errorf("b has %s", host)
	}
	third := load(strings.Replace(text, "  c:", "\n  c:", 1))
	if third["a"] != second["a"] || third["c"] == second["c"] || third["c"].Line != second["c"].Line+1 {
		t.Errorf("a line more before c: a %v, c at line %d", third["a"] == second["a"], third["c"].Line)
	}
}
