package fleet

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"backworks/blueprints"
	"backworks/xds"
)

// Groups says which blueprint a node gets. Its zero value knows none.
type Groups struct {
	set atomic.Pointer[blueprints.Set]
}

// Group is the main file of the blueprint that fits node best; it is made for the
// xds server's Group option. False: none fits.
func (g *Groups) Group(node xds.Node) (string, bool) {
	best := bestFit(g.set.Load(), node)
	if len(best) == 0 {
		return "", false
	}
	return best[0].File, true
}

// bestFit are the blueprints of set that fit node best, in the order of their
// files: the first is taken, and others make the choice ambiguous.
func bestFit(set *blueprints.Set, node xds.Node) []*blueprints.Blueprint {
	if set == nil {
		return nil
	}
	var best []*blueprints.Blueprint
	var top fit
	for _, bp := range set.Blueprints {
		f, ok := fitOf(bp.Nodes, node)
		switch c := f.compare(top); {
		case !ok || len(best) > 0 && c < 0:
		case len(best) == 0 || c > 0:
			best, top = []*blueprints.Blueprint{bp}, f
		default:
			best = append(best, bp)
		}
	}
	slices.SortStableFunc(best, func(a, b *blueprints.Blueprint) int { return cmp.Compare(a.File, b.File) })
	return best
}

// fit is how well a blueprint's `nodes` match, the weightiest first.
type fit struct {
	id       strength
	metadata int
	cluster  strength
}

// strength of a match: 0 for no rule, above for a glob by its literal characters,
// exact for a name as it stands.
type strength int

const exact = strength(1 << 30)

func (f fit) compare(o fit) int {
	return cmp.Or(cmp.Compare(f.id, o.id), cmp.Compare(f.metadata, o.metadata), cmp.Compare(f.cluster, o.cluster))
}

// fitOf says whether node meets every rule there is, and how well.
func fitOf(n blueprints.Nodes, node xds.Node) (fit, bool) {
	id, idOK := strongest(n.IDs, node.ID)
	cluster, clusterOK := strongest(n.Clusters, node.Cluster)
	for key, want := range n.Metadata {
		if got, ok := node.Metadata[key].(string); !ok || got != want {
			return fit{}, false
		}
	}
	return fit{id, len(n.Metadata), cluster}, idOK && clusterOK
}

// strongest is the best match of name among patterns; without patterns any name
// will do.
func strongest(patterns []string, name string) (strength, bool) {
	best, ok := strength(0), len(patterns) == 0
	for _, p := range patterns {
		if p == name {
			return exact, true
		}
		if matched, err := path.Match(p, name); err == nil && matched {
			best, ok = max(best, 1+literal(p)), true
		}
	}
	return best, ok
}

// literal counts the characters of a glob that stand for themselves.
func literal(pattern string) strength {
	n := strength(0)
	for pattern != "" {
		i := strings.IndexAny(pattern, `*?[\`)
		if i < 0 {
			return n + strength(len(pattern))
		}
		n += strength(i)
		switch c := pattern[i]; c {
		case '[':
			end := strings.IndexByte(pattern[i:], ']')
			pattern = pattern[i+max(end, 0)+1:]
		case '\\':
			n++
			pattern = pattern[min(i+2, len(pattern)):]
		default:
			pattern = pattern[i+1:]
		}
	}
	return n
}
