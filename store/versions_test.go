package store

import (
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	bolt "go.etcd.io/bbolt"

	"backworks/blueprints"
)

// opened is an open store in dir; it is closed at the end, or by the function.
func opened(t *testing.T, dir string) (*Store, func()) {
	t.Helper()
	s, err := Open(dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	done := false
	end := func() {
		if !done {
			done = true
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return s, end
}

// contentsOf counts the contents that are kept.
func contentsOf(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := s.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(contentsBucket).Inspect().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestVersions: what is kept comes back after a restart; equal contents stand there
// once, and go with the last version that has them.
func TestVersions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, end := opened(t, dir)
	files := func(i int) blueprints.FileSet {
		return blueprints.FileSet{"/main.yaml": fmt.Appendf(nil, "name: %d\n", i), "/same.yaml": []byte("same")}
	}
	keep := func(i int, drop ...string) {
		t.Helper()
		if err := s.Keep("/main.yaml", fmt.Sprint("v", i), fmt.Append(nil, "record ", i), files(i), drop); err != nil {
			t.Fatal(err)
		}
	}
	keep(1)
	keep(2)
	if n := contentsOf(t, s); n != 3 {
		t.Errorf("%d contents for two versions with a file in common", n)
	}
	end()
	s, _ = opened(t, dir)
	all, err := s.Records("/main.yaml")
	if err != nil || len(all) != 2 || string(all["v1"]) != "record 1" || string(all["v2"]) != "record 2" {
		t.Fatalf("got %q, %v", all, err)
	}
	got, err := s.Files("/main.yaml", "v1")
	if err != nil || !maps.EqualFunc(got, files(1), func(a, b []byte) bool { return string(a) == string(b) }) {
		t.Errorf("got %q, %v", got, err)
	}
	for _, other := range []string{"/other.yaml", "/main.yaml"} {
		if got, err := s.Files(other, "v9"); got != nil || err != nil {
			t.Errorf("%s: got %q, %v for what is not kept", other, got, err)
		}
		if err := s.Drop(other, "v9"); err != nil {
			t.Error(err)
		}
	}
	for i := range 3 * sweepEvery {
		keep(i+3, fmt.Sprint("v", i+2))
	}
	if all, err := s.Records("/main.yaml"); err != nil || len(all) != 2 || all["v1"] == nil {
		t.Errorf("%d left, %v", len(all), err)
	}
	if n := contentsOf(t, s); n > 3+sweepEvery {
		t.Errorf("%d contents for two versions", n)
	}
	if err := s.Drop("/main.yaml", "v1"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Files("/main.yaml", "v1"); got != nil || err != nil {
		t.Errorf("got %q, %v for what was dropped", got, err)
	}
}

// TestVersionsDamage: a content that broke is told, and never served.
func TestVersionsDamage(t *testing.T) {
	t.Parallel()
	s, _ := opened(t, filepath.Join(t.TempDir(), "state"))
	if err := s.Keep("/m", "v1", nil, blueprints.FileSet{"/m": []byte("good")}, nil); err != nil {
		t.Fatal(err)
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		c := tx.Bucket(contentsBucket)
		key, _ := c.Cursor().First()
		return c.Put(key, []byte("goof"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if files, err := s.Files("/m", "v1"); err == nil || files != nil {
		t.Errorf("got %q", files)
	}
}
