package envoy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	adminSocketFile = "envoy.sock"
	xdsSocketFile   = "xds.sock"
	// socketsFile in the state dir has the path of the folder that the sockets are
	// in, when that is another.
	socketsFile = "sockets"
)

// AdminSocket is where the admin interface of a state dir's Envoy listens. It makes
// the folder of the socket, mode 0700: the state dir, or, when paths in it would
// be too long for sockets, one below $XDG_RUNTIME_DIR or the temporary folder that
// the state dir remembers.
func AdminSocket(stateDir string) (Address, error) { return socket(stateDir, adminSocketFile) }

// XDSSocket is where the xDS listener for a state dir's Envoy is to be.
func XDSSocket(stateDir string) (Address, error) { return socket(stateDir, xdsSocketFile) }

func socket(stateDir, name string) (Address, error) {
	dir, err := makeSocketDir(stateDir)
	if err != nil {
		return "", err
	}
	return UnixAddress(filepath.Join(dir, name)), nil
}

func makeSocketDir(stateDir string) (string, error) {
	stateDir, err := filepath.Abs(stateDir)
	if err != nil {
		return "", fmt.Errorf("make socket dir: %w", err)
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return "", fmt.Errorf("make state dir %q: %w", stateDir, err)
	}
	if fits(stateDir) {
		return stateDir, nil
	}
	if dir := socketDir(stateDir); fits(dir) && ownDir(dir) == nil {
		return dir, nil // an Envoy may still be there
	}
	dir, err := shortDirFor(stateDir)
	if err != nil {
		return "", err
	}
	if err := replaceFile(filepath.Join(stateDir, socketsFile), []byte(dir+"\n")); err != nil {
		return "", err
	}
	return dir, nil
}

// socketDir is the folder that a state dir's sockets were last put into, which need
// not be there any more.
func socketDir(stateDir string) string {
	if dir, err := os.ReadFile(filepath.Join(stateDir, socketsFile)); err == nil {
		return strings.TrimSpace(string(dir))
	}
	return stateDir
}

func fits(dir string) bool { return len(filepath.Join(dir, adminSocketFile)) <= maxSocketPath }

// shortDirFor makes a folder whose name follows from the state dir's, under a parent
// of this user's alone. /tmp comes last, for a TMPDIR that is long itself.
func shortDirFor(stateDir string) (string, error) {
	hash := sha256.Sum256([]byte(stateDir))
	name := hex.EncodeToString(hash[:6])
	var parents []string
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" {
		parents = append(parents, filepath.Join(runtime, "backworks"))
	}
	user := "backworks-" + strconv.Itoa(os.Getuid())
	parents = append(parents, filepath.Join(os.TempDir(), user), filepath.Join("/tmp", user))

	var problems []error
	for _, parent := range parents {
		dir := filepath.Join(parent, name)
		if !fits(dir) {
			continue
		}
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			err = errors.Join(ownDir(parent), ownDir(dir))
		}
		if err == nil {
			return dir, nil
		}
		problems = append(problems, err)
	}
	return "", fmt.Errorf("make socket dir: paths in %q are above %d bytes, too long for sockets, and no shorter folder can be had: %w",
		stateDir, maxSocketPath, errors.Join(problems...))
}

// ownDir refuses folders that others may write to or have put there: in /tmp
// everybody may make one by a name that can be guessed.
func ownDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("folder %q is not this user's alone", dir)
	}
	return nil
}

// RemoveSocketDir takes away the folder of the sockets, if it is not the state dir
// and empty. To be called when the listeners in it are closed.
func RemoveSocketDir(stateDir string) {
	dir := socketDir(stateDir)
	if dir == stateDir || os.Remove(dir) != nil {
		return
	}
	os.Remove(filepath.Dir(dir)) // unless another state dir's is in there
	os.Remove(filepath.Join(stateDir, socketsFile))
}

// replaceFile writes a file of ours at once or not at all.
func replaceFile(path string, content []byte) error {
	next := path + ".new"
	err := os.WriteFile(next, content, 0o600)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", path, unwrapPath(err))
	}
	return nil
}

// unwrapPath drops the path from an error whose message has it already.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
