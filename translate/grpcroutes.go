package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"backworks/blueprints"
)

const (
	// grpcSegments is how many segments the path of a gRPC call has: /service/method.
	grpcSegments = 2
	// grpcMethod is the method of every gRPC call.
	grpcMethod = "POST"
	// grpcRetryOn are the statuses for an answer that failed: what an HTTP target says
	// with 500 and 502 to 504. gRPC knows no others that would fit (proposal A44).
	grpcRetryOn = "internal,unavailable"
)

// grpcRouteConfig takes calls for any name: which one a client dialled has been
// settled by the listener.
func grpcRouteConfig(name string, routes []*routev3.Route) *routev3.RouteConfiguration {
	return &routev3.RouteConfiguration{
		Name:         name,
		VirtualHosts: []*routev3.VirtualHost{{Name: name, Domains: []string{"*"}, Routes: routes}},
	}
}

// grpcRoutes are the endpoints that gRPC calls can meet, in the order in which they
// are to be tried. An answer without a target stays as a route that fails its calls:
// without it they would go on to a less specific endpoint, and reach a target.
func (b *builder) grpcRoutes() []*routev3.Route {
	var out []*routev3.Route
	for _, e := range b.sorted {
		if !grpcMeets(e) {
			continue
		}
		if e.Handler == blueprints.HandlerProxy {
			if ways := b.grpcWays(e); len(ways) > 0 {
				out = append(out, ways...)
				continue
			}
		}
		out = append(out, &routev3.Route{
			Name: routeName(e), Match: grpcMatch(e.Path),
			Action: &routev3.Route_NonForwardingAction{NonForwardingAction: &routev3.NonForwardingAction{}},
		})
	}
	return out
}

// grpcMeets says that the path and the method of a gRPC call can be e's.
func grpcMeets(e *blueprints.Endpoint) bool { return grpcMethodOf(e) && grpcPathOf(e) }

func grpcMethodOf(e *blueprints.Endpoint) bool {
	return len(e.Methods) == 0 || slices.Contains(e.Methods, grpcMethod)
}

func grpcPathOf(e *blueprints.Endpoint) bool {
	n := len(e.Path.Segments)
	if _, rest := count(e.Path); rest {
		return n-1 <= grpcSegments
	}
	return n == grpcSegments
}

// grpcMatch is a path in the forms that gRPC has (proposal A28): exact, prefix and
// regular expression. It is one that a call can have.
func grpcMatch(p blueprints.Path) *routev3.RouteMatch {
	params, rest := count(p)
	switch {
	case params > 0:
		return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: regex(pattern(p))}}
	case !rest || len(p.Segments) > grpcSegments:
		// Of /a/b/* a call can have /a/b alone.
		return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: literal(p)}}
	case len(p.Segments) == 1:
		return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	}
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: literal(p) + "/"}}
}

// grpcAction sends calls to p, as r says; r may be nil.
func grpcAction(p *blueprints.Pool, r *blueprints.ProxyRoute) *routev3.RouteAction {
	s := settingsOf(p, r)
	a := &routev3.RouteAction{
		// The field timeout is not read. This one bounds the whole call, as it does in
		// Envoy (proposal A31).
		MaxStreamDuration: &routev3.RouteAction_MaxStreamDuration{MaxStreamDuration: duration(s.timeout)},
	}
	if !s.preserveHost {
		// Only of a server that the client's bootstrap trusts (proposal A81).
		a.HostRewriteSpecifier = &routev3.RouteAction_AutoHostRewrite{AutoHostRewrite: boolean(true)}
	}
	if s.retries > 0 && s.retryUnsafe {
		// What never reached a target is sent again by the client in any case.
		a.RetryPolicy = &routev3.RetryPolicy{RetryOn: grpcRetryOn, NumRetries: u32(s.retries)}
	}
	a.HashPolicy = grpcHashPolicies(p)
	grpcTo(a, grpcPart{p, 1})
	return a
}

// grpcHashPolicies are of the two forms that gRPC has (proposal A42).
func grpcHashPolicies(p *blueprints.Pool) []*routev3.RouteAction_HashPolicy {
	// The caller is the client itself: by its channel it keeps to one target.
	channel := &routev3.RouteAction_HashPolicy{PolicySpecifier: &routev3.RouteAction_HashPolicy_FilterState_{
		FilterState: &routev3.RouteAction_HashPolicy_FilterState{Key: "io.grpc.channel_id"},
	}}
	if p.Algorithm == blueprints.IPHash {
		return []*routev3.RouteAction_HashPolicy{channel}
	}
	var out []*routev3.RouteAction_HashPolicy
	for i, h := range hashPolicies(p, false) {
		switch k := p.HashOn[i]; {
		case k.Header != "":
			out = append(out, h)
		case k.Cookie == "" && k.Query == "":
			channel.Terminal = h.Terminal
			out = append(out, channel)
		}
	}
	return out
}
