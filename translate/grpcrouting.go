package translate

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// grpcWays are the routes of an endpoint: one for each canary that asks for headers
// alone, and one for all other calls. A split is one of weighted clusters, since clients
// draw anew for each route that has a share (proposal A28); all but its pools' targets
// comes from the heaviest.
func (b *builder) grpcWays(e *blueprints.Endpoint) []*routev3.Route {
	var out []*routev3.Route
	add := func(p *blueprints.Pool, narrow way) *routev3.RouteAction {
		a := grpcAction(p, e.Proxy)
		r := &routev3.Route{Name: routeName(e), Match: grpcMatch(e.Path), Action: &routev3.Route_Route{Route: a}}
		narrow.narrow(r.Match)
		out = append(out, r)
		return a
	}
	for i := range e.Proxy.Canaries {
		c := &e.Proxy.Canaries[i]
		if p := b.poolNamed(c.Pool); p != nil && len(c.Cookies) == 0 {
			add(p, way{canary: c})
		}
	}
	main := b.pool(e)
	if main == nil {
		return nil
	}
	a := add(main, way{})
	var parts []grpcPart
	for _, x := range e.Proxy.Split {
		if p := b.poolNamed(x.Pool); p != nil && x.Weight > 0 {
			parts = append(parts, grpcPart{p, x.Weight})
		}
	}
	if len(parts) > 0 {
		grpcTo(a, parts...)
	}
	return out
}

// grpcPart is a pool with its weight among others.
type grpcPart struct {
	pool   *blueprints.Pool
	weight float64
}

// grpcTo shares calls out over the clusters of pools, which may be several for one.
func grpcTo(a *routev3.RouteAction, parts ...grpcPart) {
	var names []string
	var weights []float64
	for _, x := range parts {
		if !grpcSplit(x.pool) {
			names, weights = append(names, ClusterName(x.pool)), append(weights, x.weight)
			continue
		}
		shares, sum := targetWeights(x.pool), uint32(0)
		for i := range shares {
			shares[i] = max(1, shares[i])
			sum += shares[i]
		}
		for i, share := range shares {
			names, weights = append(names, grpcTargetCluster(x.pool, i)), append(weights, x.weight*float64(share)/float64(sum))
		}
	}
	if len(names) == 1 {
		a.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: names[0]}
		return
	}
	w := new(routev3.WeightedCluster)
	for i, weight := range scale(weights) {
		w.Clusters = append(w.Clusters, &routev3.WeightedCluster_ClusterWeight{Name: names[i], Weight: wrapperspb.UInt32(weight)})
	}
	a.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: w}
}

// balancing tells what of a pool's balancing gRPC clients have not.
func (l *leftOut) balancing(p *blueprints.Pool) {
	if p.Algorithm == blueprints.Maglev {
		l.warn(p.Position, "maglev is ring_hash with them")
	}
	for _, k := range p.HashOn {
		switch {
		case k.Cookie != "":
			l.warn(k.Position, "hash_on a cookie is left out: they have none")
		case k.Query != "":
			l.warn(k.Position, "hash_on a query parameter is left out: they have none")
		}
	}
	if s := p.SlowStart; s != nil {
		l.warn(s.Position, "slow_start is left out")
	}
	if s := p.Sessions; s != nil {
		l.warn(s.Position, "sticky_sessions is left out: they have no cookies")
	}
	if p.Limits.MaxConnections+p.Limits.MaxPending > 0 || p.Limits.RetryBudget != nil {
		l.warn(p.Position, "of limits max_requests holds alone")
	}
	if f := p.Fallback; f != nil {
		l.warn(f.Position, "fallback is left out: without a target in %s their calls fail", p.Name)
	}
}

// routing tells what of an endpoint's ways they have not.
func (l *leftOut) routing(e *blueprints.Endpoint) {
	for _, w := range e.Proxy.Split {
		p, main := poolNamed(l.bp, w.Pool), poolNamed(l.bp, e.Proxy.Pool)
		if p != nil && main != nil && !blueprints.Alike(forCalls(p), forCalls(main)) {
			l.warn(position(w.Position, e.Position), "in a split, timeout, retries and hash_on of %s hold for all, being the heaviest", e.Proxy.Pool)
		}
	}
	for _, c := range e.Proxy.Canaries {
		if len(c.Cookies) > 0 {
			l.warn(position(c.Position, e.Position), "the canary is left out, they have no cookies: its calls go where the others do")
		}
	}
	for _, m := range e.Proxy.Mirrors {
		l.warn(position(m.Position, e.Position), "mirror is left out: they send no copies")
	}
}

// forCalls is what the route of a call has of p.
func forCalls(p *blueprints.Pool) blueprints.Pool {
	out := blueprints.Pool{Timeout: p.Timeout, Retries: p.Retries, RetryUnsafe: p.RetryUnsafe, PreserveHost: p.PreserveHost, Algorithm: p.Algorithm}
	out.HashOn = p.HashOn
	return out
}
