package translate

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// The way of a request that may be answered from the cache has two hops. The first is the
// listener of clients, up to the cache. Envoy's cache filter stands in the router's place:
// it asks the cluster itself, and nothing that the route says of targets would hold. So
// what it asks is a listener inside Envoy, whose routes have all that: those of the
// endpoint once more, for requests that have missedHeader. All other requests take the
// endpoint's own routes and never come near the cache.

// missedHeader marks requests that the cache had no answer for; clients cannot send it.
const missedHeader = "x-backworks-miss"

// The scripts are the same for all blueprints; what they go by comes as data.
var (
	//go:embed lua/cacheheaders.lua
	cacheHeadersScript string // before each of the two
	//go:embed lua/cachekey.lua
	cacheKeyScript string
	//go:embed lua/cachefill.lua
	cacheFillScript string
)

func cacheOf(p *blueprints.Policies) *blueprints.Cache { return p.Cache }

// cache is the plugin as it holds for an endpoint, or nil where it must not: what a target
// says to one whom it was told the name of is not for others.
func (b *builder) cache(e *blueprints.Endpoint) *blueprints.Cache {
	c := effective(b, e, cacheOf)
	if c == nil || e.Handler != blueprints.HandlerProxy || cacheMethods(b.served(e)) == nil {
		return nil
	}
	if b.asksWho(e) && !yes(c.Authenticated) {
		return nil
	}
	return c
}

// asksWho says that the proxy knows who the endpoint's clients are.
func (b *builder) asksWho(e *blueprints.Endpoint) bool {
	return effective(b, e, authOf) != nil || b.bp.TLS != nil && b.bp.TLS.Clients != nil
}

// usesCache says that some endpoint does.
func (b *builder) usesCache() bool {
	return slices.ContainsFunc(b.bp.Endpoints, func(e *blueprints.Endpoint) bool { return b.cache(e) != nil })
}

// cacheMethods are those of names whose answers are kept; none of them is any.
func cacheMethods(names []string) (out []string) {
	for _, m := range []string{"GET", "HEAD"} {
		if len(names) == 0 || slices.Contains(names, m) {
			out = append(out, m)
		}
	}
	return out
}

// checkCache finds what would keep an endpoint's answers from being kept, where it asks
// for that itself; c is what holds for it.
func (b *builder) checkCache(e *blueprints.Endpoint, c *blueprints.Cache) {
	own := effective(b, e, cacheOf)
	if own == nil || e.Policies.Cache == nil {
		return
	}
	pos := position(own.Position, e.Position)
	switch {
	case e.Handler != blueprints.HandlerProxy:
		b.warn(pos, "cache has no effect: no target answers here")
	case cacheMethods(b.served(e)) == nil:
		b.warn(pos, "cache has no effect: only answers to GET and HEAD are kept")
	case c == nil:
		b.warn(pos, "cache has no effect: the endpoint asks who a client is, and its answers could be for that one alone: say public: true, or authenticated: true where all who may use it get the same")
	}
}

// cached are the routes of an endpoint's requests that the cache may answer, then those of
// requests that it could not; own are the endpoint's, which note a bypass afterwards.
func (b *builder) cached(e *blueprints.Endpoint, own []*routev3.Route) []*routev3.Route {
	c := b.cache(e)
	b.checkCache(e, c)
	if c == nil {
		return b.guarded(e, own)
	}
	missed := b.missed(own)
	for _, r := range own {
		b.switchOn(r, cacheNoteFilter)
		r.ResponseHeadersToAdd = append(slices.Clone(r.ResponseHeadersToAdd), only(c.StatusHeader, cacheSaid))
	}
	ask := b.askCache(e, c, generation(b.bp, missed))
	return slices.Concat(b.guarded(e, []*routev3.Route{ask}), missed, b.guarded(e, own))
}

// askCache is the route to the cache.
func (b *builder) askCache(e *blueprints.Endpoint, c *blueprints.Cache, generation string) *routev3.Route {
	p := b.pool(e)
	r := b.route(e, p, cacheMethods(b.served(e)), blueprints.Headers{})
	r.Match.Headers = append(r.Match.Headers, cacheable(e, c)...)
	r.Action = &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cacheCluster},
		Timeout:          duration(0), // the second hop has it
	}}
	b.setting(r, cacheHeaderFilter, b.answerMutations(e, p, r))
	r.ResponseHeadersToAdd, r.ResponseHeadersToRemove = nil, nil
	b.setting(r, cacheKeyFilter, &luav3.LuaPerRoute{FilterContext: cacheRules(c, generation)})
	b.switchOn(r, cacheFilter)
	return r
}

// cacheable matches the requests that the cache may answer.
func cacheable(e *blueprints.Endpoint, c *blueprints.Cache) (out []*routev3.HeaderMatcher) {
	none := slices.Concat([]string{missedHeader, "Upgrade", "Content-Length", "Transfer-Encoding", "Range", "Last-Event-ID"}, c.BypassHeaders)
	cookies := c.BypassCookies
	if c.Cookies == nil {
		none = append(none, "Cookie")
	}
	if !yes(c.Authenticated) {
		none = append(none, "Authorization", "Proxy-Authorization")
	}
	for _, x := range e.Proxy.Canaries {
		for _, h := range x.Headers {
			if name := h.Name; !strings.EqualFold(name, "host") && !slices.ContainsFunc(c.Vary, func(v string) bool { return strings.EqualFold(v, name) }) {
				none = append(none, name)
			}
		}
		for _, k := range x.Cookies {
			if !slices.Contains(c.Cookies, k.Name) {
				cookies = append(slices.Clone(cookies), k.Name)
			}
		}
	}
	for _, name := range none {
		out = append(out, &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{}})
	}
	without := func(name, pattern string) {
		m := header(name, matches(pattern))
		m.InvertMatch, m.TreatMissingHeaderAsEmpty = true, true
		out = append(out, m)
	}
	for _, name := range cookies {
		without("Cookie", `(?:.*[;,])?\s*`+regexp.QuoteMeta(name)+`\s*=.*`)
	}
	for _, name := range c.BypassQuery {
		without(":path", `[^?]*\?(?:.*&)?`+regexp.QuoteMeta(name)+`(?:[=&].*)?`)
	}
	return out
}

// largestPart is what part of all room an answer may take at most. Envoy itself has no bound
// for one: it throws out the oldest until the rest fits, which for one that is larger than
// the room are all.
const largestPart = 2

// cacheRules are what the scripts go by.
func cacheRules(c *blueprints.Cache, generation string) *structpb.Struct {
	vary := make([]string, len(c.Vary))
	for i, name := range c.Vary {
		vary[i] = strings.ToLower(name)
	}
	s := &structpb.Struct{Fields: map[string]*structpb.Value{
		"generation": structpb.NewStringValue(generation),
		"status":     structpb.NewStringValue(strings.ToLower(c.StatusHeader)),
		"vary":       textList(vary),
		"varies":     structpb.NewStringValue(strings.Join(vary, ",")),
		"largest":    structpb.NewStringValue(strconv.FormatInt(c.MaxSize/largestPart, 10)),
	}}
	if c.Query != nil {
		s.Fields["query"] = textList(c.Query)
	}
	if c.Cookies != nil {
		s.Fields["cookies"] = textList(c.Cookies)
	}
	if c.TTL > 0 {
		s.Fields["ttl"] = structpb.NewStringValue(strconv.Itoa(int(c.TTL.Seconds())))
	}
	if yes(c.DropSetCookie) {
		s.Fields["drop"] = structpb.NewBoolValue(true)
	}
	return s
}

// answerMutations change the headers of answers on their way to each client: what is said
// of one request must not be kept for others.
func (b *builder) answerMutations(e *blueprints.Endpoint, p *blueprints.Pool, r *routev3.Route) *headermutationv3.HeaderMutationPerRoute {
	c := b.changes(e, p, blueprints.Headers{})
	for _, other := range b.poolsOf(e) {
		if !blueprints.Alike(other.ResponseHeaders, p.ResponseHeaders) {
			b.problem(position(cacheAt(e.Policies.Cache), cacheAt(b.bp.Policies.Cache), e.Position), "cache: the endpoint's pools "+p.Name+" and "+other.Name+" have different response headers, and a kept answer does not say whose it is: make them equal")
		}
	}
	m := new(headermutationv3.Mutations)
	for _, name := range append(slices.Clone(r.ResponseHeadersToRemove), c.response.Remove...) {
		m.ResponseMutations = append(m.ResponseMutations, removed(name))
	}
	own := b.headerOptions(c.response) // as route has them, but for what a script would keep of the request
	for _, o := range append(own, r.ResponseHeadersToAdd[len(own):]...) {
		m.ResponseMutations = append(m.ResponseMutations, appended(o))
	}
	return &headermutationv3.HeaderMutationPerRoute{Mutations: m}
}

// missed are an endpoint's routes for requests that the cache had no answer for.
func (b *builder) missed(own []*routev3.Route) (out []*routev3.Route) {
	for _, r := range own {
		r = proto.CloneOf(r)
		r.Match.Headers = append(r.Match.Headers, present(missedHeader))
		r.RequestHeadersToRemove = append(r.RequestHeadersToRemove, missedHeader)
		r.ResponseHeadersToAdd, r.ResponseHeadersToRemove = nil, nil
		out = append(out, r)
	}
	return out
}

// generation changes with all that decides how targets are asked: what was kept before
// such an edit answers nobody any more.
func generation(bp *blueprints.Blueprint, missed []*routev3.Route) string {
	h := sha256.New()
	h.Write([]byte(bp.Name))
	for _, r := range missed {
		h.Write(pack(r).Value)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// cachePosition is where it is first said that answers are kept.
func (b *builder) cachePosition() blueprints.Position {
	for _, e := range b.bp.Endpoints {
		if b.cache(e) != nil {
			return position(cacheAt(b.bp.Policies.Cache), cacheAt(e.Policies.Cache), e.Position)
		}
	}
	return b.bp.Position
}

func cacheAt(c *blueprints.Cache) blueprints.Position {
	if c == nil {
		return blueprints.Position{}
	}
	return c.Position
}
