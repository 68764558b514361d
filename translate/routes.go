package translate

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// forwardedHost is set by the proxy to the client's Host. What a client puts there
// is believed only where proxies in front are.
const forwardedHost = "X-Forwarded-Host"

// hearsay are headers by which proxies in front tell where a request comes from, and which
// targets believe. From clients themselves they are none; a route may set its own. Envoy
// itself sees to X-Forwarded-For, -Proto and -Client-Cert.
var hearsay = []string{
	forwardedHost, "Forwarded", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Scheme",
	"X-Forwarded-Protocol", "X-Forwarded-Ssl", "Front-End-Https", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP",
	"True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP",
}

// directBody is Envoy's limit for the bodies of answers in a configuration.
const directBody = 4096

// routes are all endpoints in the order in which Envoy is to try them, and behind
// them what answers a known path with a method that it does not have.
func (b *builder) routes() *routev3.RouteConfiguration {
	h := &routev3.VirtualHost{Name: RouteName, Domains: []string{"*"}}
	if b.auth() != nil {
		h.Routes = append(append(h.Routes, b.disguisedPaths()), b.oauth2Routes()...)
	}
	corsUsed := used(b, corsOf)
	for i, e := range b.sorted {
		b.checkAuth(e)
		b.checkLimits(e)
		if corsUsed && (i == 0 || comparePaths(b.sorted[i-1].Path, e.Path) != 0) {
			h.Routes = append(h.Routes, b.preflights(b.neighbours(i))...)
		}
		h.Routes = append(h.Routes, b.endpointRoutes(e)...)
	}
	h.Routes = append(h.Routes, b.wrongMethods()...)
	if len(b.queries) > 0 {
		h.Routes = slices.Insert(h.Routes, 0, b.brokenHeaders())
	}
	if b.ownHealth() {
		h.Routes = slices.Insert(h.Routes, 0, b.healthRoute())
	}
	c := &routev3.RouteConfiguration{
		Name:         RouteName,
		VirtualHosts: []*routev3.VirtualHost{h},
		// By default it is the other way round: what is taken away here would also
		// be taken away from what a route sets.
		MostSpecificHeaderMutationsWins: true,
		// A cluster of the bootstrap is not always there; without it its routes
		// answer 503.
		ValidateClusters: boolean(false),
	}
	if b.bp.Server.TrustedHops == 0 {
		c.RequestHeadersToRemove = hearsay
	}
	b.limits(c)
	if n := largestBody(h.Routes); n > directBody {
		c.MaxDirectResponseBodySizeBytes = wrapperspb.UInt32(uint32(n))
	}
	return c
}

// neighbours are the endpoints from i on that have its path.
func (b *builder) neighbours(i int) []*blueprints.Endpoint {
	end := i + 1
	for end < len(b.sorted) && comparePaths(b.sorted[i].Path, b.sorted[end].Path) == 0 {
		end++
	}
	return b.sorted[i:end]
}

// endpointRoutes are an endpoint's routes: one, or two where some of its methods
// may be sent again and some not, and more where clients can tell in several ways who
// they are.
func (b *builder) endpointRoutes(e *blueprints.Endpoint) []*routev3.Route {
	names := b.served(e)
	switch e.Handler {
	case blueprints.HandlerStatic:
		return b.guarded(e, b.corsStatic(b.static(e, names), e))
	case blueprints.HandlerMetrics:
		return b.guarded(e, []*routev3.Route{b.metrics(e, names)})
	}
	return b.cached(e, b.proxy(e, names))
}

// served are the methods of an endpoint. GET serves HEAD as well (RFC 9110,
// section 9.3.2), unless another endpoint of this path does.
func (b *builder) served(e *blueprints.Endpoint) []string {
	if !slices.Contains(e.Methods, "GET") || slices.Contains(e.Methods, "HEAD") {
		return e.Methods
	}
	for _, other := range b.paths.same(e.Path) {
		if slices.Contains(other.Methods, "HEAD") {
			return e.Methods
		}
	}
	return slices.Sorted(slices.Values(append([]string{"HEAD"}, e.Methods...)))
}

// route is what all routes of an endpoint have in common. Of the headers of
// answers, those of its static answer are between the blueprint's and its own.
func (b *builder) route(e *blueprints.Endpoint, p *blueprints.Pool, names []string, between blueprints.Headers) *routev3.Route {
	m := b.match(e.Path)
	m.Headers = methods(names)
	c := b.changes(e, p, between)
	h := b.early(e, p, c.response)
	r := &routev3.Route{
		Name:                    routeName(e),
		Match:                   m,
		ResponseHeadersToAdd:    b.headerOptions(h),
		ResponseHeadersToRemove: b.removed(e, p, h),
	}
	if b.takesAway(h.Remove) || b.withoutPlugin(e) {
		b.setting(r, headerFilter, &routev3.FilterConfig{Disabled: true})
		b.exempt = true
	}
	b.plugins(r, e)
	b.readParameters(r, e)
	return r
}

func largestBody(routes []*routev3.Route) int {
	n := 0
	for _, r := range routes {
		if body := r.GetDirectResponse().GetBody(); body != nil {
			n = max(n, len(body.GetInlineString()))
		}
	}
	return n
}

// only lets a route's own header stand in for one of the same name.
func only(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
