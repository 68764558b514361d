package translate

import (
	"cmp"
	"math"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	aggregatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/aggregate/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// A pool with a fallback has a second cluster, an aggregate of its own and those of the
// pools behind it. Routes lead there. Envoy counts answers and retries at the aggregate,
// requests and connections at the clusters inside; their health checks, breakers and
// assignments are as without it.

// Fallback ends the names of these clusters; those of pools have no slash.
const Fallback = "/fallback"

// clusterFor is the name of the cluster that a route to p leads to.
func clusterFor(p *blueprints.Pool) string {
	if p.Fallback == nil {
		return ClusterName(p)
	}
	return ClusterName(p) + Fallback
}

// StatName is the name of the cluster at which Envoy counts the answers to requests for p.
func StatName(p *blueprints.Pool) string { return clusterFor(p) }

// fallbacks adds the aggregates to the clusters of pools, which are those of b.bp.Pools.
func (b *builder) fallbacks(prev *Resources, clusters []Resource) []Resource {
	if len(clusters) > 0 && len(prev.ofPools) == len(clusters) && &clusters[0] == &prev.ofPools[0] {
		return prev.toTargets
	}
	var out []Resource
	for _, p := range b.bp.Pools {
		if p.Fallback == nil {
			continue
		}
		r := Resource{Name: clusterFor(p), Message: b.aggregate(p), Position: position(p.Fallback.Position, p.Position)}
		b.validate(r)
		if i, was := slices.BinarySearchFunc(prev.toTargets, r.Name, func(x Resource, name string) int { return cmp.Compare(x.Name, name) }); was && proto.Equal(prev.toTargets[i].Message, r.Message) {
			r.Message = prev.toTargets[i].Message
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return clusters
	}
	out = append(out, clusters...)
	slices.SortFunc(out, func(x, y Resource) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

func (b *builder) aggregate(p *blueprints.Pool) *clusterv3.Cluster {
	chain := []string{ClusterName(p)}
	for next := p; next.Fallback != nil; {
		pos := next.Fallback.Position
		next = b.poolNamed(next.Fallback.Pool)
		if next == nil {
			b.problem(pos, "the pool to fall back to does not exist")
			break
		}
		if slices.Contains(chain, ClusterName(next)) {
			b.problem(pos, "the fallbacks go round in a circle: "+next.Name+" is before this one already")
			break
		}
		b.samePath(pos, p, next, "a request keeps its path where it falls back")
		chain = append(chain, ClusterName(next))
	}
	return &clusterv3.Cluster{
		Name:           clusterFor(p),
		ConnectTimeout: duration(p.ConnectTimeout),
		ClusterDiscoveryType: &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
			Name:        "envoy.clusters.aggregate",
			TypedConfig: b.typed(&aggregatev3.ClusterConfig{Clusters: chain}),
		}},
		LbPolicy:                      clusterv3.Cluster_CLUSTER_PROVIDED,
		PerConnectionBufferLimitBytes: u32(connectionBuffer),
		// Of these Envoy takes the retry budget from here.
		CircuitBreakers:               circuitBreakers(p.Limits),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{protocolOptions: b.typed(b.httpOptions(p))},
	}
}

// overflow is the factor that says how many of a pool's targets must be well for it to
// take all requests; the rest go to its fallback. By default a third of them that is out
// sends 7 % there. Here one that is well takes all, and while those are tried that were
// out, and no other is well, they get the part that is not to be dropped: what Envoy
// would shed elsewhere, the fallback takes. Envoy cuts the part to whole per cents.
func (s PoolState) overflow(p *blueprints.Pool, targets int) *wrapperspb.UInt32Value {
	if p.Fallback == nil || targets == 0 {
		return nil
	}
	factor := 100 * float64(targets)
	if s.Drop > 0 {
		share := max(1, 100*(1-min(s.Drop, 1)))
		factor = math.Ceil(share * float64(targets) / float64(max(1, len(s.Trial))))
	}
	return wrapperspb.UInt32(uint32(factor))
}
