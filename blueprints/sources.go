package blueprints

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// source is a file's content, or why there is none.
type source struct {
	content []byte
	hash    [sha256.Size]byte
	err     error
	stamp   stamp
}

func newSource(content []byte) source {
	return source{content: content, hash: sha256.Sum256(content)}
}

func (s source) exists() bool { return !errors.Is(s.err, fs.ErrNotExist) }

var errNoFile = errors.New("is not a regular file")

// read reads a file once a Load, and asks for it to be watched.
func (l *Loader) read(path string) source {
	s, known := l.run.files[path]
	if !known {
		s = readAgain(path, l.files[path])
		l.run.files[path] = s
		l.watchFile(path)
	}
	return s
}

// readAgain reads a file, unless it looks as it did when it was read before.
func readAgain(path string, before source) source {
	now, err := stampOf(path)
	if err != nil {
		return source{err: err, hash: newSource(nil).hash}
	}
	if before.err == nil && before.stamp.holds(now) {
		return before
	}
	content, err := readFile(path, maxFile+1)
	s := newSource(content)
	s.err, s.stamp = err, now
	return s
}

// list takes note of what stands in a folder, before it is looked for there, and asks
// for the folder to be watched.
func (l *Loader) list(dir string) {
	l.run.watch[dir] = true
	if slices.ContainsFunc(l.run.lists, func(x listing) bool { return x.dir == dir }) {
		return
	}
	list, err := listingOf(dir)
	l.run.lists, l.run.unsure = append(l.run.lists, list), l.run.unsure || err != nil
}

func (l *Loader) watchFile(path string) {
	l.run.watch[path] = true
	l.run.watch[filepath.Dir(path)] = true
}

// readFile reads at most limit bytes of a regular file: a pipe would not end.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content := bytes.NewBuffer(make([]byte, 0, min(info.Size(), limit)+bytes.MinRead))
	_, err = content.ReadFrom(io.LimitReader(f, limit))
	return content.Bytes(), err
}

// partKey is all that a part depends on, its dependencies apart.
type partKey struct {
	path string
	hash [sha256.Size]byte
	main bool
}

// partRole is what a part is, whatever its content.
type partRole struct {
	path string
	main bool
}

// part is the decoded form of a content, from the cache where its dependencies
// are as they were.
func (l *Loader) part(path string, s source, main bool) *part {
	key := partKey{path, s.hash, main}
	if p := l.run.parts[key]; p != nil {
		return p
	}
	p := l.parts[key]
	if p == nil || !l.holds(p.deps) {
		p = l.decode(path, s, main)
	}
	for path := range p.deps.secrets {
		l.watchFile(path)
	}
	for _, use := range p.deps.pems {
		for _, path := range use.paths {
			l.watchFile(path)
		}
	}
	l.run.parts[key] = p
	return p
}

// decode makes a part, with as much as possible of the one that the file was before.
func (l *Loader) decode(path string, s source, main bool) *part {
	d := &decoder{
		file: l.shown(path), env: l.options.LookupEnv, readFile: l.readSecret,
		readPEM: readPEM, good: l.pems, develop: l.options.SelfSigned, now: l.options.Now,
	}
	role := partRole{path, main}
	p := newPart(d, path, s, main, l.newest[role])
	l.newest[role] = p
	return p
}

func (l *Loader) readSecret(path string) ([]byte, error) { return readFile(path, maxSecret+1) }

func (l *Loader) holds(d dependencies) bool {
	for name, was := range d.env {
		if v, set := l.options.LookupEnv(name); v != was.value || set != was.set {
			return false
		}
	}
	for path, was := range d.secrets {
		if v, _ := l.readSecret(path); string(v) != was {
			return false
		}
	}
	return !slices.ContainsFunc(d.pems, func(u pemUse) bool { return !u.again() })
}

// feed writes the values into a version's hash, in a fixed order.
func (d dependencies) feed(write func(...string)) {
	for _, name := range slices.Sorted(maps.Keys(d.env)) {
		write("env", name, d.env[name].value)
	}
	for _, path := range slices.Sorted(maps.Keys(d.secrets)) {
		write("secret", d.secrets[path])
	}
	for _, use := range d.pems {
		write("pem", string(use.used[:]))
	}
}
