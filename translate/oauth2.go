package translate

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	oauth2v3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/oauth2/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

// The secrets of oauth2, which Envoy takes as such.
const (
	oauth2Token = "auth/oauth2/token"
	oauth2HMAC  = "auth/oauth2/hmac"
)

// oauth2Cookies are those that the filter sets, by its own names.
var oauth2Cookies = []string{"BearerToken", "OauthHMAC", "OauthExpires", "IdToken", "RefreshToken", "OauthNonce", "CodeVerifier"}

// oauth2 sends browsers to a provider's login, and knows them by cookies from then on.
func (b *builder) oauth2(o *blueprints.OAuth2) *oauth2v3.OAuth2 {
	return &oauth2v3.OAuth2{Config: &oauth2v3.OAuth2Config{
		TokenEndpoint: &corev3.HttpUri{
			Uri: o.TokenEndpoint, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: o.Pool}, Timeout: duration(o.Timeout),
		},
		AuthorizationEndpoint: o.AuthorizationEndpoint,
		EndSessionEndpoint:    o.EndSessionEndpoint,
		// Envoy sets the first itself, unless trusted proxies in front do.
		RedirectUri:         "%REQ(X-FORWARDED-PROTO)%://%REQ(:AUTHORITY)%" + strings.ReplaceAll(o.CallbackPath, "%", "%%"),
		RedirectPathMatcher: exactPath(o.CallbackPath),
		SignoutPath:         exactPath(o.SignoutPath),
		// For jwt and ext_authz, which stand behind it; credentialFilter takes it away.
		ForwardBearerToken: true,
		AuthScopes:         o.Scopes,
		Credentials: &oauth2v3.OAuth2Credentials{
			ClientId:       o.ClientID,
			TokenSecret:    sds(oauth2Token),
			TokenFormation: &oauth2v3.OAuth2Credentials_HmacSecret{HmacSecret: sds(oauth2HMAC)},
		},
		// What is no page cannot follow a login: 401.
		DenyRedirectMatcher: []*routev3.HeaderMatcher{{
			Name: "accept", InvertMatch: true, TreatMissingHeaderAsEmpty: true,
			HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
				MatchPattern: &matcherv3.StringMatcher_Contains{Contains: "text/html"},
			}},
		}},
	}}
}

func exactPath(path string) *matcherv3.PathMatcher {
	return &matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: exact(path)}}
}

// oauth2Routes are the filter's own paths: it answers them before the route does.
func (b *builder) oauth2Routes() []*routev3.Route {
	a := b.auth()
	if a == nil || a.OAuth2 == nil {
		return nil
	}
	var out []*routev3.Route
	for _, path := range []string{a.OAuth2.CallbackPath, a.OAuth2.SignoutPath} {
		r := b.errorRoute(404, "", "")
		r.Name = "login " + path
		r.Match = &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: path}}
		b.switchOn(r, oauth2Filter)
		out = append(out, r)
	}
	return out
}

// oauth2Secrets are those of bp; none where they are withheld.
func oauth2Secrets(bp *blueprints.Blueprint) (out []Resource) {
	if bp.Policies.Auth == nil || bp.Policies.Auth.OAuth2 == nil || bp.Policies.Auth.OAuth2.ClientSecret == "" {
		return nil
	}
	o := bp.Policies.Auth.OAuth2
	for _, s := range [][2]string{{oauth2HMAC, o.CookieKey()}, {oauth2Token, o.ClientSecret}} {
		out = append(out, Resource{Name: s[0], Position: o.Position, Message: &tlsv3.Secret{
			Name: s[0], Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline(s[1])}},
		}})
	}
	return out
}

// staticOAuth2 has the filter take its secrets from the bootstrap by their names.
func staticOAuth2(filters []*hcmv3.HttpFilter) {
	for _, f := range filters {
		m := new(oauth2v3.OAuth2)
		if f.Name != oauth2Filter || f.GetTypedConfig().UnmarshalTo(m) != nil {
			continue
		}
		m.Config.Credentials.TokenSecret.SdsConfig = nil
		m.Config.Credentials.GetHmacSecret().SdsConfig = nil
		f.ConfigType = &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(m)}
	}
}
