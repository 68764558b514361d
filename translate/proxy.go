package translate

import (
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

// proxy sends an endpoint's requests to its pools.
func (b *builder) proxy(e *blueprints.Endpoint, names []string) []*routev3.Route {
	var out []*routev3.Route
	for _, w := range b.ways(e) {
		out = append(out, b.way(e, w, names)...)
	}
	return out
}

// way is the route of an endpoint to one of its pools, or two where some of its methods
// may be sent again and some not.
func (b *builder) way(e *blueprints.Endpoint, w way, names []string) []*routev3.Route {
	var out []*routev3.Route
	p := w.pool
	s := settingsOf(p, e.Proxy)
	mirrors := b.mirrors(e, p, s)
	for _, part := range retryParts(names, s.retries, s.retryUnsafe) {
		r := b.route(e, p, part.methods, blueprints.Headers{})
		w.narrow(r.Match)
		a := routeAction(p, s)
		a.RequestMirrorPolicies = mirrors
		a.HashPolicy = hashPolicies(p, b.bp.TLS != nil)
		b.limitSize(r, s)
		if a.RetryPolicy = b.retryPolicy(s, part.safe); a.RetryPolicy != nil {
			r.RequestBodyBufferLimit = wrapperspb.UInt64(retryBody)
			a.HedgePolicy = hedgePolicy(s, part.safe)
		}
		r.StatPrefix = RouteStat(e)
		r.Action = &routev3.Route_Route{Route: a}
		b.sessions(r, p)
		c := b.changes(e, p, blueprints.Headers{})
		b.requestHeaders(r, b.early(e, p, c.request))
		b.rewrite(r, e, p, c.rewrite)
		b.transforms(r, e, p)
		out = append(out, r)
	}
	return out
}

// settings are what an endpoint may say otherwise than its pool.
type settings struct {
	blueprints.Traffic
	timeout                   time.Duration // 0: no limit
	retries                   int
	retry                     *blueprints.Retry
	retryUnsafe, preserveHost bool
}

// settingsOf are p's, with what r says; r may be nil.
func settingsOf(p *blueprints.Pool, r *blueprints.ProxyRoute) settings {
	s := settings{p.Traffic, p.Timeout, p.Retries, p.Retry, p.RetryUnsafe, p.PreserveHost}
	if r == nil {
		return s
	}
	s.Traffic = p.Traffic.Over(r.Traffic)
	if r.Timeout != nil {
		s.timeout = *r.Timeout
	}
	s.retry = r.Retry.Over(p.Retry)
	switch {
	case r.Retries != nil:
		s.retries = *r.Retries
	case r.Retry != nil && s.retries == 0:
		s.retries = 1 // to say how is to want one
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
		o := only(forwardedHost, b.clientsHost())
		r.RequestHeadersToAdd = append([]*corev3.HeaderValueOption{o}, r.RequestHeadersToAdd...)
	}
}

// clientsHost is the host that the client asked for, before the target's takes its place.
func (b *builder) clientsHost() string {
	if b.bp.Server.TrustedHops > 0 {
		return formatters["host"] // as proxies in front tell it
	}
	return "%REQ(:AUTHORITY)%"
}

// pool is the endpoint's, or the heaviest of its split.
func (b *builder) pool(e *blueprints.Endpoint) *blueprints.Pool { return b.poolNamed(e.Proxy.Pool) }

func routeAction(p *blueprints.Pool, s settings) *routev3.RouteAction {
	a := &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: clusterFor(p)},
		Timeout:          duration(s.timeout),
	}
	streams(a, p, s)
	if !s.preserveHost {
		a.HostRewriteSpecifier = &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: boolean(true)}
	}
	return a
}

// metrics leads to the admin listener, to that one path of it.
func (b *builder) metrics(e *blueprints.Endpoint, names []string) *routev3.Route {
	r := b.route(e, nil, names, blueprints.Headers{})
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
