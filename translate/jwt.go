package translate

import (
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"

	"backworks/blueprints"
)

const (
	// claims is where the claims of a token are kept while its request is answered.
	claims = "claims"
	// jwksRetry is how long Envoy waits for keys that it could not fetch.
	jwksRetry = time.Second
)

// jwt are all providers, and for each choice of them that some endpoint makes a
// requirement of that name; nothing is required by itself.
func (b *builder) jwt(j *blueprints.JWT) *jwtv3.JwtAuthentication {
	out := &jwtv3.JwtAuthentication{Providers: map[string]*jwtv3.JwtProvider{}, RequirementMap: map[string]*jwtv3.JwtRequirement{}}
	for _, p := range j.Providers {
		out.Providers[p.Name] = jwtProvider(p)
	}
	for _, e := range b.bp.Endpoints {
		a := effective(b, e, authOf)
		if a != nil && a.JWT != nil && asksFor(a, blueprints.MethodJWT) {
			out.RequirementMap[requirement(a)] = jwtRequirement(providersOf(a))
		}
	}
	return out
}

func jwtProvider(p *blueprints.JWTProvider) *jwtv3.JwtProvider {
	out := &jwtv3.JwtProvider{
		Issuer: p.Issuer, Audiences: p.Audiences,
		// By default a token without exp is good for ever.
		RequireExpiration: true,
		// Envoy takes 0 for its default.
		ClockSkewSeconds: uint32(p.ClockSkew / time.Second),
		// credentialFilter takes tokens away, where later filters have seen them.
		Forward:           true,
		PayloadInMetadata: claims,
		// Scopes are a list in one string (RFC 8693, 4.2).
		NormalizePayloadInMetadata: &jwtv3.JwtProvider_NormalizePayload{SpaceDelimitedClaims: []string{"scope"}},
		FromParams:                 p.Query, FromCookies: p.Cookies,
	}
	for _, h := range p.Headers {
		prefix := ""
		if strings.EqualFold(h, authorization) {
			prefix = "Bearer "
		}
		out.FromHeaders = append(out.FromHeaders, &jwtv3.JwtHeader{Name: h, ValuePrefix: prefix})
	}
	for _, c := range p.Claims {
		to := &jwtv3.JwtClaimToHeader{HeaderName: c.Header}
		for _, key := range blueprints.ClaimPath(c.Claim) {
			to.ClaimPath = append(to.ClaimPath, &jwtv3.JwtClaimToHeader_PathSegment{Key: key})
		}
		out.ClaimToHeaders = append(out.ClaimToHeaders, to)
	}
	if p.JWKSURI == "" {
		out.JwksSourceSpecifier = &jwtv3.JwtProvider_LocalJwks{LocalJwks: inline(p.JWKS)}
		return out
	}
	out.JwksSourceSpecifier = &jwtv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtv3.RemoteJwks{
		HttpUri: &corev3.HttpUri{
			Uri: p.JWKSURI, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: p.Pool}, Timeout: duration(p.Timeout),
		},
		CacheDuration: duration(p.RefreshInterval),
		// A changed listener takes over when it has tried to fetch the keys: until then
		// the one before goes on with those that it has.
		AsyncFetch: &jwtv3.JwksAsyncFetch{FailedRefetchDuration: duration(jwksRetry)},
	}}
	return out
}

// providersOf are those that an endpoint takes, sorted.
func providersOf(a *blueprints.Auth) []string {
	var out []string
	if a.Providers == nil {
		for _, p := range a.JWT.Providers {
			out = append(out, p.Name)
		}
	}
	for _, n := range a.Providers {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return out
}

// requirement names the choice of an endpoint. No provider's name has a comma.
func requirement(a *blueprints.Auth) string { return strings.Join(providersOf(a), ",") }

// jwtRequirement is a token of any of the providers.
func jwtRequirement(providers []string) *jwtv3.JwtRequirement {
	var list []*jwtv3.JwtRequirement
	for _, p := range providers {
		list = append(list, &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_ProviderName{ProviderName: p}})
	}
	if len(list) == 1 {
		return list[0]
	}
	return &jwtv3.JwtRequirement{RequiresType: &jwtv3.JwtRequirement_RequiresAny{RequiresAny: &jwtv3.JwtRequirementOrList{Requirements: list}}}
}

func jwtRoute(a *blueprints.Auth) *jwtv3.PerRouteConfig {
	return &jwtv3.PerRouteConfig{RequirementSpecifier: &jwtv3.PerRouteConfig_RequirementName{RequirementName: requirement(a)}}
}
