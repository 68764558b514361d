package blueprints

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FileSet is the content of files by their absolute paths.
type FileSet map[string][]byte

// Options say what a Loader loads.
type Options struct {
	// Path is a blueprint file, or a folder of them.
	Path string
	// Port overrides server.port unless it is 0.
	Port int
	// LookupEnv gives environment variables; os.LookupEnv by default.
	LookupEnv func(string) (string, bool)
	// Check is a further check of a whole blueprint, such as its translation.
	// Errors among its problems make the blueprint's version bad. nil: none.
	Check func(*Blueprint) Problems
	// Changed gives the files, by absolute path, which alone may have changed since it
	// was asked last; false: any may have, come or gone. It is asked before anything is
	// read. nil: that is never known.
	Changed func() (files []string, known bool)
	// SelfSigned makes a certificate for development, or finds the one that it made for
	// these names before, and returns its files; nil: there can be none.
	SelfSigned func(names []string) (certificate, key string, err error)
	// Now is the time that certificates must be valid at; time.Now by default.
	Now func() time.Time
	// LastGood is what Result.Good was when it was kept, by main file.
	LastGood map[string]FileSet
}

// Result is what one Load found.
type Result struct {
	// Set is what is to be served: bad files stand in it with their last good
	// content. An unchanged blueprint is the same pointer as before, and so are pools
	// and endpoints that did not change and stand where they stood.
	Set *Set
	// Problems are all of them, sorted, those of files whose last good content is
	// served included.
	Problems Problems
	// Good is by main file the content that is now the last good one.
	Good map[string]FileSet
	// Watch are files and folders, absolute and sorted, which ask for another Load
	// when they change, appear or vanish.
	Watch []string
}

// Loader loads blueprints again and again, and reads only what changed.
type Loader struct {
	options Options
	path    string // absolute
	cwd     string
	parts   map[partKey]*part
	newest  map[partRole]*part
	kept    map[string]*kept
	// pems are the last good contents of files of certificates: they are in no FileSet,
	// since keys are kept nowhere else than where the user keeps them.
	pems  map[string]*pems
	files map[string]source // of the last Load
	basis *basis            // nil: the next Load begins from scratch

	run *run // of the Load under way, or of the last that began from scratch
}

// kept is what a Loader remembers of one blueprint.
type kept struct {
	good   FileSet
	served *Blueprint
	checks map[string]Problems // by version, of the last load
}

// run is the state of one Load: every file is read once.
type run struct {
	files map[string]source
	parts map[partKey]*part
	watch map[string]bool
	// lists are folders whose files counted; unsure: or others did, or it is not known.
	lists  []listing
	unsure bool
}

// NewLoader reads nothing yet.
func NewLoader(o Options) *Loader {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	l := &Loader{options: o, parts: map[partKey]*part{}, newest: map[partRole]*part{}, kept: map[string]*kept{}, pems: map[string]*pems{}}
	if l.options.Now == nil {
		l.options.Now = time.Now
	}
	l.cwd, _ = os.Getwd() // without one, paths are shown in full
	l.path = o.Path
	if !filepath.IsAbs(l.path) {
		l.path = filepath.Join(l.cwd, l.path)
	}
	l.path = filepath.Clean(l.path)
	for main, files := range o.LastGood {
		l.kept[main] = &kept{good: files}
	}
	return l
}

// Load reads what changed. One caller at a time.
func (l *Loader) Load() *Result {
	var files []string
	known := false
	if l.options.Changed != nil {
		files, known = l.options.Changed()
	}
	if res := l.again(files, known); res != nil {
		return res
	}
	l.run = &run{files: map[string]source{}, parts: map[partKey]*part{}, watch: map[string]bool{}}
	mains, problems := l.mains()
	var outcomes []*outcome
	for _, main := range mains {
		outcomes = append(outcomes, l.settle(main))
	}
	l.oneEach(outcomes)
	res := l.result(outcomes)
	res.Problems = append(res.Problems, problems...).unique()
	maps.DeleteFunc(l.kept, func(main string, _ *kept) bool { return !slices.Contains(mains, main) })
	l.parts, l.files = l.run.parts, l.run.files
	maps.DeleteFunc(l.newest, func(r partRole, p *part) bool { return l.parts[partKey{p.path, p.hash, r.main}] != p })
	for w := range l.run.watch {
		res.Watch = append(res.Watch, w)
	}
	slices.Sort(res.Watch)
	l.basis = l.run.basis(outcomes, res)
	return res
}

// Reread has the next Load read every file, however unchanged it looks.
func (l *Loader) Reread() { l.basis, l.files = nil, nil }

// result is what to tell of outcomes, which are kept.
func (l *Loader) result(outcomes []*outcome) *Result {
	res := &Result{Set: &Set{}, Good: map[string]FileSet{}}
	for _, o := range outcomes {
		res.Problems = append(res.Problems, o.problems...)
		k := l.keep(o.main)
		k.good, k.served, k.checks = o.good, o.blueprint, o.checks
		if o.blueprint != nil {
			res.Set.Blueprints = append(res.Set.Blueprints, o.blueprint)
		}
		if o.good != nil {
			res.Good[o.main] = o.good
		}
	}
	return res
}

func (l *Loader) keep(main string) *kept {
	if l.kept[main] == nil {
		l.kept[main] = &kept{}
	}
	return l.kept[main]
}

// unique sorts ps and leaves out repetitions: several blueprints may include one
// file, and several attempts find the same problem.
func (ps Problems) unique() Problems {
	ps.Sort()
	return slices.Compact(ps)
}

// shown is how people are shown a path.
func (l *Loader) shown(path string) string {
	rel, err := filepath.Rel(l.cwd, path)
	if err != nil || l.cwd == "" || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return rel
}
