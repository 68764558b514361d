package blueprints

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A mistake is shown where it is made, not where the list around it begins.
func TestBrokenLine(t *testing.T) {
	t.Parallel()
	const before = "name: a\nplugins:\n  proxy:\n    config:\n      targets:\n        - url: http://a\n          weight: 1\n        - {url: http://b,\n           weight: 1}\n"
	const after = "\n      timeout: 30\nendpoints:\n  - path: /a\n"
	for name, c := range map[string]struct{ line, want string }{
		"too far in":        {"          - url: http://c", "main.yaml:10:11: is not YAML: did not find expected '-' indicator"},
		"too far out":       {"    - url: http://c", "main.yaml:10:5: is not YAML: did not find expected key"},
		"no colon":          {"      timeout 5", "main.yaml:10:7: is not YAML: could not find expected ':'"},
		"two colons":        {"      timeout: 5: 6", "main.yaml:10:7: is not YAML: mapping values are not allowed"},
		"bracket":           {"      timeout: [5", "main.yaml:10:7: is not YAML: did not find expected ',' or ']'"},
		"brace in a path":   {"      headers: {X-A: /a/{id}}", "main.yaml:10:7: is not YAML: did not find expected ',' or '}'"},
		"quote without end": {"      resolve: \"envoy", "main.yaml:10:7: is not YAML: found unexpected end of stream"},
		"no such anchor":    {"      timeout: *t", "main.yaml:10:7: is not YAML: unknown anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "main.yaml")
			write(t, file, before+c.line+after)
			errs := NewLoader(Options{Path: file}).Load().Problems.Errors()
			if len(errs) != 1 || !strings.HasPrefix(strings.TrimPrefix(errs[0].String(), filepath.Dir(file)+"/"), c.want) {
				t.Errorf("problems %v, want %q", errs, c.want)
			}
		})
	}
}

// TestBrokenLineOfLargeFile: to find the line costs no more than some loads of the file.
func TestBrokenLineOfLargeFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "main.yaml")
	load := func(end string) (Problems, time.Duration) {
		write(t, file, "endpoints:\n"+numbered("  - path: /a/%d\n", 40_000)+end)
		start := time.Now()
		return NewLoader(Options{Path: file}).Load().Problems.Errors(), time.Since(start)
	}
	_, whole := load("")
	errs, took := load("   - path: /b\n")
	if took > 20*whole {
		t.Errorf("took %v, the whole file %v", took, whole)
	}
	if len(errs) != 1 || errs[0].Line != 40_002 {
		t.Errorf("problems %v", errs)
	}
}
