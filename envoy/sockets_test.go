package envoy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketsAreInTheStateDirWhenTheirPathsFit(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortDir(t), "state")
	admin, err := AdminSocket(dir)
	if want := UnixAddress(filepath.Join(dir, "envoy.sock")); admin != want || err != nil {
		t.Errorf("want %q, got %q, %v", want, admin, err)
	}
	xds, err := XDSSocket(dir)
	if want := UnixAddress(filepath.Join(dir, "xds.sock")); xds != want || err != nil {
		t.Errorf("want %q, got %q, %v", want, xds, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state dir: %v, %v", info, err)
	}
	RemoveSocketDir(dir)
	if !exists(dir, ".") {
		t.Error("the state dir is gone")
	}
}

// It changes the environment, and so is not parallel.
func TestSocketsMoveToAShortFolderThatIsRemembered(t *testing.T) {
	runtime := shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	state := filepath.Join(shortDir(t), strings.Repeat("long", 25))
	first, err := AdminSocket(state)
	if err != nil {
		t.Fatal(err)
	}
	_, path, err := first.Split()
	if err != nil || !strings.HasPrefix(path, runtime+"/backworks/") {
		t.Fatalf("got %q, %v", path, err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of sockets: %v, %v", info, err)
	}
	if other, err := AdminSocket(state + "2"); err != nil || other == first {
		t.Errorf("two state dirs share %q, %v", other, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", shortDir(t)) // as in another session
	if again, err := AdminSocket(state); again != first || err != nil {
		t.Errorf("want %q again, got %q, %v", first, again, err)
	}
	RemoveSocketDir(state)
	if exists(filepath.Dir(path), ".") || exists(state, socketsFile) {
		t.Error("the folder is still there")
	}
}

// It changes the environment, and so is not parallel.
func TestSocketsAreNotPutWhereOthersMayWrite(t *testing.T) {
	runtime, parent := shortDir(t), shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv("TMPDIR", "/"+strings.Repeat("t", 99))
	if err := os.Mkdir(filepath.Join(runtime, "backworks"), 0o755); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(parent, strings.Repeat("long", 25))
	t.Cleanup(func() { RemoveSocketDir(state) })
	address, err := AdminSocket(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, path, _ := address.Split(); !strings.HasPrefix(path, "/tmp/backworks-") {
		t.Errorf("got %q", path)
	}
}
