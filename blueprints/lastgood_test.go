package blueprints

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// TestBuild: what was kept makes the blueprint it made, whatever became of the files.
func TestBuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main, a, b := filepath.Join(dir, "main.yaml"), filepath.Join(dir, "in", "a.yaml"), filepath.Join(dir, "in", "b.yaml")
	endpoint := func(path string) string {
		return "endpoints: [{path: " + path + ", handler: static, config: {static: {status: 200}}}]\n"
	}
	write(t, main, "include: in/*.yaml\n"+endpoint("/main"))
	write(t, a, endpoint("/a"))
	l := NewLoader(Options{Path: main})
	before := l.Load()
	if err := before.Problems.Err(); err != nil {
		t.Fatal(err)
	}
	kept := maps.Clone(before.Good[main])
	write(t, main, "endpoints: [\n")
	write(t, b, endpoint("/b"))
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	l.Load()
	bp, problems := l.Build(main, kept)
	if len(problems) > 0 || bp == nil || bp.Version != before.Set.Blueprints[0].Version || len(bp.Endpoints) != 2 || bp.Degraded {
		t.Fatalf("%+v, problems %v", bp, problems)
	}
	delete(kept, a)
	if bp, problems := l.Build(main, kept); bp == nil || len(bp.Endpoints) != 1 || len(problems.Warnings()) != 1 {
		t.Errorf("%+v, problems %v", bp, problems)
	}
	kept[main] = []byte("endpoints: [\n")
	if bp, problems := l.Build(main, kept); bp != nil || problems.Err() == nil {
		t.Errorf("%+v, problems %v", bp, problems)
	}
}
