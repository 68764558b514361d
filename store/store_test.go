package store

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	bolt "go.etcd.io/bbolt"

	"backworks/blueprints"
)

func logInto(b *bytes.Buffer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: b, Level: hclog.Debug})
}

func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSave(t *testing.T, s *Store, good map[string]blueprints.FileSet) {
	t.Helper()
	if err := s.Save(good); err != nil {
		t.Fatal(err)
	}
}

func wantLoad(t *testing.T, s *Store, want map[string]blueprints.FileSet) {
	t.Helper()
	got, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("loaded %d blueprints, want %d", len(got), len(want))
	}
	for main, files := range want {
		if !equal(got[main], files) {
			t.Errorf("blueprint %s: got %q, want %q", main, got[main], files)
		}
	}
}

func TestLastGoodSurvivesReopening(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "state")
	s := mustOpen(t, dir)
	wantLoad(t, s, nil)
	good := map[string]blueprints.FileSet{
		"/a/main.yaml":  {"/a/main.yaml": []byte("a: 1"), "/a/x.yaml": []byte("x"), "/a/empty.yaml": {}},
		"/b/other.yaml": {"/b/other.yaml": []byte("b: 1")},
	}
	mustSave(t, s, good)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state dir: %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.pid")); left != nil {
		t.Errorf("left behind: %v", left)
	}

	s = mustOpen(t, dir)
	defer s.Close()
	wantLoad(t, s, good)
	changed := map[string]blueprints.FileSet{"/a/main.yaml": {"/a/main.yaml": []byte("a: 2"), "/a/y.yaml": []byte("y")}}
	mustSave(t, s, changed)
	wantLoad(t, s, changed)
	onDisk, err := readLastGood(s.db)
	if err != nil {
		t.Fatal(err)
	}
	s.saved = onDisk
	wantLoad(t, s, changed)
}

func TestSaveWritesWhatChangedOnly(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir())
	defer s.Close()
	big := bytes.Repeat([]byte("x"), 1<<20)
	good := func(v string) map[string]blueprints.FileSet {
		return map[string]blueprints.FileSet{"/m": {"/m": []byte(v), "/big": big}}
	}
	written := func(save func()) int64 {
		before := s.db.Stats()
		save()
		after := s.db.Stats()
		return after.TxStats.GetPageAlloc() - before.TxStats.GetPageAlloc()
	}
	if n := written(func() { mustSave(t, s, good("1")) }); n < 1<<20 {
		t.Errorf("first save wrote %d bytes", n)
	}
	if n := written(func() { mustSave(t, s, good("1")) }); n != 0 {
		t.Errorf("save of the same wrote %d bytes", n)
	}
	// The leaf that holds both values is written whole; nothing outside of it is.
	if n := written(func() {
		mustSave(t, s, map[string]blueprints.FileSet{"/m": good("1")["/m"], "/n": {"/n": []byte("1")}})
	}); n == 0 || n > 1<<18 {
		t.Errorf("save of another blueprint wrote %d bytes", n)
	}
}

// TestSecondUser holds the directory in another process, as a second start would.
func TestSecondUser(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("STORE_TEST_HOLD"); dir != "" {
		s := mustOpen(t, dir)
		os.Stdout.WriteString("held\n")
		os.Stdin.Read(make([]byte, 1)) // until the parent lets go
		s.Close()
		return
	}
	dir := t.TempDir()
	holder := exec.Command(os.Args[0], "-test.run=^TestSecondUser$")
	holder.Env = append(os.Environ(), "STORE_TEST_HOLD="+dir)
	in, _ := holder.StdinPipe()
	out, _ := holder.StdoutPipe()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Wait()
	defer in.Close()
	line := make([]byte, 5)
	if _, err := out.Read(line); err != nil || string(line) != "held\n" {
		t.Fatalf("holder said %q, %v", line, err)
	}

	start := time.Now()
	_, err := Open(dir, hclog.NewNullLogger())
	want := "state dir " + strconv.Quote(dir) + " is in use by another backworks (pid " + strconv.Itoa(holder.Process.Pid) + ")"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	in.Close()
	holder.Wait()
	mustOpen(t, dir).Close()
}

func TestUnwritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "state")
	_, err := Open(dir, hclog.NewNullLogger())
	if want := "make state dir " + strconv.Quote(dir) + ": not a directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, databaseFile), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, hclog.NewNullLogger())
	if want := "open state dir " + strconv.Quote(dir) + ": is a directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCorruptFileIsMovedAside(t *testing.T) {
	t.Parallel()
	good := map[string]blueprints.FileSet{"/m": {"/m": []byte("content to look for"), "/n": bytes.Repeat([]byte("n"), 1<<16)}}
	for name, spoil := range map[string]func([]byte) []byte{
		"garbage":          func(b []byte) []byte { return []byte(strings.Repeat("no database ", 4096)) },
		"short":            func(b []byte) []byte { return b[:10] },
		"truncated":        func(b []byte) []byte { return b[:len(b)/3] },
		"zeros at the end": func(b []byte) []byte { clear(b[8192:]); return b },
		"one letter": func(b []byte) []byte {
			return bytes.Replace(b, []byte("content to look for"), []byte("content to look fro"), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := mustOpen(t, dir)
			mustSave(t, s, good)
			s.Close()
			path := filepath.Join(dir, databaseFile)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, spoil(b), 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err = Open(dir, logInto(&log))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			wantLoad(t, s, nil)
			if !strings.Contains(log.String(), "[WARN]") {
				t.Errorf("no warning: %s", log.String())
			}
			if _, err := os.Stat(path + ".corrupt"); err != nil {
				t.Error(err)
			}
			mustSave(t, s, good)
			wantLoad(t, s, good)
		})
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s, err := open(t.TempDir(), hclog.NewNullLogger(), &bolt.Options{Timeout: lockWait, MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := map[string]blueprints.FileSet{"/m": {"/m": []byte("1")}}
	mustSave(t, s, before)
	err = s.Save(map[string]blueprints.FileSet{"/m": {"/m": bytes.Repeat([]byte("x"), 4<<20)}})
	if err == nil || !strings.HasPrefix(err.Error(), "save last good blueprints in ") {
		t.Errorf("got %v", err)
	}
	wantLoad(t, s, before)
	after := map[string]blueprints.FileSet{"/m": {"/m": []byte("2")}}
	mustSave(t, s, after)
	wantLoad(t, s, after)
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/var/state")
	a, err := DefaultDir("/etc/a/../main.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := DefaultDir("/etc/main.yaml")
	c, _ := DefaultDir("/etc/other.yaml")
	if a != b || a == c || !strings.HasPrefix(a, "/var/state/backworks/") || len(filepath.Base(a)) != 12 {
		t.Errorf("got %q, %q, %q", a, b, c)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/u")
	if d, _ := DefaultDir("/etc/main.yaml"); d != "/home/u/.local/state/backworks/"+filepath.Base(a) {
		t.Errorf("got %q", d)
	}
	t.Setenv("HOME", "")
	if d, err := DefaultDir("/etc/main.yaml"); err == nil {
		t.Errorf("without HOME: %q", d)
	}
}
