package store

import (
	"slices"
	"testing"
)

// TestChanged: of one file that is saved it is known that no other was, unless a symlink
// leads to it too, or to somewhere else, or files come and go.
func TestChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, true, func(r *rig) []string {
		for _, name := range []string{"a.yaml", "b.yaml", "real/c.yaml"} {
			r.write(name, "zero")
		}
		r.link("real", "linked")
		return []string{"a.yaml", "b.yaml", "linked/c.yaml", "real/c.yaml", "list"}
	})
	if _, known := r.w.Changed(); known {
		t.Error("of new paths it is said that they are known")
	}
	if files, known := r.w.Changed(); !known || len(files) > 0 {
		t.Errorf("nothing has happened: %v, %v", files, known)
	}
	for _, c := range []struct {
		name  string
		save  func()
		files []string
	}{
		{"rename", func() { r.write("new", "one"); r.rename("new", "a.yaml") }, []string{"a.yaml"}},
		{"write", func() { r.write("b.yaml", "one") }, []string{"b.yaml"}},
		{"a file with two paths", func() { r.write("real/c.yaml", "one") }, nil},
		{"a symlink", func() { r.write("other/c.yaml", "two"); r.link("other", "linked") }, nil},
		{"a folder", func() { r.write("list/x.yaml", "one") }, nil},
	} {
		for {
			if _, known := r.w.Changed(); known {
				break
			}
		}
		c.save()
		r.want(c.name)
		files, known := r.w.Changed()
		var want []string
		for _, f := range c.files {
			want = append(want, r.path(f))
		}
		if known != (want != nil) || known && !slices.Equal(files, want) {
			t.Errorf("%s: %v, %v, want %v", c.name, files, known, want)
		}
	}
}
