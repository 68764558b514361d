package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"

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

// guard lets a route ask who a client is, as its endpoint says; a public one asks nothing.
func (b *builder) guard(r *routev3.Route, e *blueprints.Endpoint) {
	a := effective(b, e, authOf)
	if a == nil {
		return
	}
	if asksFor(a, blueprints.MethodJWT) && a.JWT != nil {
		b.setting(r, jwtFilter, jwtRoute(a))
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

// checkAuth finds what an endpoint asks for and the blueprint does not have.
func (b *builder) checkAuth(e *blueprints.Endpoint) {
	a := effective(b, e, authOf)
	switch {
	case a == nil:
		return
	case b.bp.Policies.Auth == nil:
		b.problem(position(a.Position, e.Position), "the blueprint has no plugins.auth, which says what clients are asked for")
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
	if len(a.Require) == 0 {
		b.problem(position(a.Position, e.Position), "asks for nothing of anybody: name a method in require, or say public: true")
	}
}

// disguises are headers by which a client can have a target take a request for another
// than the one that was let through. Some frameworks follow them unasked.
var disguises = []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"}

// identities takes away what only the proxy may say of a client.
func (b *builder) identities(a *blueprints.Auth) *headermutationv3.HeaderMutation {
	return removal(slices.Concat(identityHeaders(a), disguises))
}

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
	return distinct(out)
}
