package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backworks/blueprints"
)

// TestCacheDirectory is made where it can be, and else told of at the plugin's place.
func TestCacheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check := withCacheDirs(func(*blueprints.Blueprint) blueprints.Problems { return nil })
	bp := &blueprints.Blueprint{Policies: blueprints.Policies{Cache: &blueprints.Cache{
		Policy: blueprints.Policy{Position: blueprints.Position{File: "main.yaml", Line: 4, Column: 5}, Enabled: true}, Directory: filepath.Join(dir, "a", "b"),
	}}}
	if problems := check(bp); len(problems) > 0 {
		t.Error(problems)
	}
	if info, err := os.Stat(bp.Policies.Cache.Directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	bp.Policies.Cache.Directory = filepath.Join(file, "b")
	problems := check(bp)
	if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), "main.yaml:4:5: plugins.cache.config.directory: warning: the directory cannot be made (not a directory)") {
		t.Error(problems)
	}
}
