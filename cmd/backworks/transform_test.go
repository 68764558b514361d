package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// put writes files into a folder of their own; it gives their paths.
func put(t *testing.T, texts ...string) []string {
	t.Helper()
	dir := t.TempDir()
	paths := make([]string, len(texts))
	for i, text := range texts {
		paths[i] = filepath.Join(dir, []string{"main.yaml", "ask.http", "answer.http"}[i])
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// The page on transformations shows what the command prints.
func TestTransformationsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/transformations.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```[a-z]+\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 4 {
		t.Fatalf("%d blocks", len(blocks))
	}
	files := put(t, blocks[0][1], blocks[1][1], blocks[2][1])
	got := call("transform", "-c", files[0], "--request", files[1], "--response", files[2])
	if got.code != 0 || strings.TrimSpace(got.out) != strings.TrimSpace(blocks[3][1]) {
		t.Errorf("%d %s\n%s", got.code, got.err, got.out)
	}
}

// The example in the comments of the shipped blueprint works.
func TestShippedTransformation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../blueprints/main.yaml")
	if err != nil {
		t.Fatal(err)
	}
	from := strings.Index(string(text), "  # transformations:")
	to := strings.Index(string(text), "\nendpoints:")
	example := strings.ReplaceAll(string(text[from:to]), "  # ", "  ")
	files := put(t, string(text[:from])+example[:strings.Index(example, "\n\n")]+string(text[to:]),
		"POST /api/orders?debug=1 HTTP/1.1\nX-Old-Token: t\nContent-Type: application/json\n\n{}",
		"HTTP/1.1 200\nContent-Type: application/json\n\n{\"password\":1,\"items\":[{\"cost\":1}],\"mail\":\"a\"}")
	got := call("transform", "-c", files[0], "--request", files[1], "--response", files[2])
	for _, want := range []string{
		"POST /orders?source=192.0.2.1 HTTP/1.1\n", "\nx-token: t\n", "\n{\"currency\":\"EUR\"}\n", "\n{\"items\":[{}],\"email\":\"a\"}\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is not in\n%s%s", want, got.out, got.err)
		}
	}
}

func TestTransformRefuses(t *testing.T) {
	t.Parallel()
	const blueprint = `
plugins: {proxy: {config: {targets: ["http://127.0.0.1:3001"]}}}
endpoints:
  - {path: /static, static: {body: x}}
  - {path: /strict, config: {transformations: {request: {other_bodies: refuse, body: {remove: a}}}}}
`
	for _, c := range []struct{ request, out, err string }{
		{"GET /none\n\n", "", "has GET /none"},
		{"GET /static\n\n", "", "its handler is static"},
		{"nonsense\n\n", "", `the first line must be as in "GET /path HTTP/1.1"`},
		{"GET /strict\nno header\n\n", "", "line 2"},
		{"POST /strict\nContent-Type: text/plain\n\nx", "HTTP/1.1 415\n", ""},
		{"POST /strict\nContent-Type: application/json\n\n{", "HTTP/1.1 400\n", ""},
	} {
		files := put(t, blueprint, c.request)
		got := call("transform", "-c", files[0], "--request", files[1])
		if !strings.HasPrefix(got.out, c.out) || !strings.Contains(got.err, c.err) || (got.code == 0) != (c.err == "") {
			t.Errorf("%q: %+v", c.request, got)
		}
	}
	if got := call("transform"); got.code == 0 || !strings.Contains(got.err, "--request") {
		t.Errorf("without a request: %+v", got)
	}
}
