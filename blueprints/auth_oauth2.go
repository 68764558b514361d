package blueprints

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
)

// oauth2Spec is auth.oauth2.
type oauth2Spec struct {
	at
	AuthorizationEndpoint str        `yaml:"authorization_endpoint" required:"true" doc:"The URL of the provider's page for logins."`
	TokenEndpoint         str        `yaml:"token_endpoint" required:"true" doc:"The URL where Envoy changes a code for tokens."`
	EndSessionEndpoint    str        `yaml:"end_session_endpoint" doc:"The URL where a provider of OpenID Connect ends its own session, for signout_path; scopes must have openid."`
	Upstream              str        `yaml:"upstream" doc:"The pool through which token_endpoint is asked; the URL's own host without it."`
	ClientID              str        `yaml:"client_id" required:"true" doc:"The proxy's name at the provider."`
	ClientSecret          secretText `yaml:"client_secret" required:"true" doc:"Its secret: file:PATH or ${NAME}. Cookies are signed with a key made of it."`
	Scopes                list[str]  `yaml:"scopes" single:"true" default:"openid" doc:"What is asked for."`
	CallbackPath          str        `yaml:"callback_path" default:"/oauth2/callback" doc:"The path to which the provider sends browsers back, on whatever host they came from; the provider must know it."`
	SignoutPath           str        `yaml:"signout_path" default:"/oauth2/signout" doc:"The path that takes the cookies away."`
	Timeout               duration   `yaml:"timeout" default:"3s" above:"0" max:"60" doc:"How long token_endpoint may take."`
}

// OAuth2 lets browsers log in at a provider.
type OAuth2 struct {
	Position
	AuthorizationEndpoint, TokenEndpoint, EndSessionEndpoint string
	// Pool is where TokenEndpoint is.
	Pool                      string
	ClientID, ClientSecret    string
	Scopes                    []string
	CallbackPath, SignoutPath string
	Timeout                   time.Duration
}

// CookieKey signs the cookies of all proxies of a fleet alike; "" where the secret is
// withheld.
func (o *OAuth2) CookieKey() string {
	if o.ClientSecret == "" {
		return ""
	}
	h := hmac.New(sha256.New, []byte(o.ClientSecret))
	h.Write([]byte("backworks cookies of " + o.ClientID))
	return hex.EncodeToString(h.Sum(nil))
}

func (d *decoder) oauth2(s *oauth2Spec) *OAuth2 {
	if !s.given() {
		return nil
	}
	o := &OAuth2{
		Position:              d.position(s.at),
		AuthorizationEndpoint: d.pageURL(s.AuthorizationEndpoint), TokenEndpoint: s.TokenEndpoint.v, EndSessionEndpoint: d.pageURL(s.EndSessionEndpoint),
		ClientID: s.ClientID.v, ClientSecret: s.ClientSecret.v, Scopes: words(s.Scopes),
		CallbackPath: d.plainPath(s.CallbackPath, "/oauth2/callback"), SignoutPath: d.plainPath(s.SignoutPath, "/oauth2/signout"),
		Timeout: s.Timeout.or(3 * time.Second),
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid"}
	}
	if s.EndSessionEndpoint.given() && !slices.Contains(o.Scopes, "openid") {
		d.fail(s.EndSessionEndpoint.at, "is of OpenID Connect alone: add openid to scopes, or leave it out")
	}
	switch {
	case !s.ClientSecret.given():
	case s.ClientSecret.plain:
		d.fail(s.ClientSecret.at, "a secret must not stand in the blueprint: put it into a file and write file:PATH, or write ${NAME}")
	case len(s.ClientSecret.v) < shortKey:
		d.fail(s.ClientSecret.at, "must have at least 16 characters: cookies are signed with a key made of it")
	}
	if s.ClientID.given() && s.ClientID.v == "" {
		d.fail(s.ClientID.at, "must not be empty")
	}
	if o.CallbackPath == o.SignoutPath {
		d.fail(s.at, "callback_path and signout_path must differ")
	}
	if s.TokenEndpoint.given() {
		o.Pool = d.serviceAt("auth-oauth2", s.TokenEndpoint, s.Upstream, false)
	}
	return o
}

// pageURL is where browsers are sent.
func (d *decoder) pageURL(s str) string {
	if !s.given() {
		return ""
	}
	u, err := url.Parse(s.v)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" {
		d.fail(s.at, "must be a URL such as https://id.example.com/authorize, without a user, a password or a fragment")
	}
	return s.v
}

// plainPath is a path without parameters.
func (d *decoder) plainPath(s str, fallback string) string {
	if !s.given() {
		return fallback
	}
	p := d.path(s)
	if !p.broken && strings.ContainsAny(s.v, "{:*") {
		d.fail(s.at, "must be one path, without parameters")
	}
	return s.v
}
