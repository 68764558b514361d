package blueprints

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Balancing is how requests are spread over a pool, beside its algorithm.
type Balancing struct {
	// HashOn is what of a request chooses the target, for RingHash and Maglev.
	HashOn []HashKey
	// SlowStart and Sessions are nil where the blueprint has none.
	SlowStart *SlowStart
	Sessions  *Sessions
	Limits    Limits
	// Fallback is the pool that gets the requests while this one has no target; nil for
	// none.
	Fallback *PoolRef
}

// HashKey is one part of a request; just one of Header, Cookie and Query is set, or
// none for the client's address.
type HashKey struct {
	Position
	Header, Cookie, Query string
	// TTL is that of a cookie that the proxy makes; nil: it makes none.
	TTL *time.Duration
	CookieScope
}

// SlowStart gives a new target its share little by little.
type SlowStart struct {
	Position
	Window time.Duration
	// MinWeight is the per cent of its share that it begins with.
	MinWeight float64
}

// Sessions keep clients at their target.
type Sessions struct {
	Position
	Cookie, Path string
	// TTL 0 is until the browser ends.
	TTL time.Duration
	CookieScope
}

// CookieScope is to whom browsers send a cookie that the proxy makes.
type CookieScope struct {
	// Secure is HTTPS alone; nil: where the proxy's clients speak TLS.
	Secure *bool
	// SameSite is "lax", "strict" or "none"; "" where the proxy makes no cookie.
	SameSite string
}

// Limits are of one Envoy for one pool; 0 where the blueprint has none.
type Limits struct {
	MaxConnections, MaxPending, MaxRequests int
	RetryBudget                             *RetryBudget
}

// RetryBudget bounds retries under way.
type RetryBudget struct {
	Percent        float64
	MinConcurrency int
}

func (d *decoder) balancing(p *Pool, s *poolSpec) {
	p.HashOn = d.hashKeys(&s.LoadBalancing, p.Algorithm)
	p.SlowStart = d.slowStart(p, s)
	p.Limits = Limits{
		MaxConnections: s.Limits.MaxConnections.or(0), MaxPending: s.Limits.MaxPending.or(0), MaxRequests: s.Limits.MaxRequests.or(0),
	}
	if s.Fallback.given() {
		p.Fallback = said(d.poolRef(s.Fallback), true)
	}
	p.Sessions = d.sessions(p, &s.Sessions)
	if b := s.Limits.RetryBudget; b.given() {
		p.Limits.RetryBudget = &RetryBudget{Percent: b.Percent.or(50), MinConcurrency: b.MinConcurrency.or(50)}
	}
}

func (d *decoder) hashKeys(s *loadBalancing, a Algorithm) []HashKey {
	if a != RingHash && a != Maglev {
		if s.hashOn.given() {
			d.fail(s.hashOn.at, "is for the algorithms ring_hash and maglev, not for ", string(a))
		}
		return nil
	}
	var out []HashKey
	for i := range s.hashOn.items {
		if h := &s.hashOn.items[i]; h.given() {
			out = append(out, d.hashKey(h))
		}
	}
	if len(out) == 0 {
		out = []HashKey{{Position: d.position(s.at)}}
	}
	return out
}

func (d *decoder) hashKey(h *hashSpec) HashKey {
	k := HashKey{Position: d.position(h.at), Header: h.Header.v, Cookie: h.Cookie.v, Query: h.Query.v, TTL: said(h.TTL.v, h.TTL.given())}
	n := 0
	for _, s := range []str{h.Header, h.Cookie, h.Query} {
		if s.given() {
			n++
		}
	}
	switch {
	case h.client:
	case n != 1:
		d.fail(h.at, "must be client_address, or have just one of the keys header, cookie and query")
	case h.TTL.given() && !h.Cookie.given():
		d.fail(h.TTL.at, "is for a cookie")
	case h.Query.given() && h.Query.v == "":
		d.fail(h.Query.at, "must not be empty")
	}
	d.headerToken(h.Header, "a header's name")
	d.headerToken(h.Cookie, "a cookie's name")
	if h.TTL.given() {
		k.CookieScope = d.cookieScope(&h.cookieSpec)
		return k
	}
	for _, a := range []at{h.Secure.at, h.SameSite.at} {
		if a.given() {
			d.fail(a, "is for a cookie that the proxy makes, which it does with ttl")
		}
	}
	return k
}

func (d *decoder) cookieScope(s *cookieSpec) CookieScope {
	c := CookieScope{Secure: said(s.Secure.v, s.Secure.given()), SameSite: s.SameSite.or("lax")}
	if c.SameSite != "none" {
		return c
	}
	if c.Secure != nil && !*c.Secure {
		d.fail(s.Secure.at, "must be true, or be left out, beside same_site: none: browsers throw such a cookie away")
	}
	c.Secure = said(true, true)
	return c
}

// headerToken checks that s is a token of HTTP (RFC 9110, section 5.6.2), which names of
// headers and cookies are.
func (d *decoder) headerToken(s str, what string) {
	if s.given() && !token(s.v) {
		d.fail(s.at, "must be ", what, ", got ", s.quote())
	}
}

func (d *decoder) slowStart(p *Pool, s *poolSpec) *SlowStart {
	if !s.SlowStart.given() {
		return nil
	}
	if !slices.Contains([]Algorithm{WeightedRoundRobin, RoundRobin, LeastConnections}, p.Algorithm) {
		d.fail(s.SlowStart.at, "does not work with ", string(p.Algorithm), ": use weighted_round_robin, round_robin or least_connections, or take it out")
	}
	return &SlowStart{Position: d.position(s.SlowStart.at), Window: s.SlowStart.Window.v, MinWeight: s.SlowStart.MinWeight.or(10)}
}

func (d *decoder) sessions(p *Pool, s *sessionsSpec) *Sessions {
	if !s.given() || !s.Enabled.or(true) {
		return nil
	}
	if p.Fallback != nil {
		// Envoy looks for the session's target in the cluster of the route alone.
		d.fail(s.at, "does not work with a fallback: use load_balancing {algorithm: ring_hash, hash_on: {cookie: NAME, ttl: 0}}, or take the fallback out")
	}
	d.headerToken(s.Cookie, "a cookie's name")
	if s.Path.given() {
		d.checkPath(s.Path)
		if strings.Contains(s.Path.v, ";") { // it would end there (RFC 6265, section 4.1.1)
			d.fail(s.Path.at, "must not have a semicolon, got ", s.Path.quote())
		}
	}
	return &Sessions{Position: d.position(s.at), Cookie: s.Cookie.or("backworks-" + p.Name), Path: s.Path.or("/"), TTL: s.TTL.v, CookieScope: d.cookieScope(&s.cookieSpec)}
}

// belongsToPool are the keys of balancingSpec, which an endpoint without targets of its
// own cannot say.
func (s *balancingSpec) belongsToPool() []at {
	return []at{s.SlowStart.at, s.Sessions.at, s.Limits.at, s.Fallback.at}
}

func (s *slowStartSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		s.at = place(n, p)
		s.Window.decode(d, n, p, fieldOf[slowStartSpec]("window"))
		return
	}
	d.object(reflect.ValueOf(s).Elem(), n, p)
}

func (s *sessionsSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	d.toggled(reflect.ValueOf(s).Elem(), &s.Enabled, n, p)
}

// clientAddress is the word for the hash key that is no part of a request.
const clientAddress = "client_address"

func (s *hashSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.object(reflect.ValueOf(s).Elem(), n, p)
		return
	}
	s.at, s.client = place(n, p), true
	if text, ok := d.text(n, p, "client_address or a mapping"); ok && text != clientAddress {
		d.fail(s.at, oneOf([]string{clientAddress}, text, n.Value)...)
	}
}

// fieldOf is a field of T by its key, for values that stand for a mapping with it alone.
func fieldOf[T any](key string) *field {
	t := typeOf(reflect.TypeFor[T]())
	return &t.fields[t.index[key]]
}

func (*slowStartSpec) schema(s *schema, _ *field) object {
	return anyOf(s.of(reflect.TypeFor[duration](), fieldOf[slowStartSpec]("window")), s.ref(reflect.TypeFor[slowStartSpec]()))
}
func (*slowStartSpec) kind(*field) string { return "duration or mapping" }
func (*slowStartSpec) inside() []inner    { return self[slowStartSpec]() }

func (*sessionsSpec) schema(s *schema, _ *field) object { return toggleSchema[sessionsSpec](s) }
func (*sessionsSpec) kind(*field) string                { return "true, false or mapping" }
func (*sessionsSpec) inside() []inner                   { return self[sessionsSpec]() }

func (*hashSpec) schema(s *schema, _ *field) object {
	return anyOf(object{"const": clientAddress}, environment(), s.ref(reflect.TypeFor[hashSpec]()))
}
func (*hashSpec) kind(*field) string { return "`client_address` or mapping" }
func (*hashSpec) inside() []inner    { return self[hashSpec]() }
