package translate

import (
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// metricsPath is the one path of the admin listener that the proxy leads to.
const (
	metricsPath    = "/metrics"
	metricsTimeout = 15 * time.Second
)

// proxy sends an endpoint's requests to its pool.
func (b *builder) proxy(e *blueprints.Endpoint, names []string) []*routev3.Route {
	p := b.pool(e)
	if p == nil {
		b.problem(position(e.Proxy.Position, e.Position), "the endpoint's upstream does not exist")
		return nil
	}
	s := settingsOf(p, e.Proxy)
	var out []*routev3.Route
	for _, part := range retryParts(names, s.retries, s.retryUnsafe) {
		r := b.route(e, part.methods, blueprints.Headers{})
		a := routeAction(p, s)
		b.limitSize(r, s)
		if a.RetryPolicy = b.retryPolicy(s.retries, part.safe); a.RetryPolicy != nil {
			r.RequestBodyBufferLimit = wrapperspb.UInt64(retryBody)
		}
		r.StatPrefix = RouteStat(e)
		r.Action = &routev3.Route_Route{Route: a}
		c := b.changes(e, blueprints.Headers{})
		b.requestHeaders(r, b.early(e, c.request))
		b.rewrite(r, e, p, c.rewrite)
		b.transforms(r, e)
		out = append(out, r)
	}
	return out
}

// settings are what an endpoint may say otherwise than its pool.
type settings struct {
	blueprints.Traffic
	timeout                   time.Duration // 0: no limit
	retries                   int
	retryUnsafe, preserveHost bool
}

// settingsOf are p's, with what r says; r may be nil.
func settingsOf(p *blueprints.Pool, r *blueprints.ProxyRoute) settings {
	s := settings{p.Traffic, p.Timeout, p.Retries, p.RetryUnsafe, p.PreserveHost}
	if r == nil {
		return s
	}
	s.Traffic = p.Traffic.Over(r.Traffic)
	if r.Timeout != nil {
		s.timeout = *r.Timeout
	}
	if r.Retries != nil {
		s.retries = *r.Retries
	}
	if r.RetryUnsafe != nil {
		s.retryUnsafe = *r.RetryUnsafe
	}
	if r.PreserveHost != nil {
		s.preserveHost = *r.PreserveHost
	}
	return s
}

// requestHeaders also tells the target which host the client asked for, where the
// target's own name takes its place. Envoy's append_x_forwarded_host would tell it
// once more at each retry.
func (b *builder) requestHeaders(r *routev3.Route, h blueprints.Headers) {
	r.RequestHeadersToAdd, r.RequestHeadersToRemove = b.headerOptions(h), h.Remove
	if r.GetRoute().GetAutoHostRewrite().GetValue() && !speaksOf(h, forwardedHost) {
		o := only(forwardedHost, formatters["host"])
		r.RequestHeadersToAdd = append([]*corev3.HeaderValueOption{o}, r.RequestHeadersToAdd...)
	}
}

func (b *builder) pool(e *blueprints.Endpoint) *blueprints.Pool {
	i, known := slices.BinarySearchFunc(b.bp.Pools, e.Proxy.Pool, func(p *blueprints.Pool, name string) int { return strings.Compare(p.Name, name) })
	if !known {
		return nil
	}
	return b.bp.Pools[i]
}

func routeAction(p *blueprints.Pool, s settings) *routev3.RouteAction {
	a := &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: ClusterName(p)},
		Timeout:          duration(s.timeout),
	}
	streams(a, p, s)
	if !s.preserveHost {
		a.HostRewriteSpecifier = &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: boolean(true)}
	}
	if p.Algorithm == blueprints.IPHash {
		a.HashPolicy = []*routev3.RouteAction_HashPolicy{{
			PolicySpecifier: &routev3.RouteAction_HashPolicy_ConnectionProperties_{
				ConnectionProperties: &routev3.RouteAction_HashPolicy_ConnectionProperties{SourceIp: true},
			},
		}}
	}
	return a
}

// metrics leads to the admin listener, to that one path of it.
func (b *builder) metrics(e *blueprints.Endpoint, names []string) *routev3.Route {
	r := b.route(e, names, blueprints.Headers{})
	r.Action = &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: AdminCluster},
		Timeout:          duration(metricsTimeout),
		RegexRewrite:     rewriteAll("^.*$", metricsPath),
		HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{
			HostRewriteLiteral: localhost,
		},
	}}
	if strings.EqualFold(e.Metrics.Format, "json") {
		r.RequestHeadersToAdd = []*corev3.HeaderValueOption{only("Accept", jsonType)}
	}
	return r
}
