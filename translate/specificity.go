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
	places := places(list)
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b *blueprints.Endpoint) int {
		return cmp.Or(places[a]-places[b], comparePaths(a.Path, b.Path), compareAny(a, b))
	})
	return out
}

// places are those of literal paths, by where the files first have each; all others are
// behind them.
func places(list []*blueprints.Endpoint) map[*blueprints.Endpoint]int {
	first, out := map[string]int{}, make(map[*blueprints.Endpoint]int, len(list))
	for i, e := range list {
		if params, rest := count(e.Path); params > 0 || rest {
			out[e] = len(list)
			continue
		}
		path := literal(e.Path)
		if _, seen := first[path]; !seen {
			first[path] = i
		}
		out[e] = first[path]
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
