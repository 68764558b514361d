package store

import (
	"testing"

	bolt "go.etcd.io/bbolt"
)

// TestNotes outlive the process, and are told from what is not what was written.
func TestNotes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, end := opened(t, dir)
	is := func(what, want string, fails bool) {
		t.Helper()
		if got, err := s.Note("a"); string(got) != want || (err != nil) != fails {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	is("new", "", false)
	for _, value := range []string{"one", "two"} {
		if err := s.SetNote("a", []byte(value)); err != nil {
			t.Fatal(err)
		}
		is("written", value, false)
	}
	end()
	s, _ = opened(t, dir)
	is("after a restart", "two", false)
	for _, broken := range []string{"", "short", "two, but without the sum that there is to be of it"} {
		err := s.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(notesBucket).Put([]byte("a"), []byte(broken)) })
		if err != nil {
			t.Fatal(err)
		}
		is("broken", "", true)
	}
	if err := s.SetNote("a", []byte("three")); err != nil {
		t.Error(err)
	}
	is("written anew", "three", false)
}
