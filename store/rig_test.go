package store

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// patience is for what has to happen; nothing waits this long when it does.
const patience = 10 * time.Second

// rig watches paths below a folder of its own.
type rig struct {
	*testing.T
	dir string
	w   *Watcher
}

// newRig watches after prepare has made the files. Without events it polls, and
// with events it polls so rarely that only an event can be what is seen.
func newRig(t *testing.T, events bool, prepare func(r *rig) []string) *rig {
	t.Helper()
	r := &rig{T: t, dir: t.TempDir(), w: NewWatcher(hclog.NewNullLogger())}
	r.w.events, r.w.poll = events, time.Hour
	if !events {
		r.w.poll = 2 * time.Millisecond
	}
	paths := prepare(r)
	for i := range paths {
		paths[i] = r.path(paths[i])
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r.w.Set(paths)
	r.want("paths that are new")
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) write(name, content string) {
	r.Helper()
	r.must(os.MkdirAll(filepath.Dir(r.path(name)), 0o700))
	r.must(os.WriteFile(r.path(name), []byte(content), 0o600))
}

func (r *rig) rename(from, to string) { r.Helper(); r.must(os.Rename(r.path(from), r.path(to))) }
func (r *rig) remove(name string)     { r.Helper(); r.must(os.RemoveAll(r.path(name))) }

func (r *rig) replace(name, content string) {
	r.Helper()
	r.write(name+".new", content)
	r.rename(name+".new", name)
}

func (r *rig) link(target, name string) {
	r.Helper()
	r.must(os.Symlink(target, r.path(name+".new")))
	r.rename(name+".new", name)
}

func (r *rig) run(command string, args ...string) {
	r.Helper()
	out, err := exec.Command(command, args...).CombinedOutput()
	if err != nil {
		r.Fatalf("%s: %v: %s", command, err, out)
	}
}

func (r *rig) want(what string) {
	r.Helper()
	select {
	case <-r.w.Changes():
	case <-time.After(patience):
		r.Fatalf("not told of %s", what)
	}
}

// until reads the file whenever told to look, as the loader does, and told that it may
// be this file, until it has the content that the save was to leave ("" for no file).
func (r *rig) until(name, content string) {
	r.Helper()
	deadline := time.After(patience)
	for {
		select {
		case <-r.w.Changes():
		case <-deadline:
			r.Fatalf("not told that %s is %q", name, content)
		}
		if files, known := r.w.Changed(); known && !slices.Contains(files, r.path(name)) {
			continue
		}
		if b, err := os.ReadFile(r.path(name)); string(b) == content && (err == nil) == (content != "") {
			return
		}
	}
}
