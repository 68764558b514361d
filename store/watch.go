package store

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/hashicorp/go-hclog"
)

const (
	// quiet is how long a file that is being written has to be left alone before
	// it counts: half of it may parse. fsnotify has no close-write event.
	quiet = 30 * time.Millisecond
	// longestSave is when a file that is written without a pause counts all the same,
	// so that it holds up nothing for ever.
	longestSave = 10 * time.Second
	// pollEvery is how often size, time and inode are looked at, for mounts
	// without events and for machines that are out of inotify watches.
	pollEvery = time.Second
	// secondLook follows each change: a file system may tell times by the second
	// only, so that another write of the same size would look like none.
	secondLook = time.Second
)

// Watcher says when it is time to load again. Whether anything really changed is
// for the loader, which compares contents.
type Watcher struct {
	log     hclog.Logger
	changes chan struct{}
	set     chan []string
	poll    time.Duration
	events  bool

	mu   sync.Mutex
	seen map[string]bool // files that changed since Changed was asked
	any  bool            // or others did

	// What follows belongs to Run's goroutine.
	paths   []string
	stamps  map[string]stamp
	places  places
	dirs    map[string]os.FileInfo // folders with an inotify watch
	inotify *fsnotify.Watcher      // nil where there is none to be had
	pending map[string]pending     // by the name that is being written
	again   time.Time              // of the second look; zero for none
	owed    bool                   // a change counts and nobody was told
	warned  bool
}

// NewWatcher makes a Watcher of nothing; Run it, and Set what it is to watch.
func NewWatcher(log hclog.Logger) *Watcher {
	return &Watcher{
		log: log.Named("watch"), changes: make(chan struct{}, 1), set: make(chan []string, 1), poll: pollEvery, events: true,
		seen: map[string]bool{}, any: true, stamps: map[string]stamp{}, dirs: map[string]os.FileInfo{}, pending: map[string]pending{},
	}
}

// Changes receives when something changed, once for any number of changes that
// were not yet received.
func (w *Watcher) Changes() <-chan struct{} { return w.changes }

// Set says what to watch from now on: absolute paths of files and folders, which
// need not exist. A path that is new counts as changed as soon as it is watched,
// so that nothing is missed between a load and its Set. It does not block; one
// goroutine at a time may call it.
func (w *Watcher) Set(paths []string) {
	select {
	case <-w.set:
	default:
	}
	w.set <- slices.Clone(paths)
}

// Run watches until ctx ends, and returns nil then. Without inotify it warns once
// and polls.
//
// What can happen:
//  1. Other paths are to be watched: watch their folders, look at what is new.
//  2. A name is created or moved in: it counts at once. Where it is still empty,
//     or is being replaced in steps (moved away, then made anew), see 3.
//  3. A name is written, removed or moved away: it counts when 30 ms passed
//     without another event of that name.
//  4. A symlink or folder on the way is replaced: as 2 or 3, and other folders
//     are watched.
//  5. Events were lost: it counts as a change.
//  6. A second passed: what looks different counts when 30 ms later it looks the same.
//
// While a file is being written, nobody is told of anything: who looked would find
// the half of it.
func (w *Watcher) Run(ctx context.Context) error {
	if w.events {
		w.open()
	}
	if w.inotify != nil {
		defer w.inotify.Close()
	}
	poll := time.NewTicker(w.poll)
	defer poll.Stop()
	for {
		events, lost := w.channels()
		wake := w.wake()
		select {
		case <-ctx.Done():
			return nil
		case paths := <-w.set:
			if slices.Equal(paths, w.paths) {
				continue
			}
			w.paths = paths
			if !w.rewatch(false) {
				w.look(false)
			}
		case e := <-events:
			w.event(e)
		case err := <-lost:
			w.log.Debug("events were lost", "error", err)
			w.notify("")
			w.rewatch(false)
		case <-wake:
			w.ripe()
		case <-poll.C:
			if w.look(false) || w.moved() {
				w.rewatch(false)
			}
		}
		w.tell()
	}
}

func (w *Watcher) open() {
	var err error
	if w.inotify, err = fsnotify.NewWatcher(); err != nil {
		w.inotify = nil
		w.warn("no file events, looking at files every second instead", err)
	}
}

func (w *Watcher) warn(message string, err error) {
	if !w.warned {
		w.warned = true
		w.log.Warn(message, "error", err)
	}
}

func (w *Watcher) channels() (<-chan fsnotify.Event, <-chan error) {
	if w.inotify == nil {
		return nil, nil
	}
	return w.inotify.Events, w.inotify.Errors
}

func (w *Watcher) event(e fsnotify.Event) {
	_, self := w.dirs[e.Name]
	link, onTheWay := w.places.names[e.Name]
	_, listed := w.places.folders[filepath.Dir(e.Name)]
	save, saving := w.pending[e.Name]
	entry := listed && (saving || e.Op&(fsnotify.Create|fsnotify.Remove|fsnotify.Rename) != 0)
	if !self && !onTheWay && !entry {
		return
	}
	info, err := os.Lstat(e.Name)
	file := err == nil && info.Mode().IsRegular()
	if e.Op&fsnotify.Create != 0 && !saving && err == nil && (!file || info.Size() > 0) {
		w.saw(e.Name)
		w.notify(w.alone(e.Name))
	} else {
		save.holds = save.holds || self || onTheWay
		w.await(e.Name, save)
	}
	if self && e.Op&(fsnotify.Remove|fsnotify.Rename) != 0 {
		delete(w.dirs, e.Name) // inotify forgot it by itself
		w.rewatch(false)
	} else if link || onTheWay && err == nil && !file {
		w.rewatch(link)
	}
}

// look compares what is watched with the time before, and says whether it differs.
// The stamps are taken before anyone is told to read. A file that differs may be in
// the middle of a save, unless a symlink that leads to it was replaced.
func (w *Watcher) look(replaced bool) bool {
	differs := false
	stamps := make(map[string]stamp, len(w.paths))
	for _, path := range w.paths {
		s := stampOf(path)
		stamps[path] = s
		before, known := w.stamps[path]
		if known && s.same(before) {
			continue
		}
		differs = true
		if _, saving := w.pending[path]; !known || replaced || !s.file() {
			w.notify("")
		} else if !saving {
			w.await(path, pending{holds: true})
		}
	}
	w.stamps = stamps
	switch {
	case differs:
		w.again = time.Now().Add(secondLook)
	case !w.again.IsZero() && time.Now().After(w.again):
		w.again = time.Time{}
		w.notify("")
	}
	return differs
}
