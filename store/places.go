package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds how many symlinks one path may lead over, as Linux does.
const maxLinks = 40

// maxSteps bounds how long rewatch runs after folders that come and go; the next
// poll takes it up again.
const maxSteps = 20

// places are where events can come from that concern the watched paths.
type places struct {
	// names are files, and symlinks on the way to them or to folders (true), whose
	// events count; what is missing is among them.
	names map[string]bool
	// linked are the files among them to which some path leads over a symlink.
	linked map[string]bool
	// folders are those whose list of entries counts, with the path that leads there.
	folders map[string]string
	// dirs are the folders to put an inotify watch on.
	dirs map[string]struct{}
}

// locate finds the places of paths, as the file system is now.
func locate(paths []string) places {
	p := places{names: map[string]bool{}, linked: map[string]bool{}, folders: map[string]string{}, dirs: map[string]struct{}{}}
	for _, path := range paths {
		p.add(path)
	}
	return p
}

// add walks from the root to path, over every symlink: a Kubernetes volume swaps
// one in the middle ("..data"). Events are told by the folders of each symlink, of
// the file itself, or of the first component that is missing.
func (p places) add(path string) {
	dir := string(filepath.Separator)
	rest := split(path)
	for links := 0; len(rest) > 0; {
		if rest[0] == ".." {
			dir, rest = filepath.Dir(dir), rest[1:]
			continue
		}
		name := filepath.Join(dir, rest[0])
		info, err := os.Lstat(name)
		if err != nil || !info.IsDir() {
			p.names[name] = err == nil && info.Mode()&os.ModeSymlink != 0
			p.dirs[dir] = struct{}{}
			if links > 0 {
				p.linked[name] = true
			}
		}
		if err != nil {
			return
		}
		rest = rest[1:]
		switch {
		case info.IsDir():
			dir = name
		case info.Mode()&os.ModeSymlink == 0:
			return
		default:
			target, err := os.Readlink(name)
			if links++; err != nil || links > maxLinks {
				return
			}
			if filepath.IsAbs(target) {
				dir = string(filepath.Separator)
			}
			rest = append(split(target), rest...)
		}
	}
	p.folders[dir] = path
	p.dirs[dir] = struct{}{}
}

func split(path string) []string {
	return strings.FieldsFunc(filepath.Clean(path), func(r rune) bool { return r == filepath.Separator })
}

// rewatch brings the inotify watches in line with the paths and says whether it
// added one. Something could have happened there before, so it looks again then;
// replaced is look's.
func (w *Watcher) rewatch(replaced bool) bool {
	if w.inotify == nil {
		return false
	}
	added := false
	for range maxSteps {
		step, again := w.watchDirs()
		added = added || step
		if !step && !again {
			break
		}
		w.look(replaced)
	}
	return added
}

// watchDirs is one step of rewatch. It asks to be called again when a folder went
// while it was looked at: the place to watch is then the folder above.
func (w *Watcher) watchDirs() (added, again bool) {
	w.places = locate(w.paths)
	for dir := range w.dirs {
		if _, wanted := w.places.dirs[dir]; !wanted {
			delete(w.dirs, dir)
			_ = w.inotify.Remove(dir) // fails when inotify has forgotten it already
		}
	}
	for dir := range w.places.dirs {
		info, err := os.Stat(dir)
		if err != nil {
			again = true
			continue
		}
		known := w.dirs[dir]
		if known != nil && os.SameFile(known, info) {
			continue
		}
		if known != nil {
			_ = w.inotify.Remove(dir) // another folder of the same name
		}
		if err := w.inotify.Add(dir); errors.Is(err, fs.ErrNotExist) {
			again = true
		} else if err != nil {
			w.warn("no file events for a folder, looking at it every second instead", err)
		} else {
			w.dirs[dir] = info
			added = true
		}
	}
	return added, again
}

// moved says whether a watched folder is no longer what it was, or was not there
// to be watched.
func (w *Watcher) moved() bool {
	if w.inotify == nil {
		return false
	}
	for dir := range w.places.dirs {
		info, err := os.Stat(dir)
		known := w.dirs[dir]
		if err != nil || known != nil && !os.SameFile(known, info) {
			return true
		}
	}
	return false
}
