package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbacfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/blueprints"
)

func authOf(p *blueprints.Policies) *blueprints.Auth { return p.Auth }

// auth is the plugin where some endpoint uses it, or nil. What it is configured with
// is in the blueprint alone; endpoints choose of it.
func (b *builder) auth() *blueprints.Auth {
	if a := b.bp.Policies.Auth; a != nil && used(b, authOf) {
		return a
	}
	return nil
}

// authFilters ask who a client is, and whether it may. They stand in the order in which
// they need each other.
func (b *builder) authFilters() (out []*hcmv3.HttpFilter) {
	a := b.auth()
	if a == nil {
		return nil
	}
	// Before all that says who a client is: what it says of itself is not believed.
	out = append(out, b.filter(identityFilter, removal(slices.Concat(identityHeaders(a), disguises))))
	if a.OAuth2 != nil {
		// Before jwt, which can look at the token that a login brought.
		out = append(out, off(b.filter(oauth2Filter, b.oauth2(a.OAuth2))))
	}
	if a.JWT != nil {
		out = append(out, b.filter(jwtFilter, b.jwt(a.JWT)))
	}
	if a.APIKeys != nil {
		// Envoy's documentation calls this filter work in progress.
		out = append(out, off(b.filter(apiKeyFilter, apiKeys(a))))
	}
	if a.Basic != nil {
		out = append(out, off(b.filter(basicFilter, basic(a))))
	}
	// Behind all that finds out who a client is.
	if b.hasRules() {
		out = append(out, b.filter(rbacFilter, new(rbacfilterv3.RBAC)))
	}
	// Behind all that can refuse a request by itself, which is then not asked about.
	if a.ExtAuthz != nil {
		out = append(out, off(b.filter(extAuthzFilter, extAuthz(a.ExtAuthz))))
	}
	// Behind all that asks for credentials, before all that might pass them on.
	s := shownTo(a)
	out = append(out, b.filter(credentialFilter, removal(s.headers)))
	if len(s.query)+len(s.cookies) > 0 {
		out = append(out, b.filter(credentialPartFilter, withoutParts(s)))
	}
	return out
}

// guarded are an endpoint's routes with what they ask of clients, as it says; a public
// one asks nothing. Where one of several methods is enough, a route is there once for
// each place of a credential, which it looks for, and once more for requests without any.
func (b *builder) guarded(e *blueprints.Endpoint, routes []*routev3.Route) []*routev3.Route {
	a := effective(b, e, authOf)
	if a == nil || b.auth() == nil {
		return routes
	}
	a.Require = slices.DeleteFunc(a.Require, func(n blueprints.Named) bool { return !slices.Contains(a.Methods(), n.Name) })
	var out []*routev3.Route
	for _, r := range routes {
		b.authorize(r, a)
		if a.Satisfy == blueprints.SatisfyAll || len(a.Require) < 2 {
			b.authenticate(r, a, a.Require...)
			out = append(out, r)
			continue
		}
		for _, n := range a.Require {
			for _, looksFor := range b.places(a, n.Name) {
				x := proto.CloneOf(r)
				looksFor(x.Match)
				b.authenticate(x, a, n)
				out = append(out, x)
			}
		}
		last := a.Require[0]
		if i := slices.IndexFunc(a.Require, func(n blueprints.Named) bool { return n.Name == blueprints.MethodOAuth2 }); i >= 0 {
			last = a.Require[i] // who shows nothing may log in
		}
		b.authenticate(r, a, last)
		out = append(out, r)
	}
	return out
}

// authenticate lets a route ask for all of the methods.
func (b *builder) authenticate(r *routev3.Route, a *blueprints.Auth, methods ...blueprints.Named) {
	for _, m := range methods {
		switch m.Name {
		case blueprints.MethodJWT:
			b.setting(r, jwtFilter, jwtRoute(a))
		case blueprints.MethodAPIKey:
			b.switchOn(r, apiKeyFilter)
		case blueprints.MethodBasic:
			b.switchOn(r, basicFilter)
		case blueprints.MethodOAuth2:
			b.switchOn(r, oauth2Filter)
		}
	}
}

// switchOn uses a filter that is disabled elsewhere, as the listener has it.
func (b *builder) switchOn(r *routev3.Route, filter string) {
	b.setting(r, filter, &routev3.FilterConfig{Config: new(anypb.Any)})
}

// authorize lets a route ask what is not for clients to show.
func (b *builder) authorize(r *routev3.Route, a *blueprints.Auth) {
	if a.Rules != nil {
		b.setting(r, rbacFilter, rules(a))
	}
	if a.External() != nil {
		b.switchOn(r, extAuthzFilter)
	}
	if a.Forwards() {
		b.setting(r, credentialFilter, &routev3.FilterConfig{Disabled: true})
		if b.shownInParts() {
			b.setting(r, credentialPartFilter, &routev3.FilterConfig{Disabled: true})
		}
	}
}

func asksFor(a *blueprints.Auth, method string) bool {
	return slices.ContainsFunc(a.Require, func(n blueprints.Named) bool { return n.Name == method })
}

// authPosition is where an endpoint says what it asks of clients.
func authPosition(e *blueprints.Endpoint) blueprints.Position {
	if own := e.Policies.Auth; own != nil {
		return position(own.Position, e.Position)
	}
	return e.Position
}

// checkAuth finds what an endpoint asks for and the blueprint does not have.
func (b *builder) checkAuth(e *blueprints.Endpoint) {
	a := effective(b, e, authOf)
	switch {
	case a == nil:
		return
	case b.bp.Policies.Auth == nil:
		b.problem(authPosition(e), "the blueprint has no plugins.auth, which says what clients are asked for")
		return
	}
	if isHealth(e) {
		b.warn(e.Position, "a health probe has no credentials: with public: true it needs none, as it does where the proxy answers here by itself")
	}
	for _, n := range a.Require {
		if !slices.Contains(a.Methods(), n.Name) {
			b.problem(position(n.Position, e.Position), "plugins.auth.config has no "+n.Name)
		}
	}
	for _, n := range a.Providers {
		if a.JWT == nil || !slices.ContainsFunc(a.JWT.Providers, func(p *blueprints.JWTProvider) bool { return p.Name == n.Name }) {
			b.problem(position(n.Position, e.Position), "plugins.auth.config.jwt.providers has no "+n.Name)
		}
	}
	b.checkRules(a, e)
	if x := a.External(); x != nil && x.GRPC {
		if p := b.poolNamed(x.Pool); p != nil && !p.HTTP2 && !p.ALPN {
			b.problem(x.Position, "the pool "+p.Name+" speaks HTTP/1.1: gRPC needs its protocol: http2")
		}
	}
	if len(a.Require) == 0 && a.Rules == nil && a.External() == nil {
		b.problem(authPosition(e), "asks for nothing of anybody: name a method in require, add rules, or say public: true")
	}
}

// disguises are headers by which a client can have a target take a request for another
// than the one that was let through. Some frameworks follow them unasked.
var disguises = []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"}

// identityHeaders are those by which the proxy tells targets who a client is.
func identityHeaders(a *blueprints.Auth) []string {
	var out []string
	if a.JWT != nil {
		for _, p := range a.JWT.Providers {
			for _, c := range p.Claims {
				out = append(out, c.Header)
			}
		}
	}
	if a.ExtAuthz != nil {
		out = append(out, a.ExtAuthz.HeadersToTarget...)
	}
	if a.APIKeys != nil || a.Basic != nil {
		out = append(out, a.ClientHeader)
	}
	return distinct(out)
}
