package blueprints

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// view says which files of a blueprint are not taken as they are on disk.
type view struct {
	good FileSet         // the last good contents there are
	back map[string]bool // files that stand with their last good content
	gone map[string]bool // new files without one, left out
	// closed says that there are no files but the last good ones, all of them.
	closed bool
}

func (v view) degraded() bool { return len(v.back)+len(v.gone) > 0 }

// found is a problem with the files that it is about.
type found struct {
	Problem
	files []string
}

// attempt is one try to put a blueprint together.
type attempt struct {
	l       *Loader
	main    string
	view    view
	parts   []*part // main first, then the included files by path
	content FileSet
	found   []found
	open    map[string]bool // files that we are inside of
	made    *Blueprint      // where it is there already
}

func (l *Loader) attempt(main string, v view) *attempt {
	a := &attempt{l: l, main: main, view: v, content: FileSet{}, open: map[string]bool{}}
	a.add(main)
	if len(a.parts) > 1 {
		slices.SortFunc(a.parts[1:], func(x, y *part) int { return strings.Compare(x.path, y.path) })
	}
	if a.parts != nil {
		a.check()
	}
	return a
}

func (a *attempt) source(path string) source {
	switch {
	case a.view.closed:
		content, kept := a.view.good[path]
		if !kept {
			return source{err: fs.ErrNotExist}
		}
		return newSource(content)
	case a.view.back[path]:
		a.l.watchFile(path)
		return newSource(a.view.good[path])
	}
	return a.l.read(path)
}

// maxFiles bounds the files of one blueprint.
const maxFiles = 10_000

// add decodes a file and what it includes.
func (a *attempt) add(path string) {
	s := a.source(path)
	if s.err != nil {
		a.report(Problem{Position: Position{File: a.l.shown(path)}, Message: "cannot be read: " + reason(s.err)}, path)
		return
	}
	p := a.l.part(path, s, path == a.main)
	a.parts = append(a.parts, p)
	a.content[path] = s.content
	for _, x := range p.problems {
		a.report(x, path)
	}
	a.open[path] = true
	for _, pattern := range p.includes {
		if pattern.given() {
			a.include(p, pattern)
		}
	}
	a.open[path] = false
}

func (a *attempt) report(p Problem, files ...string) {
	a.found = append(a.found, found{p, files})
}

func (a *attempt) at(p *part, s str, severity Severity, message string, files ...string) {
	a.report(Problem{Position: Position{File: p.shown, Line: s.line, Column: s.column}, Path: s.path.String(), Message: message, Severity: severity},
		append(files, p.path)...)
}

func (a *attempt) include(p *part, s str) {
	if s.v == "" {
		a.at(p, s, Error, "must not be empty")
		return
	}
	if strings.Contains(s.v, "\x00") {
		a.at(p, s, Error, "is no path: it has a NUL")
		return
	}
	path := filepath.Join(filepath.Dir(p.path), s.v)
	if filepath.IsAbs(s.v) {
		path = filepath.Clean(s.v)
	}
	if rel, err := filepath.Rel(filepath.Dir(a.main), path); err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		a.at(p, s, Error, "a blueprint includes only files in the folder of its main file, or below it, got "+s.quote())
		return
	}
	if !strings.ContainsAny(s.v, "*?[") {
		a.includeFile(p, s, path)
		return
	}
	if strings.Contains(s.v, "**") {
		a.at(p, s, Error, "** is not known: a * stays within one folder, so write a pattern for each level, got "+s.quote())
		return
	}
	matches, err := a.glob(path)
	if err != nil {
		a.at(p, s, Error, "is no glob: * and ? and [a-z] are known, got "+s.quote())
		return
	}
	if !a.view.closed {
		err = unreadable(filepath.Dir(path))
	}
	if hidden := a.hidden(path); err != nil && (len(hidden) > 0 || a.view.good == nil) {
		a.at(p, s, Error, "the folder of "+s.quote()+" cannot be read: "+reason(err), hidden...)
	}
	none := err == nil
	for _, m := range matches {
		if m == a.main || m == p.path {
			continue
		}
		none = false
		if !a.open[m] && !a.has(m) && !a.view.gone[m] {
			a.limited(p, s, m)
		}
	}
	if none {
		a.at(p, s, Warning, "no file matches "+s.quote())
	}
}

// unreadable is why a folder that matches the pattern cannot be listed; a glob would
// take it for empty.
func unreadable(pattern string) error {
	folders, _ := filepath.Glob(pattern)
	for _, folder := range folders {
		d, err := os.Open(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = d.Close()
	}
	return nil
}

// hidden are the files that match the pattern and whose last good content could
// stand in for them, but does not yet.
func (a *attempt) hidden(pattern string) (files []string) {
	for path := range a.view.good {
		if match, _ := filepath.Match(pattern, path); match && !a.view.back[path] {
			files = append(files, path)
		}
	}
	return files
}

func (a *attempt) includeFile(p *part, s str, path string) {
	switch src := a.source(path); {
	case a.open[path]:
		a.at(p, s, Error, "includes itself, by "+s.quote(), path)
	case a.has(path) || a.view.gone[path]:
	case !src.exists():
		a.at(p, s, Error, "the file "+s.quote()+" does not exist", path)
	case errors.Is(src.err, errNoFile):
		a.at(p, s, Error, s.quote()+" is not a file: to include all files of a folder, write "+quote(strings.TrimSuffix(s.src, "/")+"/*.yaml"), path)
	default:
		a.limited(p, s, path)
	}
}

func (a *attempt) has(path string) bool {
	_, is := a.content[path]
	return is
}

func (a *attempt) limited(p *part, s str, path string) {
	if len(a.parts) < maxFiles {
		a.add(path)
	} else if len(a.parts) == maxFiles {
		a.at(p, s, Error, "the blueprint has more than 10000 files")
	}
}

// glob is the files that match on disk, and those that match among the files
// which stand with their last good content, since they may have been deleted.
func (a *attempt) glob(pattern string) ([]string, error) {
	if a.view.closed {
		return a.globKept(pattern)
	}
	a.watchGlob(pattern) // first, so that what comes meanwhile is seen the next time
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	matches = slices.DeleteFunc(matches, func(m string) bool { return errors.Is(a.l.read(m).err, errNoFile) })
	for path := range a.view.back {
		if ok, _ := filepath.Match(pattern, path); ok && !slices.Contains(matches, path) {
			matches = append(matches, path)
		}
	}
	slices.Sort(matches)
	return matches, nil
}

// globKept is glob where the last good files are all there are.
func (a *attempt) globKept(pattern string) (matches []string, err error) {
	for path := range a.view.good {
		match, err := filepath.Match(pattern, path)
		if err != nil {
			return nil, err
		}
		if match {
			matches = append(matches, path)
		}
	}
	slices.Sort(matches)
	return matches, nil
}

// watchGlob asks for every folder in which a match may appear to be watched.
func (a *attempt) watchGlob(pattern string) {
	dir := filepath.Dir(pattern)
	if !strings.ContainsAny(dir, "*?[") {
		a.l.list(dir)
		return
	}
	a.l.run.unsure = true
	a.watchGlob(dir)
	folders, _ := filepath.Glob(dir) // the pattern was tried before
	for _, f := range folders {
		if info, err := os.Stat(f); err == nil && info.IsDir() {
			a.l.run.watch[f] = true
		}
	}
}
