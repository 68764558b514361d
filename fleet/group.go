package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"backworks/blueprints"
	"backworks/xds"
)

// Groups says which blueprint a node gets. Its zero value knows none.
type Groups struct {
	set atomic.Pointer[blueprints.Set]
	// grpc holds the main files of blueprints that a gRPC client has asked for.
	grpc sync.Map
}

// take makes set the one that nodes are asked about, and says whether a node may fit
// another blueprint now.
func (g *Groups) take(set *blueprints.Set) bool {
	before := g.set.Swap(set)
	return before == nil || !slices.EqualFunc(before.Blueprints, set.Blueprints, func(a, b *blueprints.Blueprint) bool {
		return a == b || a.File == b.File && slices.Equal(a.Nodes.IDs, b.Nodes.IDs) &&
			slices.Equal(a.Nodes.Clusters, b.Nodes.Clusters) && maps.Equal(a.Nodes.Metadata, b.Nodes.Metadata)
	})
}

// Group is the group of the blueprint that fits node best, in the node's dialect: its
// main file for an Envoy. A rate limit service gets the limits of all. It is made for the xds server's Group option. False: none
// fits.
func (g *Groups) Group(node xds.Node) (string, bool) {
	if isRateLimitService(node) {
		return limitGroup, true
	}
	best := bestFit(g.set.Load(), node)
	if len(best) == 0 {
		return "", false
	}
	file, d := best[0].File, dialectOf(node)
	if d == GRPCDialect {
		g.grpc.LoadOrStore(file, nil)
	}
	return d.group(file), true
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
		if glob(p, name) {
			best, ok = max(best, 1+strength(len(p)-strings.Count(p, "*"))), true
		}
	}
	return best, ok
}

// glob matches name against a pattern in which each * stands for any characters,
// none included, and everything else for itself.
func glob(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == name
	}
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return true
}
