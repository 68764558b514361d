package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
)

// Versions is how many versions of a blueprint are kept, the one that was accepted
// last among them.
const Versions = 50

// Version is a version of a blueprint that was brought to its nodes, or was to be.
type Version struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	Release string `json:"release"`
	Verdict
}

// Archive keeps versions of blueprints, by their main files; *store.Store is one.
type Archive interface {
	// Records are those of the versions that are kept of a blueprint, by version.
	Records(main string) (map[string][]byte, error)
	// Files are what a version was made of; nil when it is not kept.
	Files(main, version string) (blueprints.FileSet, error)
	// Keep adds a version, or replaces its record, and drops others. It must not change
	// files.
	Keep(main, version string, record []byte, files blueprints.FileSet, drop []string) error
	// Drop forgets a version.
	Drop(main, version string) error
}

// archive remembers the verdicts on versions, and has them kept behind the push path.
type archive struct {
	to  Archive // nil: only in memory
	log hclog.Logger

	writing sync.Mutex // held while tasks are done, in their order
	mu      sync.Mutex
	known   map[string][]Version // by main file, the newest verdict first
	judged  map[Stage]uint64     // verdicts of this process
	tasks   chan func() error
}

// maxTasks bounds what waits to be written: an edit adds one.
const maxTasks = 1000

func newArchive(to Archive, log hclog.Logger) *archive {
	return &archive{to: to, log: log, known: map[string][]Version{}, judged: map[Stage]uint64{Accepted: 0, Refused: 0, RolledBack: 0}, tasks: make(chan func() error, maxTasks)}
}

// open reads what is kept of a blueprint, once.
func (a *archive) open(main string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, done := a.known[main]; done {
		return
	}
	a.known[main] = nil
	if a.to == nil {
		return
	}
	records, err := a.to.Records(main)
	if err != nil {
		a.log.Warn("earlier versions cannot be read", "blueprint", main, "error", err)
	}
	var list []Version
	for version, record := range records {
		v := Version{}
		if err := json.Unmarshal(record, &v); err != nil {
			a.log.Warn("an earlier version cannot be read", "blueprint", main, "version", version, "error", err)
			continue
		}
		list = append(list, v)
	}
	a.known[main] = sorted(list)
}

// sorted has the newest verdict first.
func sorted(list []Version) []Version {
	slices.SortFunc(list, func(a, b Version) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Version, b.Version)) })
	return list
}

// versions are those known, the newest verdict first.
func (a *archive) versions(main string) []Version {
	a.open(main)
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.known[main])
}

// verdict is why a version is not to be tried; nil when it may be.
func (a *archive) verdict(main, version string) *Verdict {
	for _, v := range a.versions(main) {
		if v.Version == version && v.Stage != Accepted {
			return &v.Verdict
		}
	}
	return nil
}

// accepted is the version that was accepted last; false when none was.
func (a *archive) accepted(main string) (Version, bool) {
	for _, v := range a.versions(main) {
		if v.Stage == Accepted {
			return v, true
		}
	}
	return Version{}, false
}

// record takes note of a verdict.
func (a *archive) record(main string, rel *release, verdict Verdict) {
	v := Version{Version: rel.version(), Name: rel.bp.Name, Release: rel.bp.Release, Verdict: verdict}
	a.open(main)
	a.mu.Lock()
	list := slices.DeleteFunc(slices.Clone(a.known[main]), func(o Version) bool { return o.Version == v.Version })
	list = sorted(append(list, v))
	kept, drop := trim(list)
	a.known[main] = kept
	a.judged[verdict.Stage]++
	a.mu.Unlock()
	a.later(func() error {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return a.to.Keep(main, v.Version, text, rel.files, drop)
	})
}

// verdicts are how many versions came to each end.
func (a *archive) verdicts() map[Stage]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.judged)
}

// forget makes a version one that may be tried.
func (a *archive) forget(main, version string) {
	a.mu.Lock()
	a.known[main] = slices.DeleteFunc(slices.Clone(a.known[main]), func(v Version) bool { return v.Version == version })
	a.mu.Unlock()
	a.later(func() error { return a.to.Drop(main, version) })
}

// trim leaves the newest Versions of a list, and the newest accepted one.
func trim(list []Version) (kept []Version, drop []string) {
	accepted := slices.IndexFunc(list, func(v Version) bool { return v.Stage == Accepted })
	for i, v := range list {
		room := Versions - len(kept)
		if accepted > i && accepted >= Versions {
			room-- // for that one
		}
		if room > 0 {
			kept = append(kept, v)
		} else {
			drop = append(drop, v.Version)
		}
	}
	return kept, drop
}

// filesOf are what a version was made of.
func (a *archive) filesOf(main, version string) (blueprints.FileSet, error) {
	a.write()
	if a.to == nil {
		return nil, fmt.Errorf("find version %s of %s: no versions are kept", version, main)
	}
	files, err := a.to.Files(main, version)
	if err == nil && files == nil {
		err = fmt.Errorf("find version %s of %s: it is not kept", version, main)
	}
	return files, err
}

func (a *archive) later(task func() error) {
	if a.to == nil {
		return
	}
	select {
	case a.tasks <- task:
	default:
		a.log.Error("a version is not kept: too many wait to be written")
	}
}

// run writes until ctx ends, and then what still waits.
func (a *archive) run(ctx context.Context) {
	for {
		select {
		case task := <-a.tasks:
			a.do(task)
		case <-ctx.Done():
			a.write()
			return
		}
	}
}

// write does what waits, and what is under way.
func (a *archive) write() {
	for {
		select {
		case task := <-a.tasks:
			a.do(task)
		default:
			a.do(func() error { return nil })
			return
		}
	}
}

func (a *archive) do(task func() error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	if err := task(); err != nil {
		a.log.Error("a version is not kept", "error", err)
	}
}
