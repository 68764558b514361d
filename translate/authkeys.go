package translate

import (
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	apikeyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/api_key_auth/v3"
	basicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/basic_auth/v3"

	"backworks/blueprints"
)

// apiKeys are the keys of all clients. Envoy has no hashes of them, and no other way to
// hand them out than in the filter.
func apiKeys(a *blueprints.Auth) *apikeyv3.ApiKeyAuth {
	out := &apikeyv3.ApiKeyAuth{Forwarding: &apikeyv3.Forwarding{Header: a.ClientHeader}}
	for _, h := range a.APIKeys.Headers {
		out.KeySources = append(out.KeySources, &apikeyv3.KeySource{Header: h})
	}
	for _, q := range a.APIKeys.Query {
		out.KeySources = append(out.KeySources, &apikeyv3.KeySource{Query: q})
	}
	for _, c := range a.APIKeys.Cookies {
		out.KeySources = append(out.KeySources, &apikeyv3.KeySource{Cookie: c})
	}
	for _, c := range a.APIKeys.Clients {
		if c.Value == "" { // withheld
			continue
		}
		out.Credentials = append(out.Credentials, &apikeyv3.Credential{Key: c.Value, Client: c.Name})
	}
	return out
}

// noHash is of no password.
const noHash = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="

// basic are the users with the hashes of their passwords.
func basic(a *blueprints.Auth) *basicv3.BasicAuth {
	var lines strings.Builder
	for _, u := range a.Basic.Users {
		if u.Value == "" { // withheld: it is the hash of nothing known
			u.Value = noHash
		}
		lines.WriteString(u.Name + ":{SHA}" + u.Value + "\n")
	}
	return &basicv3.BasicAuth{Users: inline(lines.String()), ForwardUsernameHeader: a.ClientHeader, Realm: a.Basic.Realm}
}

// place makes a route look for a credential.
type place func(*routev3.RouteMatch)

// places are where a method looks for credentials.
func (b *builder) places(a *blueprints.Auth, method string) (out []place) {
	switch method {
	case blueprints.MethodJWT:
		for _, p := range a.JWT.Providers {
			out = append(out, placesOf(p.Headers, p.Query, p.Cookies)...)
		}
	case blueprints.MethodAPIKey:
		out = placesOf(a.APIKeys.Headers, a.APIKeys.Query, a.APIKeys.Cookies)
	case blueprints.MethodBasic:
		out = append(out, inHeader(header(authorization, matches("(?i:basic) .*"))))
	}
	return out
}

func placesOf(headers, query, cookies []string) (out []place) {
	for _, h := range headers {
		if strings.EqualFold(h, authorization) {
			out = append(out, inHeader(header(h, matches("(?i:bearer) .*"))))
			continue
		}
		out = append(out, inHeader(&routev3.HeaderMatcher{Name: h, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}))
	}
	for _, q := range query {
		out = append(out, func(m *routev3.RouteMatch) {
			m.QueryParameters = append(m.QueryParameters, &routev3.QueryParameterMatcher{
				Name: q, QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: true},
			})
		})
	}
	for _, c := range cookies {
		// Several headers count as one, with commas between them.
		out = append(out, inHeader(header("cookie", matches(`(?:.*[;,]\s*)?`+regexp.QuoteMeta(c)+`=.*`))))
	}
	return out
}

func inHeader(h *routev3.HeaderMatcher) place {
	return func(m *routev3.RouteMatch) { m.Headers = append(m.Headers, h) }
}
