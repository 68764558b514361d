package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// TestWaysOfSaving does each twice, since the first may take away what the
// second needs a watch on; and each by events alone and by polling alone.
func TestWaysOfSaving(t *testing.T) {
	t.Parallel()
	one := func(r *rig) []string { r.write("d/main.yaml", "zero"); return []string{"d/main.yaml"} }
	folder := func(r *rig) []string { r.write("d/main.yaml", "zero"); return []string{"d", "d/main.yaml"} }
	kubernetes := func(r *rig) []string {
		r.write("d/..v0/main.yaml", "zero")
		r.link("..v0", "d/..data")
		r.link("..data/main.yaml", "d/main.yaml")
		return []string{"d/main.yaml"}
	}
	for name, c := range map[string]struct {
		prepare func(r *rig) []string
		save    func(r *rig, content string)
	}{
		"rename":         {one, func(r *rig, s string) { r.replace("d/main.yaml", s) }},
		"write":          {one, func(r *rig, s string) { r.write("d/main.yaml", s) }},
		"new in folder":  {folder, func(r *rig, s string) { r.remove("d/main.yaml"); r.write("d/main.yaml", s) }},
		"moved into":     {folder, func(r *rig, s string) { r.write(s, s); r.rename(s, "d/main.yaml") }},
		"delete, create": {one, func(r *rig, s string) { r.remove("d/main.yaml"); r.write("d/main.yaml", s) }},
		"folder anew":    {one, func(r *rig, s string) { r.remove("d"); r.write("d/main.yaml", s) }},
		"folder moved": {one, func(r *rig, s string) {
			r.write("e/main.yaml", s)
			r.rename("d", "old"+s)
			r.rename("e", "d")
		}},
		"folders folder anew": {
			func(r *rig) []string {
				r.write("c/e/main.yaml", "zero")
				r.link("c/e", "d")
				return []string{"d/main.yaml"}
			},
			func(r *rig, s string) { r.remove("c"); r.write("c/e/main.yaml", s) },
		},
		"vim": {one, func(r *rig, s string) {
			r.rename("d/main.yaml", "d/main.yaml~")
			r.write("d/main.yaml", s)
			r.remove("d/main.yaml~")
		}},
		"sed": {one, func(r *rig, s string) { r.run("sed", "-i", "s/.*/"+s+"/", r.path("d/main.yaml")) }},
		"cp":  {one, func(r *rig, s string) { r.write("src", s); r.run("cp", r.path("src"), r.path("d/main.yaml")) }},
		"kubernetes": {kubernetes, func(r *rig, s string) {
			r.write("d/.."+s+"/main.yaml", s)
			old, err := os.Readlink(r.path("d/..data"))
			r.must(err)
			r.link(".."+s, "d/..data")
			r.remove("d/" + old)
		}},
		"kubernetes, in place": {kubernetes, func(r *rig, s string) { r.write("d/..v0/main.yaml", s) }},
		"link to a folder": {
			func(r *rig) []string {
				r.write("v0/main.yaml", "zero")
				r.link(r.path("v0"), "d")
				return []string{"d"}
			},
			func(r *rig, s string) { r.write(s+"/main.yaml", s); r.link(r.path(s), "d") },
		},
	} {
		for mode, events := range map[string]bool{"events": true, "polling": false} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, events, c.prepare)
				for i := range 3 {
					s := fmt.Sprint("content", strings.Repeat("x", i))
					c.save(r, s)
					r.until("d/main.yaml", s)
				}
			})
		}
	}
}

func TestDeletedAndMissing(t *testing.T) {
	t.Parallel()
	for mode, events := range map[string]bool{"events": true, "polling": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, events, func(r *rig) []string {
				r.write("d/main.yaml", "zero")
				return []string{"d/main.yaml", "not/yet/there.yaml", "glob"}
			})
			r.remove("d/main.yaml")
			r.until("d/main.yaml", "")
			r.write("not/yet/there.yaml", "one")
			r.until("not/yet/there.yaml", "one")
			r.write("glob/a.yaml", "a")
			r.until("glob/a.yaml", "a")
			r.remove("glob/a.yaml")
			r.until("glob/a.yaml", "")
		})
	}
}

// TestSet: only what is set is watched, and what was changed before it was set
// is not missed.
func TestSet(t *testing.T) {
	t.Parallel()
	r := newRig(t, true, func(r *rig) []string {
		r.write("a/main.yaml", "a")
		r.write("b/main.yaml", "b")
		return []string{"a/main.yaml"}
	})
	r.w.Set([]string{r.path("b/main.yaml")})
	r.want("a path that is new")
	r.replace("a/main.yaml", "unwatched")
	r.w.Set([]string{r.path("b/main.yaml")}) // no change: nothing to tell
	r.replace("b/main.yaml", "b2")
	r.until("b/main.yaml", "b2")
	select {
	case <-r.w.Changes():
		t.Error("told twice of one change")
	default:
	}
}

// TestHalfWritten: a reader that looks when told never sees the half of a write.
func TestHalfWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, true, func(r *rig) []string { r.write("main.yaml", "zero"); return []string{"main.yaml"} })
	f, err := os.OpenFile(r.path("main.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
	r.must(err)
	defer f.Close()
	start := time.Now()
	_, err = f.WriteString("half ")
	r.must(err)
	_, err = f.WriteString("and half")
	r.must(err)
	r.want("the write")
	if waited := time.Since(start); waited < quiet {
		t.Errorf("told after %v, while a write may go on for %v", waited, quiet)
	}
	r.replace("main.yaml", "renamed")
	r.want("the rename")
}

// TestSaveInManyPieces: whatever happens beside it, polling included, nobody is told
// before a save has ended.
func TestSaveInManyPieces(t *testing.T) {
	t.Parallel()
	for mode, events := range map[string]bool{"events": true, "polling": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, events, func(r *rig) []string { r.write("main.yaml", "zero"); return []string{".", "main.yaml"} })
			r.rename("main.yaml", "main.yaml~") // as vim does
			f, err := os.Create(r.path("main.yaml"))
			r.must(err)
			defer f.Close()
			tick := time.NewTicker(quiet / 6)
			defer tick.Stop()
			last, pause := time.Now(), time.Duration(0) // of ours: others use the machine as well
			for range 30 {
				pause = max(pause, time.Since(last))
				_, err := f.WriteString("piece ")
				r.must(err)
				last = time.Now()
				if events {
					r.write(".main.yaml.swp", "x")
					r.remove(".main.yaml.swp")
				}
				select {
				case <-r.w.Changes():
					if b, _ := os.ReadFile(r.path("main.yaml")); len(b) > 0 && max(pause, time.Since(last)) < quiet/2 {
						t.Fatalf("told in the middle of a save: %q", b)
					}
				case <-tick.C:
				}
			}
			r.want("the save")
		})
	}
}

// TestEndlessSave counts in the end, so that it holds up nothing.
func TestEndlessSave(t *testing.T) {
	t.Parallel()
	w := NewWatcher(hclog.NewNullLogger())
	w.await("log", pending{since: time.Now().Add(-longestSave), holds: true})
	<-w.wake()
	w.ripe()
	w.tell()
	<-w.Changes()
}

// TestSecondLook: a write of the same size within the same tick of a file
// system's clock looks like none, so polling looks once more a while later.
func TestSecondLook(t *testing.T) {
	t.Parallel()
	stamp := time.Now().Add(-time.Hour)
	r := newRig(t, false, func(r *rig) []string {
		r.write("main.yaml", "zero")
		r.must(os.Chtimes(r.path("main.yaml"), stamp, stamp))
		return []string{"main.yaml"}
	})
	f, err := os.OpenFile(r.path("main.yaml"), os.O_WRONLY, 0)
	r.must(err)
	defer f.Close()
	_, err = f.WriteString("one!")
	r.must(err)
	r.must(os.Chtimes(r.path("main.yaml"), stamp, stamp))
	r.until("main.yaml", "one!")
}

// TestEventsRunOut: a machine without inotify left is polled, with one warning.
func TestEventsRunOut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := NewWatcher(logInto(&log))
	w.open()
	w.inotify.Close() // every Add fails from here
	file := filepath.Join(t.TempDir(), "main.yaml")
	if err := os.WriteFile(file, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.paths = []string{file, filepath.Join(t.TempDir(), "other.yaml")}
	w.rewatch(false)
	w.look(false)
	w.tell()
	<-w.Changes()
	if err := os.WriteFile(file, []byte("12"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.look(false)
	<-w.wake()
	w.ripe()
	w.tell()
	select {
	case <-w.Changes():
	default:
		t.Error("not told of a write")
	}
	if n := strings.Count(log.String(), "[WARN]"); n != 1 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
}

// BenchmarkRename is the time from before a rename to its notification.
func BenchmarkRename(b *testing.B) {
	dir := b.TempDir()
	w := NewWatcher(hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go w.Run(ctx)
	main := filepath.Join(dir, "main.yaml")
	w.Set([]string{main})
	<-w.Changes()
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		if err := os.WriteFile(main+".new", []byte("x"), 0o600); err != nil {
			b.Fatal(err)
		}
		for len(w.changes) > 0 {
			<-w.changes
		}
		b.StartTimer()
		start := time.Now()
		if err := os.Rename(main+".new", main); err != nil {
			b.Fatal(err)
		}
		<-w.Changes()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
