package blueprints

import "slices"

// authSpec is the plugin auth.
type authSpec struct {
	policySpec
	authUse
	JWT          jwtSpec      `yaml:"jwt" doc:"Tokens that an issuer signed, as OpenID Connect and OAuth 2 hand them out."`
	APIKey       apiKeySpec   `yaml:"api_key,api_keys" doc:"Keys that clients were given."`
	Basic        basicSpec    `yaml:"basic" doc:"Users with passwords (RFC 7617)."`
	OAuth2       oauth2Spec   `yaml:"oauth2" doc:"Logins of browsers at a provider of OAuth 2 or OpenID Connect; what is no browser gets 401."`
	ExtAuthz     extAuthzSpec `yaml:"ext_authz" doc:"A service that is asked about each request, beside what the other keys ask for."`
	ClientHeader str          `yaml:"client_header" default:"X-Client-Id" doc:"The header that tells targets the name of the client with an API key, or of the user with a password."`
}

// authUse is what an endpoint may say otherwise than the plugin.
type authUse struct {
	Require            list[str]      `yaml:"require" single:"true" enum:"jwt|api_key|basic|oauth2|none" doc:"The methods by which a client may tell who it is; all that are configured without it. A request is judged by the first whose credentials it has, or by the first where it has none, but by oauth2 where that is among them. With none, the rules alone decide."`
	Satisfy            str            `yaml:"satisfy" enum:"any|all" default:"any" doc:"Whether one of the methods is enough."`
	Providers          list[str]      `yaml:"providers" single:"true" doc:"The jwt providers whose tokens are taken; all without it."`
	Rules              list[ruleSpec] `yaml:"rules" doc:"Which of those who told who they are may pass: those whom an allow rule applies to, or all where there is none, but for those whom a deny rule applies to."`
	ForwardCredentials boolean        `yaml:"forward_credentials" default:"false" doc:"Whether targets get the tokens, keys and passwords that clients send."`
}

// endpointAuthSpec is auth in an endpoint's config.
type endpointAuthSpec struct {
	policySpec
	authUse
	ExtAuthz boolean `yaml:"ext_authz" default:"true" doc:"Whether the plugin's ext_authz is asked."`
}

// Auth says who may use an endpoint. An endpoint without it is public.
type Auth struct {
	Policy
	// JWT and its like are nil where they are not configured; endpoints do not have them.
	JWT     *JWT
	APIKeys *APIKeys
	Basic   *Basic
	OAuth2  *OAuth2
	// ExtAuthz is asked unless AskExtAuthz is false.
	ExtAuthz    *ExtAuthz
	AskExtAuthz *bool
	// ClientHeader is X-Client-Id by default.
	ClientHeader string
	// Require are methods, any of which will do; all that are configured by default,
	// MethodNone alone: none is needed.
	Require []Named
	// Satisfy is SatisfyAny by default.
	Satisfy string
	// Providers are names of JWT.Providers, nil: any.
	Providers []Named
	// Rules are nil where none hold.
	Rules []Rule
	// ForwardCredentials is false by default.
	ForwardCredentials *bool
}

// Named is a name that the file uses, and where.
type Named struct {
	Position
	Name string
}

// The methods by which a client tells who it is.
const (
	MethodJWT    = "jwt"
	MethodAPIKey = "api_key"
	MethodBasic  = "basic"
	MethodOAuth2 = "oauth2"
	MethodNone   = "none"
)

// How many of the methods it takes.
const (
	SatisfyAny = "any"
	SatisfyAll = "all"
)

// Methods are those that are configured, in the order in which Require has them by default.
func (a *Auth) Methods() []string {
	var out []string
	if a.JWT != nil {
		out = append(out, MethodJWT)
	}
	if a.APIKeys != nil {
		out = append(out, MethodAPIKey)
	}
	if a.Basic != nil {
		out = append(out, MethodBasic)
	}
	if a.OAuth2 != nil {
		out = append(out, MethodOAuth2)
	}
	return out
}

// fill makes MethodNone of a list without methods.
func (a *Auth) fill() {
	if a.Require == nil {
		for _, m := range a.Methods() {
			a.Require = append(a.Require, Named{a.Position, m})
		}
	}
	if a.Satisfy == "" {
		a.Satisfy = SatisfyAny
	}
	a.Require = slices.DeleteFunc(slices.Clone(a.Require), func(n Named) bool { return n.Name == MethodNone })
}

// External is the service to ask, or nil.
func (a *Auth) External() *ExtAuthz {
	if a.AskExtAuthz != nil && !*a.AskExtAuthz {
		return nil
	}
	return a.ExtAuthz
}

// Forwards says that targets get what clients show.
func (a *Auth) Forwards() bool { return a.ForwardCredentials != nil && *a.ForwardCredentials }

func (d *decoder) auth(s *authSpec) *Auth {
	a := d.authUse(&s.policySpec, &s.authUse)
	a.JWT, a.APIKeys, a.Basic, a.ClientHeader = d.jwt(&s.JWT), d.apiKeys(&s.APIKey), d.basic(&s.Basic), s.ClientHeader.or("X-Client-Id")
	a.OAuth2 = d.oauth2(&s.OAuth2)
	a.ExtAuthz = d.extAuthz(&s.ExtAuthz)
	if s.ClientHeader.given() {
		d.identityHeader(a.ClientHeader, s.ClientHeader.at)
	}
	d.distinctClients(a, s)
	d.distinctHeaders(a, s)
	d.clientClaims(a, &s.JWT)
	return a
}

// authPlugin is the plugin auth, which needs something to ask for.
func (d *decoder) authPlugin(s pluginSpec[authSpec]) *Auth {
	a := plugin(s, d.auth)
	if a != nil && a.Enabled && len(a.Methods()) == 0 && a.Rules == nil && a.ExtAuthz == nil {
		d.fail(s.at, "asks for nothing: add jwt, api_key, basic, oauth2, ext_authz or rules to its config")
	}
	return a
}

func (d *decoder) endpointAuth(s *endpointAuthSpec) *Auth {
	a := d.authUse(&s.policySpec, &s.authUse)
	a.AskExtAuthz = said(s.ExtAuthz.v, s.ExtAuthz.given())
	return a
}

func (d *decoder) authUse(p *policySpec, s *authUse) *Auth {
	a := &Auth{
		Policy: d.policy(p), Require: d.named(s.Require), Satisfy: s.Satisfy.v, Providers: d.named(s.Providers), Rules: d.rules(s.Rules),
		ForwardCredentials: said(s.ForwardCredentials.v, s.ForwardCredentials.given()),
	}
	if i := slices.IndexFunc(a.Require, func(n Named) bool { return n.Name == MethodNone }); i >= 0 && len(a.Require) > 1 {
		d.fail(s.Require.items[i].at, "none stands alone: take it out, or the methods beside it")
	}
	return a
}

// publicAuth is auth in an endpoint with the key public.
func (d *decoder) publicAuth(s *endpointSpec, own *Auth) *Auth {
	switch {
	case !s.Public.or(false):
		return own
	case own != nil:
		d.fail(s.Public.at, "the endpoint has config.auth too: keep one of them")
	}
	return &Auth{Policy: Policy{Position: d.position(s.Public.at)}}
}

// named are the names of a list, which is not empty and has none twice; nil without it.
func (d *decoder) named(l list[str]) []Named {
	if l.given() && len(l.items) == 0 {
		d.fail(l.at, "must not be empty: leave the key out, or name one")
	}
	var out []Named
	for _, s := range l.items {
		switch {
		case !s.given():
		case slices.ContainsFunc(out, func(n Named) bool { return n.Name == s.v }):
			d.fail(s.at, "stands here a second time")
		default:
			out = append(out, Named{d.position(s.at), s.v})
		}
	}
	return out
}
