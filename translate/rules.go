package translate

import (
	"net/netip"
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbacfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

// rules are those of an endpoint as one policy of Envoy. All stand in its principals:
// these know paths and methods too, and so can say "not" of a rule as a whole.
func rules(a *blueprints.Auth) *rbacfilterv3.RBACPerRoute {
	var allow, deny []*rbacv3.Principal
	for _, r := range a.Rules {
		if p := principal(a, r); r.Deny {
			deny = append(deny, p)
		} else {
			allow = append(allow, p)
		}
	}
	var all []*rbacv3.Principal
	if allow != nil {
		all = append(all, anyPrincipal(allow))
	}
	if deny != nil {
		all = append(all, &rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: anyPrincipal(deny)}})
	}
	return &rbacfilterv3.RBACPerRoute{Rbac: &rbacfilterv3.RBAC{Rules: &rbacv3.RBAC{
		Action: rbacv3.RBAC_ALLOW,
		Policies: map[string]*rbacv3.Policy{"rules": {
			Permissions: []*rbacv3.Permission{{Rule: &rbacv3.Permission_Any{Any: true}}},
			Principals:  []*rbacv3.Principal{everyPrincipal(all)},
		}},
	}}}
}

// principal is the requests that a rule applies to.
func principal(a *blueprints.Auth, r blueprints.Rule) *rbacv3.Principal {
	var all []*rbacv3.Principal
	add := func(list []*rbacv3.Principal) {
		if list != nil {
			all = append(all, anyPrincipal(list))
		}
	}
	add(each(r.Clients, func(n blueprints.Named) *rbacv3.Principal { return inRequest(header(a.ClientHeader, exact(n.Name))) }))
	for _, c := range r.Claims {
		add(each(c.Values, func(v string) *rbacv3.Principal { return claim(c.Claim, v) }))
	}
	if names := r.Methods; slices.Contains(names, "GET") && !slices.Contains(names, "HEAD") {
		r.Methods = append(slices.Clone(names), "HEAD")
	}
	add(each(methods(r.Methods), inRequest))
	add(each(r.Paths, func(p blueprints.Path) *rbacv3.Principal {
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_UrlPath{UrlPath: &matcherv3.PathMatcher{
			Rule: &matcherv3.PathMatcher_Path{Path: matches(pattern(p))},
		}}}
	}))
	add(each(r.Sources, func(p netip.Prefix) *rbacv3.Principal {
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: &corev3.CidrRange{
			AddressPrefix: p.Addr().String(), PrefixLen: u32(p.Bits()),
		}}}
	}))
	return everyPrincipal(all)
}

func each[T any](list []T, f func(T) *rbacv3.Principal) (out []*rbacv3.Principal) {
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

func inRequest(h *routev3.HeaderMatcher) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_Header{Header: h}}
}

func anyPrincipal(list []*rbacv3.Principal) *rbacv3.Principal {
	if len(list) == 1 {
		return list[0]
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: list}}}
}

func everyPrincipal(list []*rbacv3.Principal) *rbacv3.Principal {
	if len(list) == 1 {
		return list[0]
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{Ids: list}}}
}

// claim is a token in which a claim has a value, or is a list with it. It is one that
// was verified: the filter writes claims of no other.
func claim(name, value string) *rbacv3.Principal {
	m := &matcherv3.MetadataMatcher{Filter: jwtFilter, Path: []*matcherv3.MetadataMatcher_PathSegment{segment(claims)}}
	for _, key := range blueprints.ClaimPath(name) {
		m.Path = append(m.Path, segment(key))
	}
	text := &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: globbed(value)}}
	values := []*matcherv3.ValueMatcher{text, {MatchPattern: &matcherv3.ValueMatcher_ListMatch{
		ListMatch: &matcherv3.ListMatcher{MatchPattern: &matcherv3.ListMatcher_OneOf{OneOf: text}},
	}}}
	if value == "true" || value == "false" {
		values = append(values, &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_BoolMatch{BoolMatch: value == "true"}})
	}
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		values = append(values, &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_DoubleMatch{
			DoubleMatch: &matcherv3.DoubleMatcher{MatchPattern: &matcherv3.DoubleMatcher_Exact{Exact: n}},
		}})
	}
	m.Value = &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_OrMatch{OrMatch: &matcherv3.OrMatcher{ValueMatchers: values}}}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}}
}

func segment(key string) *matcherv3.MetadataMatcher_PathSegment {
	return &matcherv3.MetadataMatcher_PathSegment{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key}}
}

// hasRules says that some endpoint has any.
func (b *builder) hasRules() bool {
	return slices.ContainsFunc(b.bp.Endpoints, func(e *blueprints.Endpoint) bool {
		a := effective(b, e, authOf)
		return a != nil && a.Rules != nil
	})
}

// checkRules finds clients that nobody knows, and rules of which none can let anybody in.
func (b *builder) checkRules(a *blueprints.Auth, e *blueprints.Endpoint) {
	for _, r := range a.Rules {
		for _, c := range r.Clients {
			if !isClient(a, c.Name) {
				b.problem(c.Position, "plugins.auth.config has no client or user "+strconv.Quote(c.Name))
			}
		}
	}
	allows := func(r blueprints.Rule) bool { return !r.Deny }
	if slices.ContainsFunc(a.Rules, allows) && !slices.ContainsFunc(a.Rules, func(r blueprints.Rule) bool { return allows(r) && canApply(a, r) }) {
		b.problem(authPosition(e), "asks for no method by which any of its rules could apply: claims are those of jwt, clients those of api_key and basic")
	}
}

// canApply says that the endpoint asks for what a rule looks at.
func canApply(a *blueprints.Auth, r blueprints.Rule) bool {
	known := asksFor(a, blueprints.MethodAPIKey) || asksFor(a, blueprints.MethodBasic)
	return (r.Claims == nil || asksFor(a, blueprints.MethodJWT)) && (r.Clients == nil || known)
}

func isClient(a *blueprints.Auth, name string) bool {
	is := func(s blueprints.Secret) bool { return s.Name == name }
	return a.APIKeys != nil && slices.ContainsFunc(a.APIKeys.Clients, is) || a.Basic != nil && slices.ContainsFunc(a.Basic.Users, is)
}

// disguisedPaths refuses what servers of Java take for a way up, once they have taken the
// part behind the semicolon away: it would lead from a public path to one that is not.
func (b *builder) disguisedPaths() *routev3.Route {
	r := b.errorRoute(400, "bad_request", "the path has a dot segment with parameters")
	r.Name = "400 dot segments"
	r.Match = &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: regex(`/(?:.*/)?\.\.?(?:;|%3[bB]).*`)}}
	return r
}
