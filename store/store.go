// Package store keeps blueprints' last good versions and watches the files they
// are read from.
//
// In come a state directory, files that were found good, and the paths that a
// load looked at. Out go the last good files of the run before, and a signal
// that it is time to look again. The package never parses a blueprint and never
// decides what is good: whether content really changed is the loader's to say.
package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"backworks/blueprints"
)

const (
	// lockWait is how long Open waits for another process to let go: long enough
	// for one that is just ending, short enough not to look like a hang.
	lockWait = time.Second

	databaseFile = "state.db"
	pidFile      = "backworks.pid"
)

// Store is an open state directory. Its methods may be used at the same time.
type Store struct {
	dir string
	log hclog.Logger
	db  *bolt.DB
	// saved is what the database holds, so that a save writes what changed only.
	saved map[string]blueprints.FileSet
	// sums are those of the files of the versions that were kept last, by path.
	sums map[string]summed
	// gate is held while saved and the database are used.
	gate chan struct{}
	// dropped counts the versions that were dropped since their contents were swept.
	dropped int
}

// Open makes dir (mode 0700) when it is not there, locks it and reads it. It fails
// within about a second when another process has it, and at once when it cannot
// be written. A database that cannot be read is moved aside with a warning.
func Open(dir string, log hclog.Logger) (*Store, error) {
	return open(dir, log, &bolt.Options{Timeout: lockWait})
}

func open(dir string, log hclog.Logger, options *bolt.Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state dir %q: %w", dir, cause(err))
	}
	s := &Store{dir: dir, log: log.Named("store"), sums: map[string]summed{}, gate: make(chan struct{}, 1)}
	path := filepath.Join(dir, databaseFile)
	err := s.read(path, options)
	if errors.Is(err, errCorrupt) {
		aside := path + ".corrupt"
		s.log.Warn("state file cannot be read, starting a new one", "file", path, "kept_as", aside, "error", err)
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("move aside state file %q: %w", path, cause(err))
		}
		err = s.read(path, options)
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, s.inUse()
	}
	if err != nil {
		return nil, fmt.Errorf("open state dir %q: %w", dir, cause(err))
	}
	// For the message of the next one that finds the directory locked.
	if err := os.WriteFile(filepath.Join(dir, pidFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open state dir %q: %w", dir, cause(err)), s.db.Close())
	}
	return s, nil
}

var errCorrupt = errors.New("corrupt state file")

// ErrInUse is in the error of Open when another process has the state directory.
var ErrInUse = errors.New("in use")

// read opens the database and takes its content. What the operating system
// refuses is returned as it is; anything else is a broken file. bbolt panics, or
// touches mapped memory that is not there, on pages that are broken inside.
func (s *Store) read(path string, options *bolt.Options) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errCorrupt, r)
		}
	}()
	s.db, err = bolt.Open(path, 0o600, options)
	var refused *os.PathError
	switch {
	case err == nil:
	case errors.As(err, &refused), errors.Is(err, bolterrors.ErrTimeout):
		return err
	default:
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if s.saved, err = readLastGood(s.db); err != nil {
		return errors.Join(fmt.Errorf("%w: %w", errCorrupt, err), s.db.Close())
	}
	return nil
}

func (s *Store) inUse() error {
	by := "another backworks"
	if pid, err := os.ReadFile(filepath.Join(s.dir, pidFile)); err == nil {
		by += " (pid " + strings.TrimSpace(string(pid)) + ")"
	}
	return fmt.Errorf("state dir %q is %w by %s", s.dir, ErrInUse, by)
}

// cause is the operating system's reason without the path, which the message
// around it has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// Close lets go of the directory. A save that is under way ends first.
func (s *Store) Close() error {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	if err := errors.Join(removeIfThere(filepath.Join(s.dir, pidFile)), s.db.Close()); err != nil {
		return fmt.Errorf("close state dir %q: %w", s.dir, err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// DefaultDir is the state directory of a blueprint file or folder:
// ${XDG_STATE_HOME:-~/.local/state}/backworks/<hash of its absolute path>. Symlinks
// are not resolved: a link that is pointed elsewhere is still the same service.
func DefaultDir(blueprintPath string) (string, error) {
	abs, err := filepath.Abs(blueprintPath)
	if err != nil {
		return "", fmt.Errorf("find state dir of %q: %w", blueprintPath, err)
	}
	// The XDG specification: a path that is not absolute is to be ignored.
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find state dir of %q: %w", blueprintPath, err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	sum := sha256.Sum256([]byte(abs))
	// Short, since socket paths below it have to stay under 100 bytes.
	return filepath.Join(base, "backworks", hex.EncodeToString(sum[:6])), nil
}
