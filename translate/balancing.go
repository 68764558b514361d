package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	statefulv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	cookiev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/cookie/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/type/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

func (b *builder) balancing(c *clusterv3.Cluster, p *blueprints.Pool) {
	switch p.Algorithm {
	case blueprints.WeightedRoundRobin, blueprints.RoundRobin:
		c.LbPolicy = clusterv3.Cluster_ROUND_ROBIN
		if p.SlowStart != nil {
			c.LbConfig = &clusterv3.Cluster_RoundRobinLbConfig_{RoundRobinLbConfig: &clusterv3.Cluster_RoundRobinLbConfig{SlowStartConfig: slowStart(p.SlowStart)}}
		}
	case blueprints.LeastConnections:
		c.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
		if p.SlowStart != nil {
			c.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{SlowStartConfig: slowStart(p.SlowStart)}}
		}
	case blueprints.Random:
		c.LbPolicy = clusterv3.Cluster_RANDOM
	case blueprints.IPHash, blueprints.RingHash:
		c.LbPolicy = clusterv3.Cluster_RING_HASH
	case blueprints.Maglev:
		c.LbPolicy = clusterv3.Cluster_MAGLEV
	default:
		b.problem(p.Position, "unknown load balancing "+string(p.Algorithm))
	}
}

func slowStart(s *blueprints.SlowStart) *clusterv3.Cluster_SlowStartConfig {
	return &clusterv3.Cluster_SlowStartConfig{
		SlowStartWindow:  duration(s.Window),
		MinWeightPercent: &typev3.Percent{Value: s.MinWeight},
	}
}

// circuitBreakers are Envoy's limits, not the blueprint's breaker. The default of
// 3 concurrent retries a cluster leaks failures as soon as a busy target dies.
func circuitBreakers(l blueprints.Limits) *clusterv3.CircuitBreakers {
	budget := l.RetryBudget
	if budget == nil {
		budget = &blueprints.RetryBudget{Percent: 50, MinConcurrency: 50}
	}
	limit := func(n int) int {
		if n == 0 {
			return maxInFlight
		}
		return n
	}
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     u32(limit(l.MaxConnections)),
		MaxPendingRequests: u32(limit(l.MaxPending)),
		MaxRequests:        u32(limit(l.MaxRequests)),
		RetryBudget: &clusterv3.CircuitBreakers_Thresholds_RetryBudget{
			BudgetPercent:       &typev3.Percent{Value: budget.Percent},
			MinRetryConcurrency: u32(budget.MinConcurrency),
		},
	}}}
}

// hashPolicies say what of a request chooses the target. Each is terminal, so that the
// first part that a request has counts, and what it has besides does not. https says that
// the proxy's clients speak TLS.
func hashPolicies(p *blueprints.Pool, https bool) []*routev3.RouteAction_HashPolicy {
	if p.Algorithm == blueprints.IPHash {
		return []*routev3.RouteAction_HashPolicy{byClient()}
	}
	var out []*routev3.RouteAction_HashPolicy
	for _, k := range p.HashOn {
		h := byClient()
		switch {
		case k.Header != "":
			h.PolicySpecifier = &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{HeaderName: k.Header}}
		case k.Cookie != "":
			c := &routev3.RouteAction_HashPolicy_Cookie{Name: k.Cookie}
			if k.TTL != nil {
				c.Ttl, c.Path = duration(*k.TTL), "/"
				for _, a := range cookieAttributes(k.CookieScope, https) {
					c.Attributes = append(c.Attributes, &routev3.RouteAction_HashPolicy_CookieAttribute{Name: a[0], Value: a[1]})
				}
			}
			h.PolicySpecifier = &routev3.RouteAction_HashPolicy_Cookie_{Cookie: c}
		case k.Query != "":
			h.PolicySpecifier = &routev3.RouteAction_HashPolicy_QueryParameter_{QueryParameter: &routev3.RouteAction_HashPolicy_QueryParameter{Name: k.Query}}
		}
		h.Terminal = len(p.HashOn) > 1
		out = append(out, h)
	}
	return out
}

func byClient() *routev3.RouteAction_HashPolicy {
	return &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_ConnectionProperties_{
		ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
	}}
}

// sessions keep a route's clients at their targets. The cookie names an address; what a
// client makes of it chooses among the pool's own targets at most.
func (b *builder) sessions(r *routev3.Route, p *blueprints.Pool) {
	s := p.Sessions
	if s == nil {
		return
	}
	cookie := &httpv3.Cookie{Name: s.Cookie, Path: s.Path}
	for _, a := range cookieAttributes(s.CookieScope, b.bp.TLS != nil) {
		cookie.Attributes = append(cookie.Attributes, &httpv3.CookieAttribute{Name: a[0], Value: a[1]})
	}
	if s.TTL > 0 {
		cookie.Ttl = duration(s.TTL)
	}
	b.setting(r, sessionFilter, &statefulv3.StatefulSessionPerRoute{Override: &statefulv3.StatefulSessionPerRoute_StatefulSession{
		StatefulSession: &statefulv3.StatefulSession{SessionState: &corev3.TypedExtensionConfig{
			Name:        "envoy.http.stateful_session.cookie",
			TypedConfig: b.typed(&cookiev3.CookieBasedSessionState{Cookie: cookie}),
		}},
	}})
}

// cookieAttributes are names and values. Envoy itself says HttpOnly of each cookie that it
// makes.
func cookieAttributes(c blueprints.CookieScope, https bool) [][2]string {
	out := [][2]string{{"SameSite", map[string]string{"lax": "Lax", "strict": "Strict", "none": "None"}[c.SameSite]}}
	if yes(c.Secure) || c.Secure == nil && https {
		out = append(out, [2]string{"Secure", ""})
	}
	return out
}

// hasSessions says that some pool keeps its clients.
func (b *builder) hasSessions() bool {
	for _, p := range b.bp.Pools {
		if p.Sessions != nil {
			return true
		}
	}
	return false
}
