package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backworks/envoy"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	static = "endpoints:\n  - {path: /x, method: GET, handler: static, config: {static: {body: one}}}\n"
	// warned has a warning: weights are ignored.
	warned = `plugins:
  proxy:
    config:
      load_balancing: random
      targets: [{name: a, url: "http://127.0.0.1:1", weight: 2}, {name: b, url: "http://127.0.0.1:2"}]
endpoints: [{path: /x, handler: proxy}]
`
)

func TestValidate(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"good.yaml": static, "bad.yaml": bad, "warned.yaml": warned})
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{file("good.yaml")}, 0, []string{"1 blueprint is good\n"}},
		{[]string{file("warned.yaml")}, 0, []string{"warned.yaml:", ": warning: "}},
		{[]string{file("bad.yaml")}, 1, []string{`bad.yaml:3:16: endpoints[0].methd: is not a known key: did you mean "method"?`}},
		{[]string{file("none.yaml")}, 1, []string{"none.yaml: cannot be read: no such file or directory\n"}},
		{[]string{file("good.yaml"), file("bad.yaml"), file("bad.yaml")}, 1, []string{"bad.yaml:3:16"}},
		{[]string{"--format", "github", file("bad.yaml")}, 1, []string{"::error file=" + file("bad.yaml") + `,line=3,col=16::endpoints[0].methd: is not a known key: did you mean "method"?` + "\n"}},
		{[]string{"--format", "github", file("warned.yaml")}, 0, []string{"::warning file="}},
		{[]string{"--format", "json", file("good.yaml")}, 0, []string{"[]\n"}},
	} {
		got := call(append([]string{"validate"}, c.args...)...)
		if got.code != c.code || got.err != "" {
			t.Errorf("%q: %+v", c.args, got)
		}
		for _, words := range c.says {
			if strings.Count(got.out, words) != 1 {
				t.Errorf("%q: not once %q in %s", c.args, words, got.out)
			}
		}
	}
}

func TestValidateJSON(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"bad.yaml": bad})
	got := call("validate", "--format", "json", dir)
	var problems []struct {
		File, Path, Severity, Message string
		Line, Column                  int
	}
	if err := json.Unmarshal([]byte(got.out), &problems); err != nil || got.code != 1 || len(problems) != 2 {
		t.Fatalf("%v: %+v", err, got)
	}
	p := problems[1]
	if p.File != filepath.Join(dir, "bad.yaml") || p.Line != 3 || p.Column != 16 || p.Path != "endpoints[0].methd" || p.Severity != "error" ||
		!strings.HasPrefix(p.Message, "is not a known key") {
		t.Errorf("%+v", p)
	}
}

// A name with what GitHub's commands end at.
func TestValidateForGitHubEscapes(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a,b:100%.yaml": "\"50%\\r\\n\": 1\n" + static})
	got := call("validate", "--format", "github", dir)
	line := strings.TrimSuffix(got.out, "\n")
	if !strings.Contains(got.out, "a%2Cb%3A100%25.yaml,line=1,col=1::") || !strings.Contains(line, "50%25") || strings.ContainsAny(line, "\r\n") {
		t.Errorf("%+v", got)
	}
}

func TestValidateWithEnvoy(t *testing.T) {
	t.Parallel()
	binary, err := envoy.Find("", "../../.tools")
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"good.yaml": static})
	if got := call("validate", "--envoy-path", binary, dir); got.code != 0 || got.out != "1 blueprint is good\n" {
		t.Errorf("%+v", got)
	}
	// What Envoy would say no to, our own checks find first; so one that always does.
	no := filepath.Join(t.TempDir(), "no")
	if err := os.WriteFile(no, []byte("#!/bin/sh\necho 'error initializing configuration: I will not' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := call("validate", "--envoy-path", no, dir); got.code != 1 || !strings.Contains(got.out, "good.yaml: envoy refuses it: ") || !strings.Contains(got.out, "I will not") {
		t.Errorf("%+v", got)
	}
	if got := call("validate", "--envoy-path", filepath.Join(dir, "none"), dir); got.code != 1 || !strings.Contains(got.err, "find envoy") {
		t.Errorf("%+v", got)
	}
}
