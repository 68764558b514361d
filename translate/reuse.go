package translate

import (
	"slices"
	"strings"

	"backworks/blueprints"
)

// Pairs gives for each element of now the place of its equal in before, or -1; both
// lists are sorted by order.
func Pairs[T any](now, before []T, order func(a, b *T) int) []int {
	out := make([]int, len(now))
	j := 0
	for i := range now {
		out[i] = -1
		for ; j < len(before); j++ {
			if c := order(&before[j], &now[i]); c == 0 {
				out[i] = j
				j++
				break
			} else if c > 0 {
				break
			}
		}
	}
	return out
}

// PoolOrder is that of pools in a blueprint.
func PoolOrder(a, b **blueprints.Pool) int {
	if *a == *b { // as nearly all are from one version to the next
		return 0
	}
	return strings.Compare((*a).Name, (*b).Name)
}

// clusters are those of all pools, sorted by name as these are.
func (b *builder) clusters(prev *Resources) []Resource {
	if slices.EqualFunc(b.bp.Pools, prev.bp.Pools, func(x, y *blueprints.Pool) bool {
		return x == y || x.Position == y.Position && sameCluster(x, y)
	}) {
		return prev.ofPools
	}
	out := make([]Resource, len(b.bp.Pools))
	for i, j := range Pairs(b.bp.Pools, prev.bp.Pools, PoolOrder) {
		p := b.bp.Pools[i]
		if j >= 0 && prev.bp.Pools[j] == p {
			out[i] = prev.ofPools[j]
			continue
		}
		out[i] = Resource{Name: ClusterName(p), Position: p.Position}
		if j >= 0 && sameCluster(prev.bp.Pools[j], p) {
			out[i].Message = prev.ofPools[j].Message
			continue
		}
		out[i].Message = b.cluster(p)
		b.validate(out[i])
	}
	return out
}

// sameCluster says that the clusters of two pools are the same: one without targets of
// its own depends on none but their names for TLS.
func sameCluster(a, b *blueprints.Pool) bool {
	x, y := *a, *b
	if !a.ResolveByEnvoy {
		x.Targets, y.Targets = nil, nil
	}
	x.Secure, y.Secure = named(a.Secure), named(b.Secure)
	return blueprints.Alike(x, y) && slices.Equal(serverNames(a), serverNames(b))
}

// hostsOf is Hosts, but the same slice as before where no pool has others.
func (r *Resources) hostsOf(bp *blueprints.Blueprint) []string {
	if len(r.bp.Pools) != len(bp.Pools) {
		return Hosts(bp)
	}
	for i, p := range bp.Pools {
		if was := r.bp.Pools[i]; was != p && !slices.Equal(hosts(nil, was), hosts(nil, p)) {
			return Hosts(bp)
		}
	}
	return r.Hosts
}

// sameRouting says that listeners and routes of two blueprints are the same: they do
// not depend on what a pool has for its cluster and its assignment alone.
func sameRouting(a, b *blueprints.Blueprint) bool {
	return slices.EqualFunc(a.Endpoints, b.Endpoints, func(a, b *blueprints.Endpoint) bool { return a == b || blueprints.Alike(a, b) }) &&
		slices.EqualFunc(a.Pools, b.Pools, func(a, b *blueprints.Pool) bool {
			return a == b || blueprints.Alike(forRoutes(a), forRoutes(b))
		}) &&
		blueprints.Alike(forListeners(a), forListeners(b)) && slices.Equal(mirrorHosts(a), mirrorHosts(b))
}

// forRoutes is p without what no route looks at.
func forRoutes(p *blueprints.Pool) blueprints.Pool {
	out := *p
	out.Targets, out.Breaker, out.HealthCheck, out.ConnectTimeout, out.Secure = nil, nil, nil, 0, nil
	out.SlowStart, out.Limits = nil, blueprints.Limits{}
	return out
}

// again are the listeners of before at the places where they now are.
func (b *builder) again(was []Resource) []Resource {
	out := slices.Clone(was)
	for i := range out {
		out[i].Position = b.listenerPosition(out[i].Name)
	}
	return out
}

// named is t without what only its secrets have.
func named(t *blueprints.PoolTLS) *blueprints.PoolTLS {
	if t == nil {
		return nil
	}
	out := *t
	if t.CA != nil {
		out.CA = &blueprints.Authorities{}
	}
	if t.Certificate != nil {
		out.Certificate = &blueprints.Certificate{}
	}
	return &out
}

// withoutContents is t without what only its secrets have.
func withoutContents(t *blueprints.TLS) *blueprints.TLS {
	if t == nil {
		return nil
	}
	out := *t
	out.Certificates = make([]*blueprints.Certificate, len(t.Certificates))
	if t.Clients != nil {
		c := *t.Clients
		c.CA = nil
		if !optionalNames(t.Clients) {
			c.SANs = nil
		}
		out.Clients = &c
	}
	return &out
}

// forListeners is bp without its lists, and what no listener or route looks at.
func forListeners(bp *blueprints.Blueprint) blueprints.Blueprint {
	return blueprints.Blueprint{
		Name: bp.Name, Server: bp.Server, Metrics: bp.Metrics, PathRewrite: bp.PathRewrite,
		RequestHeaders: bp.RequestHeaders, ResponseHeaders: bp.ResponseHeaders, Transforms: bp.Transforms, Policies: bp.Policies, TLS: withoutContents(bp.TLS),
	}
}
