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
	retries := p.Retries
	if e.Proxy.Retries != nil {
		retries = *e.Proxy.Retries
	}
	unsafeToo := p.RetryUnsafe
	if e.Proxy.RetryUnsafe != nil {
		unsafeToo = *e.Proxy.RetryUnsafe
	}
	var out []*routev3.Route
	for _, part := range retryParts(names, retries, unsafeToo) {
		r := b.route(e, part.methods, p.ResponseHeaders)
		a := b.routeAction(e, p)
		if a.RetryPolicy = b.retryPolicy(retries, part.safe); a.RetryPolicy != nil {
			r.RequestBodyBufferLimit = wrapperspb.UInt64(retryBody)
		}
		r.Action = &routev3.Route_Route{Route: a}
		b.requestHeaders(r, united(united(b.bp.RequestHeaders, p.RequestHeaders), e.RequestHeaders))
		b.rewrite(r, e, p)
		out = append(out, r)
	}
	return out
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

func (b *builder) routeAction(e *blueprints.Endpoint, p *blueprints.Pool) *routev3.RouteAction {
	timeout := p.Timeout
	if e.Proxy.Timeout > 0 {
		timeout = e.Proxy.Timeout
	}
	a := &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: ClusterName(p)},
		Timeout:          duration(timeout),
	}
	if timeout > streamIdle {
		// The listener's limit for silent streams would end the request first.
		a.IdleTimeout = duration(timeout)
	}
	keep := p.PreserveHost
	if e.Proxy.PreserveHost != nil {
		keep = *e.Proxy.PreserveHost
	}
	if !keep {
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
