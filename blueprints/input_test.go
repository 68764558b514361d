package blueprints

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func numbered(format string, n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, format, i)
	}
	return s.String()
}

// Many pools that are missing, and many that could be meant: each is told, and that
// in bounded time.
func TestManyMissingPools(t *testing.T) {
	t.Parallel()
	const n = 3000
	file := filepath.Join(t.TempDir(), "main.yaml")
	write(t, file, "plugins: {proxy: {config: {upstreams: {\n"+numbered("the-pool-with-the-number-%d: {targets: [\"http://a\"]},\n", n)+
		"}}}}\nendpoints:\n"+numbered("  - {path: /%d, upstream: the-pool-with-number-x}\n", 2)+numbered("  - {path: /a/%d, upstream: the-pole-with-the-number-%[1]d}\n", n))
	start := time.Now()
	errs := NewLoader(Options{Path: file}).Load().Problems.Errors()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if len(errs) != n+2 || !strings.Contains(errs[1].Message, "did you mean") || errs[n].Message != `there is no pool "the-pole-with-the-number-2998"` {
		t.Errorf("%d problems, %v, %v", len(errs), errs[1], errs[n])
	}
}

// Broken and hostile files get one clear problem, in bounded time.
func TestBadInput(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 20; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	var chain strings.Builder
	chain.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 300; i++ {
		fmt.Fprintf(&chain, "a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {"", "1:1: the file is empty"},
		"comments only":     {"# x\n", "1:1: the file is empty"},
		"null":              {"~\n", "1:1: the file is empty"},
		"over 8 MiB":        {strings.Repeat("# x\n", 2<<20+1), "main.yaml: the file is over 8 MiB"},
		"zero byte":         {"name: x\nversion: \x00", "2:10: the file is not text: there is a control character here"},
		"not UTF-8":         {"name: \xff\xfe", "1:7: the file is not text: a byte here is not UTF-8"},
		"tab":               {"server:\n\tport: 80\n", "2:1: a tab cannot indent YAML: use spaces"},
		"tab after spaces":  {"server:\n  \tport: 80\n  host: x: y\n", "2:3: a tab cannot indent YAML: use spaces"},
		"syntax":            {"name: [a\nversion: 1\n", "is not YAML: "},
		"two documents":     {"name: a\n---\nname: b\n", "2:1: a second document"},
		"alias bomb":        {bomb, "1:1: the file has more than 1048576 values"},
		"alias chain":       {chain.String(), "is nested more than 100 deep"},
		"anchor in itself":  {"name: &a [*a]\n", "1:7: the anchor \"a\" contains itself"},
		"unknown anchor":    {"name: *a\n", "is not YAML: unknown anchor 'a' referenced"},
		"deep flow":         {"name: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "is nested more than 100 deep"},
		"deeper flow":       {"name: " + strings.Repeat("[", 1<<20), "is not YAML: "},
		"deep block":        {"name:\n" + strings.Repeat("- ", 5000) + "x", "is nested more than 100 deep"},
		"tag":               {"name: !!binary aGk=\n", "1:7: the tag \"!!binary\" is not supported"},
		"list":              {"- a\n", "1:1: must be a mapping"},
		"duplicate key":     {"name: a\nname: b\nendpoints: [{path: /, static: {}}]\n", "2:1: name: stands here a second time, the first is at line 1"},
		"mapping as key":    {"{a: b}: c\nendpoints: [{path: /, static: {}}]\n", "1:1: a key must be a word, got a mapping"},
		"bad merge":         {"<<: 5\nendpoints: [{path: /, static: {}}]\n", `["<<"]: must be a mapping to merge`},
		"many unknown keys": {numbered("sevrer%d: 1\n", 200_000), "1:1: sevrer0: is not a known key: did you mean"},
		"many problems":     {"endpoints:\n" + strings.Repeat("- {}\n", 5000), "endpoints[0]: needs the key \"path\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "main.yaml")
			write(t, file, c.content)
			start := time.Now()
			errs := NewLoader(Options{Path: file}).Load().Problems.Errors()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			if len(errs) == 0 || len(errs) > maxProblems || !strings.Contains(errs[0].String(), c.want) {
				t.Errorf("problems %.300v, want %q", errs, c.want)
			}
			if len(errs) > 1 && !strings.HasPrefix(name, "many ") {
				t.Errorf("more than one problem: %.300v", errs)
			}
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "none.yaml: cannot be read: no such file or directory",
		os.DevNull:                      "cannot be read: is not a regular file",
	} {
		errs := NewLoader(Options{Path: path}).Load().Problems.Errors()
		if len(errs) != 1 || !strings.Contains(errs[0].String(), want) {
			t.Errorf("%s: %v, want %q", path, errs, want)
		}
	}
}

func TestMergeKeysAndAliases(t *testing.T) {
	t.Parallel()
	errs := byLoader(t, `
plugins:
  proxy:
    config:
      upstreams:
        a: &a
          targets: &t [{url: "http://a:1", weight: 2}]
          timeout: 3
        b: {<<: *a, timeout: 4}
        c: {<<: [*a, {retry_attempts: 1}], targets: *t}
endpoints: [{path: /a, upstream: a}, {path: /b, upstream: b}]
`)
	if len(errs) > 0 {
		t.Error(errs)
	}
}
