package translate

import (
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	headertometadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"
	healthcheckv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/health_check/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	statefulv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
)

// The filters' names, by which routes configure them too.
const (
	tlsHeaderFilter = "backworks.tls_headers"
	clientFilter    = "backworks.client_names"
	headerFilter    = "envoy.filters.http.header_mutation"
	healthFilter    = "envoy.filters.http.health_check"
	corsFilter      = "envoy.filters.http.cors"
	jwtFilter       = "envoy.filters.http.jwt_authn"
	apiKeyFilter    = "envoy.filters.http.api_key_auth"
	basicFilter     = "envoy.filters.http.basic_auth"
	oauth2Filter    = "envoy.filters.http.oauth2"
	extAuthzFilter  = "envoy.filters.http.ext_authz"
	rbacFilter      = "envoy.filters.http.rbac"
	sessionFilter   = "envoy.filters.http.stateful_session"
	parameterFilter = "envoy.filters.http.header_to_metadata"
	scriptFilter    = "envoy.filters.http.lua"
	routerFilter    = "envoy.filters.http.router"

	// Filters of the type header_mutation too.
	identityFilter   = "backworks.auth.identities"
	credentialFilter = "backworks.auth.credentials"
	// One of the type lua.
	credentialPartFilter = "backworks.auth.credential_parts"

	cacheFilter       = "envoy.filters.http.cache"
	cacheHeaderFilter = "backworks.cache.headers" // of the type header_mutation
	cacheNoteFilter   = "backworks.cache.note"    // of the type set_metadata
	cacheKeyFilter    = "backworks.cache.key"     // of the type lua, as the next
	cacheFillFilter   = "backworks.cache.fill"
)

// healthPath is where the proxy tells its own health.
const healthPath = "/health"

// filters are all HTTP filters, in the order of a request; answers pass them the
// other way round. This list is the only place that says the order.
func (b *builder) filters() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	add := func(name string, config proto.Message, wanted bool) {
		if wanted {
			out = append(out, b.filter(name, config))
		}
	}
	// First, so that it is the last to see an answer, whoever gave it, and no route
	// takes it away.
	add(tlsHeaderFilter, b.tlsHeaders(), b.hasTLSHeaders())
	// Outside of all that counts requests, to make one of what each says of it.
	add(limitHeaderFilter, limitHeaders(), len(b.rateLimits()) > 0)
	// For the same reason as the first; routes change it.
	add(headerFilter, b.answerHeaders(), len(b.answerOptions()) > 0 && b.filtersAnswers())
	// A connection that this refuses ought not to be there at all.
	add(clientFilter, b.clientNames(), b.asksOptionalNames())
	// Before all that could refuse a request: a health probe has no credentials. Only its
	// route has it, for it costs every request 2 % of Envoy's time.
	if b.ownHealth() {
		out = append(out, off(b.filter(healthFilter, b.health())))
	}
	// Before all that asks who a client is: a browser sends no credentials with its
	// preflight request, and must be able to read a refusal.
	add(corsFilter, &corsv3.Cors{}, used(b, corsOf))
	// Before all that costs anything, so that a flood of requests costs nothing, and
	// before anybody is asked for a password, so that guessing is bounded. Behind cors,
	// since a page must be able to read the refusal.
	out = append(out, b.limitFilters(earlyLimits)...)
	out = append(out, b.limitFilters(earlyFleetLimits)...)
	// Before all that reads or changes bodies: answers come to it last, so that those see
	// them plain, and it takes from the target's request what would have them compressed.
	out = append(out, b.compressors()...)
	// Before all that reads a body, and behind cors, since a page must be able to read the
	// refusal. Each route says which size it has.
	out = append(out, b.sizeFilters()...)
	// Before all that serves a request, so that nothing is spent on one that is refused.
	out = append(out, b.authFilters()...)
	// Behind all that finds out who a client is, for limits by that, and behind all that
	// refuses a request: what is refused takes nothing from those who may pass.
	out = append(out, b.limitFilters(lateLimits)...)
	out = append(out, b.limitFilters(lateFleetLimits)...)
	// Each route says which parameters of its path it wants.
	add(parameterFilter, &headertometadatav3.Config{}, b.usesParameters())
	// Behind all that may refuse a request, which no kept answer must get around, and all
	// that reads its path, which becomes the key. On its routes it ends the chain; cacheHop
	// has those of the rest that work on what the target is to get.
	out = append(out, b.cacheFilters()...)
	// Behind all that may refuse a request, since it chooses the target; and before what
	// changes answers, so that its cookie is not among what the target said.
	add(sessionFilter, &statefulv3.StatefulSession{}, b.hasSessions())
	// Behind all that reads parameters, whose values it puts into bodies, and behind all
	// that refuses requests or compresses answers: it works on what the target is to get,
	// and on answers as the target gave them. Routes that need it switch it on.
	out = append(out, b.scriptFilters()...)
	// Last by Envoy's rule: it ends the chain.
	add(routerFilter, b.router(), true)
	return out
}

// router tells nobody what it found out, such as the time of the target in
// X-Envoy-Upstream-Service-Time, but where scripts, logs, traces and placeholders read it:
// headers that nobody reads cost a request 4 % of Envoy's time.
func (b *builder) router() *routerv3.Router {
	read := b.readsRouter || b.usesScript() || b.usesCache() || used(b, tracingOf)
	return &routerv3.Router{SuppressEnvoyHeaders: !read}
}

func (b *builder) filter(name string, config proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.typed(config)}}
}

// off is a filter that does nothing but on routes that switch it on.
func off(f *hcmv3.HttpFilter) *hcmv3.HttpFilter {
	f.Disabled = true
	return f
}

// ownHealth says that the proxy answers at healthPath, and no endpoint does.
func (b *builder) ownHealth() bool {
	for _, e := range b.bp.Endpoints {
		if isHealth(e) {
			return false
		}
	}
	return true
}

func isHealth(e *blueprints.Endpoint) bool {
	return len(e.Path.Segments) == 1 && "/"+e.Path.Segments[0].Literal == healthPath
}

// healthRoute is the one that has the filter.
func (b *builder) healthRoute() *routev3.Route {
	r := b.errorRoute(503, "", "")
	r.Name = healthPath
	r.Match = &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: healthPath}}
	b.switchOn(r, healthFilter)
	return r
}

// health answers by the health of all pools in use: 200 while each has a target
// that can serve. It needs neither a target nor the management server. A pool with a
// fallback is not among them: the filter cannot ask whether one of several can serve, and
// the aggregate of them has no members that it could count.
func (b *builder) health() *healthcheckv3.HealthCheck {
	// The filter cuts to whole per cents, and below 1 nothing ever fails.
	pools := map[string]*typev3.Percent{}
	for _, e := range b.bp.Endpoints {
		if e.Handler != blueprints.HandlerProxy {
			continue
		}
		for _, name := range e.Proxy.Pools() {
			if p := b.poolNamed(name); p != nil && p.Fallback == nil {
				pools[ClusterName(p)] = &typev3.Percent{Value: 1}
			}
		}
	}
	return &healthcheckv3.HealthCheck{
		PassThroughMode:              boolean(false),
		ClusterMinHealthyPercentages: pools,
		Headers:                      []*routev3.HeaderMatcher{header(":path", matches(pathAndQuery(healthPath)))},
	}
}

// pathAndQuery matches a :path header, which has the query in it.
func pathAndQuery(path string) string {
	return strings.ReplaceAll(path, ".", "\\.") + `(?:\?.*)?`
}
