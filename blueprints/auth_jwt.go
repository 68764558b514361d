package blueprints

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// jwtSpec is auth.jwt.
type jwtSpec struct {
	at
	Providers dict[jwtProviderSpec] `yaml:"providers" required:"true" doc:"The issuers whose tokens are taken, by names for people."`
}

type jwtProviderSpec struct {
	at
	Issuer          str       `yaml:"issuer" required:"true" doc:"The claim iss that tokens must have."`
	Audiences       list[str] `yaml:"audiences,audience" single:"true" doc:"Of these, the claim aud must have one. Without it, tokens that the issuer made for others pass as well, and a warning says so."`
	JWKS            str       `yaml:"jwks" doc:"The keys as a JSON Web Key Set, or file:PATH."`
	JWKSURI         str       `yaml:"jwks_uri" doc:"The URL of the keys; Envoy fetches them."`
	Upstream        str       `yaml:"upstream" doc:"The pool through which jwks_uri is fetched; the URL's own host without it."`
	RefreshInterval duration  `yaml:"refresh_interval" default:"5m" min:"1" doc:"How often the keys are fetched anew."`
	Timeout         duration  `yaml:"timeout" default:"2s" above:"0" doc:"How long the keys may take to come."`
	Headers         list[str] `yaml:"headers" single:"true" default:"Authorization" doc:"Headers that have the token; in Authorization it stands behind Bearer."`
	Query           list[str] `yaml:"query" single:"true" doc:"Parameters of the query that may have it instead."`
	Cookies         list[str] `yaml:"cookies" single:"true" doc:"Cookies that may have it instead."`
	ClockSkew       duration  `yaml:"clock_skew" default:"60s" min:"1" max:"3600" doc:"By how much clocks may differ where exp and nbf are looked at."`
	ClaimsToHeaders dict[str] `yaml:"claims_to_headers" doc:"Headers for targets, by name, and the claims that go into them; realm.id is id in realm. What a client sends under these names is taken away everywhere."`
}

// JWT are tokens that providers signed.
type JWT struct {
	Position
	// Providers are sorted by name.
	Providers []*JWTProvider
}

// JWTProvider is an issuer of tokens, and where it puts its keys.
type JWTProvider struct {
	Position
	Name, Issuer string
	Audiences    []string
	// JWKS are the keys, or JWKSURI is where Pool has them.
	JWKS, JWKSURI, Pool string
	// RefreshInterval and Timeout are for JWKSURI.
	RefreshInterval, Timeout time.Duration
	// Headers, Query and Cookies are where a token may stand.
	Headers, Query, Cookies []string
	// ClockSkew is in whole seconds, and not 0.
	ClockSkew time.Duration
	// Claims are sorted by header.
	Claims []ClaimHeader
}

// ClaimHeader is a header for targets with the value of a claim, whose parts lead to one
// within others.
type ClaimHeader struct {
	Header string
	Claim  string
}

func (d *decoder) jwt(s *jwtSpec) *JWT {
	if !s.given() {
		return nil
	}
	j := &JWT{Position: d.position(s.at)}
	if s.Providers.given() && len(s.Providers.items) == 0 {
		d.fail(s.Providers.at, "must have at least one provider")
	}
	for i := range s.Providers.items {
		e := &s.Providers.items[i]
		if !poolWord(e.key) {
			d.fail(e.at, "a provider's name must be letters, digits, -, _ and . (64 at most), got ", quote(e.key))
		}
		j.Providers = append(j.Providers, d.jwtProvider(e.key, e.at, &e.v))
	}
	slices.SortFunc(j.Providers, func(a, b *JWTProvider) int { return cmp.Compare(a.Name, b.Name) })
	return j
}

func (d *decoder) jwtProvider(name string, a at, s *jwtProviderSpec) *JWTProvider {
	p := &JWTProvider{
		Position: d.position(a), Name: name, Issuer: s.Issuer.v, Audiences: words(s.Audiences),
		Headers: words(s.Headers), Query: d.queryNames(s.Query), Cookies: d.cookieNames(s.Cookies),
		RefreshInterval: s.RefreshInterval.or(5 * time.Minute), Timeout: s.Timeout.or(2 * time.Second),
		ClockSkew: s.ClockSkew.or(time.Minute).Round(time.Second),
	}
	if s.Issuer.given() && s.Issuer.v == "" {
		d.fail(s.Issuer.at, "must not be empty")
	}
	switch {
	case s.Audiences.given() && (len(p.Audiences) == 0 || slices.Contains(p.Audiences, "")):
		d.fail(s.Audiences.at, "must not be empty: leave the key out where any audience will do")
	case !s.Audiences.given():
		d.warn(a, "has no audiences: tokens that the issuer made for other services pass as well")
	}
	if p.Headers == nil && p.Query == nil && p.Cookies == nil {
		p.Headers = []string{"Authorization"}
	}
	d.tokenHeaders(s.Headers)
	d.keys(p, a, s)
	p.Claims = d.claimHeaders(s.ClaimsToHeaders)
	return p
}

// keys are the provider's: in the file, or where they are fetched.
func (d *decoder) keys(p *JWTProvider, a at, s *jwtProviderSpec) {
	switch {
	case s.JWKS.given() && s.JWKSURI.given():
		d.fail(s.JWKSURI.at, "the provider has jwks too: keep one of them")
	case s.JWKS.given():
		text, ok := s.JWKS.v, true
		if strings.HasPrefix(text, "file:") {
			text, ok = d.secret(s.JWKS.at, text)
		}
		if fault := jwksFault(text); ok && fault != "" {
			d.fail(s.JWKS.at, fault)
		}
		p.JWKS = text
	case s.JWKSURI.given():
		p.JWKSURI = s.JWKSURI.v
		p.Pool = d.serviceAt("auth-jwt-"+p.Name, s.JWKSURI, s.Upstream, false)
		return
	default:
		d.fail(a, `needs the key "jwks" or "jwks_uri"`)
	}
	if s.Upstream.given() {
		d.fail(s.Upstream.at, "is for jwks_uri")
	}
}

// serviceAt is the pool for a URL: its host, or the upstream that is named.
func (d *decoder) serviceAt(as string, s, upstream str, http2 bool) string {
	u, err := url.Parse(s.v)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		d.fail(s.at, "must be a URL such as https://id.example.com/keys, without a user or password")
		return ""
	}
	if upstream.given() {
		return d.service(as, upstream, http2)
	}
	return d.service(as, str{at: s.at, v: u.Scheme + "://" + u.Host, src: s.src}, http2)
}

func (d *decoder) tokenHeaders(l list[str]) {
	for _, h := range l.items {
		if h.given() {
			d.headerName(h.v, h.src, h.at, toTarget)
		}
	}
}

func (d *decoder) queryNames(l list[str]) []string {
	for _, s := range l.items {
		if s.given() && !queryName(s.v) {
			d.fail(s.at, "a parameter's name must be letters, digits, -, ., _ and ~, got ", s.quote())
		}
	}
	return words(l)
}

// cookieNames are tokens (RFC 6265, 4.1.1).
func (d *decoder) cookieNames(l list[str]) []string {
	for _, s := range l.items {
		if s.given() && !token(s.v) {
			d.fail(s.at, "a cookie's name must be letters, digits and !#$%&'*+-.^_`|~, got ", s.quote())
		}
	}
	return words(l)
}

func (d *decoder) claimHeaders(m dict[str]) (out []ClaimHeader) {
	seen := map[string]at{}
	for _, e := range m.items {
		if !e.v.given() || !d.identityHeader(e.key, e.at) {
			continue
		}
		if before, twice := seen[strings.ToLower(e.key)]; twice {
			d.fail(e.at, "the header stands at line ", strconv.Itoa(before.line), " too: names are compared without regard to case")
		}
		seen[strings.ToLower(e.key)] = e.at
		if slices.Contains(ClaimPath(e.v.v), "") {
			d.fail(e.v.at, "must be a claim such as sub or realm.id, got ", e.v.quote())
		}
		out = append(out, ClaimHeader{e.key, e.v.v})
	}
	slices.SortFunc(out, func(a, b ClaimHeader) int { return cmp.Compare(strings.ToLower(a.Header), strings.ToLower(b.Header)) })
	return out
}

// identityHeader says whether a header may tell targets who a client is. What clients
// need to send cannot: it is taken away from them.
func (d *decoder) identityHeader(name string, a at) bool {
	if slices.Contains([]string{"authorization", "cookie", "content-type", "accept", "origin", "user-agent", "x-forwarded-for"}, strings.ToLower(name)) {
		d.fail(a, name, " is a header that clients need: choose another such as X-User-Id")
		return false
	}
	return d.headerName(name, name, a, toTarget)
}

// distinctHeaders keeps clients' credentials out of headers that are taken away from them.
func (d *decoder) distinctHeaders(a *Auth, s *authSpec) {
	taken := []string{a.ClientHeader}
	lists := []list[str]{s.APIKey.Headers}
	for i := range s.JWT.Providers.items {
		lists = append(lists, s.JWT.Providers.items[i].v.Headers)
	}
	if a.ExtAuthz != nil {
		taken = append(taken, a.ExtAuthz.HeadersToTarget...)
	}
	if a.JWT != nil {
		for _, p := range a.JWT.Providers {
			for _, c := range p.Claims {
				taken = append(taken, c.Header)
			}
		}
	}
	for _, l := range lists {
		for _, h := range l.items {
			if h.given() && slices.ContainsFunc(taken, func(n string) bool { return strings.EqualFold(n, h.v) }) {
				d.fail(h.at, "is a header that tells targets who a client is, and is taken away from clients: choose another")
			}
		}
	}
}

// clientClaims keeps a claim from standing where targets and rules look for clients.
func (d *decoder) clientClaims(a *Auth, s *jwtSpec) {
	for i := range s.Providers.items {
		for _, e := range s.Providers.items[i].v.ClaimsToHeaders.items {
			if strings.EqualFold(e.key, a.ClientHeader) {
				d.fail(e.at, "is the client_header: choose another, or name that one otherwise")
			}
		}
	}
}
