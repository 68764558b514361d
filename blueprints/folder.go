package blueprints

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mains are the main files, sorted: the file itself, or those of the folder
// which no other includes.
func (l *Loader) mains() ([]string, Problems) {
	info, err := os.Stat(l.path)
	if err != nil && l.knownBelow() || err == nil && info.IsDir() {
		return l.folder()
	}
	return []string{l.path}, nil
}

// knownBelow says that the path, which is not there, was a folder.
func (l *Loader) knownBelow() bool {
	for main, k := range l.kept {
		if k.good != nil && filepath.Dir(main) == l.path {
			return true
		}
	}
	return false
}

func (l *Loader) folder() ([]string, Problems) {
	l.list(l.path)
	entries, err := os.ReadDir(l.path)
	if err != nil && !l.knownBelow() {
		return nil, Problems{{Position: Position{File: l.shown(l.path)}, Message: "cannot be read: " + reason(err)}}
	}
	files := map[string]bool{}
	for _, e := range entries {
		path := filepath.Join(l.path, e.Name())
		if yamlName(e.Name()) && l.read(path).err != errNoFile {
			files[path] = true
		}
	}
	// A deleted main file keeps its last good content, until a start. That forgets it,
	// unless nothing is there: then the folder is what is missing, a mount say.
	none := len(files) == 0
	for main, k := range l.kept {
		if (k.served != nil || none && k.good != nil) && filepath.Dir(main) == l.path {
			files[main] = true
		}
	}
	mains := l.included(files)
	if len(mains) == 0 {
		return nil, Problems{{Position: Position{File: l.shown(l.path)}, Message: "has no blueprint: there is no file *.yaml in it"}}
	}
	return mains, nil
}

func yamlName(name string) bool {
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml"))
}

// included leaves the files that no other includes. Of files that include each
// other the first by name stays, so that the cycle is reported.
func (l *Loader) included(files map[string]bool) []string {
	names := slices.Sorted(maps.Keys(files))
	reach := map[string][]string{}
	by := map[string]bool{}
	for _, f := range names {
		k := l.keep(f)
		a := l.attempt(f, view{good: k.good, back: map[string]bool{}, gone: map[string]bool{}})
		for path := range a.content {
			if path != f {
				reach[f] = append(reach[f], path)
				by[path] = true
			}
		}
		if a.failed() && k.served != nil { // what it included may be hidden now
			for _, path := range k.served.Files {
				if path != f {
					reach[f] = append(reach[f], path)
					by[path] = true
				}
			}
		}
	}
	covered := map[string]bool{}
	var mains []string
	take := func(f string) {
		mains = append(mains, f)
		covered[f] = true
		for _, path := range reach[f] {
			covered[path] = true
		}
	}
	for _, f := range names {
		if !by[f] {
			take(f)
		}
	}
	for _, f := range names {
		if by[f] && !covered[f] {
			take(f)
		}
	}
	slices.Sort(mains)
	return mains
}

// oneEach refuses a blueprint that asks for the same nodes as another: an Envoy can
// have only one. Those that have their nodes already keep them, so that a copy of a
// file takes nothing from it. A deleted one gives way: its file was renamed.
func (l *Loader) oneEach(outcomes []*outcome) {
	first := map[string]*Blueprint{}
	claims := make(map[*outcome]claim, len(outcomes))
	for _, o := range outcomes {
		claims[o] = l.claim(o)
	}
	byClaim := slices.Clone(outcomes)
	slices.SortStableFunc(byClaim, func(a, b *outcome) int { return cmp.Compare(claims[a], claims[b]) })
	for _, o := range byClaim {
		bp := o.blueprint
		if bp == nil {
			continue
		}
		before, taken := first[bp.Nodes.key()]
		if !taken {
			first[bp.Nodes.key()] = bp
			continue
		}
		if claims[o] == deleted {
			o.blueprint, o.good, o.problems = nil, nil, nil
			continue
		}
		message := "asks for the same nodes as " + before.nodesPosition().String() + ": an Envoy gets one blueprint, so make their nodes differ, or include one file in the other"
		o.problems = append(o.problems, Problem{Position: bp.nodesPosition(), Path: "nodes", Message: message})
		k := l.keep(o.main)
		o.blueprint, o.good = nil, k.good
		if old := l.lastGood(o.main, k); old != nil && first[old.Nodes.key()] == nil {
			o.blueprint = old
			first[old.Nodes.key()] = old
		}
	}
}

// claim is how good a blueprint's claim to its nodes is, the best first.
type claim int

const (
	held claim = iota // it has them
	made              // it is new, or asks for others than before
	deleted
)

func (l *Loader) claim(o *outcome) claim {
	k := l.keep(o.main)
	had := k.served
	switch { // without one it is the first load
	case had != nil || o.blueprint == nil:
	case maps.EqualFunc(k.good, o.good, bytes.Equal):
		had = o.blueprint
	default:
		had = l.lastGood(o.main, k)
	}
	switch {
	case o.blueprint == nil || had == nil:
		return made
	case !l.read(o.main).exists():
		return deleted
	case had.Nodes.key() == o.blueprint.Nodes.key():
		return held
	}
	return made
}

// lastGood is the blueprint of the last good contents alone, or nil.
func (l *Loader) lastGood(main string, k *kept) *Blueprint {
	if k.good == nil {
		return nil
	}
	v := view{good: k.good, back: map[string]bool{}, gone: map[string]bool{}}
	for path := range k.good {
		v.back[path] = true
	}
	errs, b := l.attempt(main, v).judge(k, &outcome{checks: map[string]Problems{}}, false)
	if len(errs) > 0 {
		return nil
	}
	return b
}

func (b *Blueprint) nodesPosition() Position {
	if b.Nodes.Line > 0 {
		return b.Nodes.Position
	}
	return b.Position
}

// key is equal for equal rules, in whatever order.
func (n Nodes) key() string {
	return fmt.Sprintf("%q %q %q", slices.Sorted(slices.Values(n.IDs)), slices.Sorted(slices.Values(n.Clusters)), n.Metadata)
}
