package blueprints

import (
	"path/filepath"
	"strings"
	"time"
)

// cacheSpec is the plugin cache: what endpoints may say too, and the one store of all.
type cacheSpec struct {
	policySpec
	cacheUse
	Directory  str     `yaml:"directory,path" doc:"Where Envoy keeps answers: a directory that it may write to; backworks start makes it for its own Envoy, elsewhere it must be there, since without it nothing is kept. It must be this Envoy's alone, since what stands there is served: no other Envoy's, and not writable by others."`
	MaxSize    size    `yaml:"max_size" default:"256MiB" doc:"What all kept answers may take; the oldest go first. An answer of more than half of it is not kept."`
	MaxEntries integer `yaml:"max_entries" default:"100000" min:"1" max:"100000000" doc:"How many answers are kept."`
}

// endpointCacheSpec is cache in an endpoint's config.
type endpointCacheSpec struct {
	policySpec
	cacheUse
}

type cacheUse struct {
	TTL           duration        `yaml:"ttl" min:"1" max:"31536000" doc:"How long answers are kept, whatever max-age says; answers with private, no-store or no-cache are not kept all the same. Without it, as s-maxage or max-age of Cache-Control says, and answers without are not kept."`
	Vary          list[str]       `yaml:"vary,headers" single:"true" default:"Accept, Accept-Language, Origin" doc:"Headers of requests that answers differ by. Targets get these alone of a client's headers."`
	Query         list[str]       `yaml:"query" single:"true" doc:"Parameters of the query that answers differ by; targets get these alone. All of them without it, in any order."`
	Cookies       list[str]       `yaml:"cookies" single:"true" doc:"Cookies that answers differ by; targets get these alone. Without it requests with cookies pass the cache by; [] takes no notice of cookies."`
	Bypass        cacheBypassSpec `yaml:"bypass" doc:"Requests that pass the cache by."`
	Authenticated boolean         `yaml:"authenticated" default:"false" doc:"Whether requests with Authorization are cached, and endpoints that ask who a client is: all who may use one then get the same answers, unless vary has what tells them apart."`
	DropSetCookie boolean         `yaml:"drop_set_cookie" default:"false" doc:"Whether Set-Cookie is taken off answers, so that they can be kept. Without it those that have one are not kept."`
	StatusHeader  str             `yaml:"status_header" default:"X-Cache" doc:"The header of answers that says hit, miss or bypass."`
}

type cacheBypassSpec struct {
	at
	Headers list[str] `yaml:"headers,header" single:"true" doc:"Those that have one of these headers."`
	Cookies list[str] `yaml:"cookies,cookie" single:"true" doc:"Those that have one of these cookies."`
	Query   list[str] `yaml:"query" single:"true" doc:"Those that have one of these parameters."`
}

// Cache answers from what a target said before (RFC 9111, a shared cache).
type Cache struct {
	Policy
	// TTL is 0 where Cache-Control says it.
	TTL time.Duration
	// Vary are names of headers, Accept, Accept-Language and Origin by default. Query and
	// Cookies are nil where they are not said.
	Vary, Query, Cookies []string
	// BypassHeaders and its like are what requests have that pass the cache by.
	BypassHeaders, BypassCookies, BypassQuery []string
	Authenticated, DropSetCookie              *bool
	// StatusHeader is X-Cache by default.
	StatusHeader string

	// Of the blueprint alone. Directory is absolute; MaxSize is 256 MiB
	// by default, MaxEntries 100,000.
	Directory  string
	MaxSize    int64
	MaxEntries int
}

func (c *Cache) fill() {
	if c.Vary == nil {
		c.Vary = []string{"Accept", "Accept-Language", "Origin"}
	}
	if c.StatusHeader == "" {
		c.StatusHeader = "X-Cache"
	}
	if c.MaxSize == 0 {
		c.MaxSize = 256 << 20
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = 100_000
	}
}

// minCacheSize leaves room for one answer at all.
const minCacheSize = 1 << 20

func (d *decoder) cache(s *cacheSpec) *Cache {
	c := d.cacheUse(&s.policySpec, &s.cacheUse)
	c.Directory, c.MaxSize, c.MaxEntries = s.Directory.v, s.MaxSize.v, s.MaxEntries.v
	if x := s.Directory; x.given() && (!filepath.IsAbs(x.v) || filepath.Clean(x.v) == "/") {
		d.fail(x.at, "must be an absolute path such as /var/cache/backworks, got ", x.quote())
	}
	if s.MaxSize.given() && s.MaxSize.v < minCacheSize {
		d.fail(s.MaxSize.at, "must be at least 1MiB")
	}
	return c
}

func (d *decoder) endpointCache(s *endpointCacheSpec) *Cache {
	return d.cacheUse(&s.policySpec, &s.cacheUse)
}

func (d *decoder) cacheUse(p *policySpec, s *cacheUse) *Cache {
	c := &Cache{
		Policy: d.policy(p), TTL: s.TTL.v, Vary: words(s.Vary), Query: words(s.Query), Cookies: words(s.Cookies),
		BypassHeaders: words(s.Bypass.Headers), BypassCookies: words(s.Bypass.Cookies), BypassQuery: words(s.Bypass.Query),
		Authenticated: said(s.Authenticated.v, s.Authenticated.given()),
		DropSetCookie: said(s.DropSetCookie.v, s.DropSetCookie.given()),
		StatusHeader:  s.StatusHeader.v,
	}
	if s.TTL.given() && s.TTL.v%time.Second != 0 {
		d.fail(s.TTL.at, "must be whole seconds, which is what Cache-Control counts in")
	}
	for _, l := range []list[str]{s.Vary, s.Bypass.Headers, s.Cookies, s.Bypass.Cookies} {
		for _, h := range l.items {
			if h.given() && !token(h.v) {
				d.fail(h.at, "must be a name, got ", h.quote())
			}
		}
	}
	for _, h := range s.Vary.items {
		if h.given() {
			d.varies(h)
		}
	}
	if x := s.StatusHeader; x.given() && !token(x.v) {
		d.fail(x.at, "must be a header's name, got ", x.quote())
	}
	return c
}

// unkeyed are headers that no key can have, with what to use instead.
var unkeyed = map[string]string{
	"cookie":          "name the cookies in cookies",
	"host":            "it is a part of every key",
	"range":           "requests with it pass the cache by",
	"content-length":  "requests with a body pass the cache by",
	"accept-encoding": "targets are not asked to compress; use the plugin compression",
}

func (d *decoder) varies(h str) {
	name := strings.ToLower(h.v)
	why, is := unkeyed[name]
	switch {
	case is:
		d.fail(h.at, "cannot be ", h.quote(), ": ", why)
	case strings.HasPrefix(name, "x-envoy-"), strings.HasPrefix(name, "x-backworks-"), strings.HasPrefix(name, "if-"), name == "cache-control", name == "pragma", name == "connection", name == "upgrade", name == "transfer-encoding", name == "te":
		d.fail(h.at, "cannot be ", h.quote(), ", which is between the client and the proxy")
	}
}
