package store

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// pending is a change that waits for the end of a save.
type pending struct {
	since, due time.Time
	// holds is false for a mere entry of a watched folder, which may be anything: how
	// it is being written keeps nobody from being told of the others.
	holds bool
	// is how the name looked then: no event may have come yet, or ever, of a write.
	is stamp
}

// await lets a change wait until its name is left alone.
func (w *Watcher) await(name string, p pending) {
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	p.due = now.Add(quiet)
	if last := p.since.Add(longestSave); p.due.After(last) {
		p.due = last
	}
	p.is = stampOf(name)
	w.pending[name] = p
}

// notify has a change told: of one file, or, with "", of whatever it may be.
func (w *Watcher) notify(file string) {
	w.owed = true
	w.mu.Lock()
	defer w.mu.Unlock()
	if file == "" {
		w.any = true
	} else {
		w.seen[file] = true
	}
}

// alone is a name when an event of it tells of one file that is watched by that name,
// else "".
func (w *Watcher) alone(name string) string {
	_, folder := w.dirs[name]
	link, watched := w.places.names[name]
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() || folder || !watched || link || w.places.linked[name] {
		return ""
	}
	return name
}

// Changed gives the files that changed since it was asked last; false: it cannot tell,
// any of those watched may have, and files may have come or gone. It may be asked by
// another goroutine than Run's.
func (w *Watcher) Changed() (files []string, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	files, known = slices.Sorted(maps.Keys(w.seen)), !w.any
	clear(w.seen)
	w.any = false
	return files, known
}

// tell tells of what is owed, unless a file is being written.
func (w *Watcher) tell() {
	if !w.owed {
		return
	}
	for _, p := range w.pending {
		if p.holds {
			return
		}
	}
	w.owed = false
	select {
	case w.changes <- struct{}{}:
	default:
	}
}

// wake receives when the first pending change is due.
func (w *Watcher) wake() <-chan time.Time {
	if len(w.pending) == 0 {
		return nil
	}
	var first time.Time
	for _, p := range w.pending {
		if first.IsZero() || p.due.Before(first) {
			first = p.due
		}
	}
	return time.After(time.Until(first))
}

// ripe reports what was left alone for long enough.
func (w *Watcher) ripe() {
	now := time.Now()
	for name, p := range w.pending {
		if p.due.After(now) {
			continue
		}
		delete(w.pending, name)
		if now.Before(p.since.Add(longestSave)) && !stampOf(name).same(p.is) {
			w.await(name, p)
			continue
		}
		w.saw(name)
		w.notify(w.alone(name))
	}
}

// saw takes in how a name, and the list of its folder, look before someone is told,
// so that a poll finds nothing new in it.
func (w *Watcher) saw(name string) {
	take := func(path string) (before, now stamp) {
		before, watched := w.stamps[path]
		if !watched {
			return stamp{}, stamp{}
		}
		now = stampOf(path)
		w.stamps[path] = now
		w.again = time.Now().Add(secondLook)
		return before, now
	}
	if before, now := take(name); !before.file() || !now.file() { // else its folder has it still
		take(w.places.folders[filepath.Dir(name)])
	}
}
