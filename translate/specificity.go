package translate

import (
	"cmp"
	"slices"

	"backworks/blueprints"
)

// bySpecificity sorts endpoints into the order in which Envoy, which takes the
// first match, is to try them: literal paths first, since nothing is more specific and
// comparing them is the cheapest, each path where the files first have it; then, from the
// left, a literal before a parameter with a suffix before a parameter before a rest. Of one
// path, one with methods is before one without; then as in the files.
func bySpecificity(list []*blueprints.Endpoint) []*blueprints.Endpoint {
	places := map[string]int{} // of literal paths, from 1 on
	place := func(e *blueprints.Endpoint) int {
		if params, rest := count(e.Path); params > 0 || rest {
			return len(list) + 1
		}
		path := literal(e.Path)
		if places[path] == 0 {
			places[path] = len(places) + 1
		}
		return places[path]
	}
	type placed struct {
		*blueprints.Endpoint
		place int
	}
	sorted := make([]placed, len(list))
	for i, e := range list {
		sorted[i] = placed{e, place(e)}
	}
	slices.SortStableFunc(sorted, func(a, b placed) int {
		return cmp.Or(a.place-b.place, comparePaths(a.Path, b.Path), compareAny(a.Endpoint, b.Endpoint))
	})
	out := make([]*blueprints.Endpoint, len(list))
	for i, p := range sorted {
		out[i] = p.Endpoint
	}
	return out
}

func compareAny(a, b *blueprints.Endpoint) int {
	anyOf := func(e *blueprints.Endpoint) int {
		if len(e.Methods) == 0 {
			return 1
		}
		return 0
	}
	return anyOf(a) - anyOf(b)
}

func comparePaths(a, b blueprints.Path) int {
	for i := range max(len(a.Segments), len(b.Segments)) {
		if c := cmp.Compare(rank(a, i), rank(b, i)); c != 0 {
			return c
		}
		if i < len(a.Segments) && i < len(b.Segments) {
			// Longer suffixes first; literals only to keep equal paths together.
			if c := cmp.Or(cmp.Compare(len(b.Segments[i].Suffix), len(a.Segments[i].Suffix)),
				cmp.Compare(a.Segments[i].Suffix, b.Segments[i].Suffix),
				cmp.Compare(a.Segments[i].Literal, b.Segments[i].Literal)); c != 0 {
				return c
			}
		}
	}
	return 0
}

// rank orders what may stand at place i of a path. A path that ended is before a
// rest, which takes nothing as well.
func rank(p blueprints.Path, i int) int {
	if i >= len(p.Segments) {
		return 3
	}
	switch s := p.Segments[i]; {
	case s.Rest:
		return 4
	case s.Param == "":
		return 0
	case s.Suffix != "":
		return 1
	}
	return 2
}
