package admin

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// reserved begin the names of our own families, which no Envoy may add to.
var reserved = []string{"backworks_", "go_", "process_"}

// family is a family of all Envoys.
type family struct {
	kind     kind
	sections []piece
}

type piece struct {
	from *exposition
	*section
}

// merge writes the expositions as one, families sorted by name, each with one TYPE
// line and the series of one Envoy after the other's.
//
// Where Envoys (of different releases, say) have different types for a family, it
// becomes untyped if each is a plain number; else the first Envoy's type stays and
// the others' series are left out. So is a family whose name is that of another's
// samples, as x_count beside a histogram x, and one named as ours are.
func merge(w *bytes.Buffer, all []*exposition) {
	families := map[string]*family{}
	for _, x := range all {
		for _, name := range slices.Sorted(maps.Keys(x.sections)) {
			s := x.sections[name]
			if s.samples == 0 {
				continue
			}
			f := families[name]
			if f == nil {
				f = &family{kind: s.kind}
				families[name] = f
			}
			both, ok := agree(f.kind, s.kind)
			if !ok {
				x.leftOut += s.samples
				continue
			}
			f.kind = both
			f.sections = append(f.sections, piece{x, s})
		}
	}
	for _, name := range unambiguous(families) {
		f := families[name]
		w.WriteString("# TYPE " + name + " " + f.kind.String() + "\n")
		for _, p := range f.sections {
			for _, r := range p.runs {
				w.Write(p.from.text[r.begin:r.end])
			}
		}
	}
}

// unambiguous gives the names of the families to write, sorted. Compound families
// are asked first: they have more to lose.
func unambiguous(families map[string]*family) []string {
	taken := map[string]bool{}
	var names []string
	for _, compound := range []bool{true, false} {
		for _, name := range slices.Sorted(maps.Keys(families)) {
			f := families[name]
			if f.kind.compound() != compound {
				continue
			}
			if !claim(taken, name, f.kind) {
				for _, p := range f.sections {
					p.from.leftOut += p.samples
				}
				continue
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// claim takes all names that a family needs, or none.
func claim(taken map[string]bool, name string, k kind) bool {
	if slices.ContainsFunc(reserved, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return false
	}
	needed := []string{name}
	for _, part := range k.parts() {
		needed = append(needed, name+part)
	}
	if slices.ContainsFunc(needed, func(n string) bool { return taken[n] }) {
		return false
	}
	for _, n := range needed {
		taken[n] = true
	}
	return true
}
