package translate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
)

const requestedMethod = "Access-Control-Request-Method"

// corsAnswers are the headers of answers that the policy speaks for, whatever a target
// says.
var corsAnswers = []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"}

func corsOf(p *blueprints.Policies) *blueprints.CORS { return p.CORS }

// corsRoute gives a route of an endpoint its settings for pages of other origins. Envoy's
// filter leaves out that answers differ by origin, which caches must know (Fetch, "CORS
// protocol and HTTP caches"), and passes answers of the proxy itself by: see static.
func (b *builder) corsRoute(r *routev3.Route, e *blueprints.Endpoint) {
	c := effective(b, e, corsOf)
	if c == nil {
		return
	}
	if yes(c.Credentials) && (c.AnyOrigin() || slices.Contains(c.Origins, "null")) {
		b.problem(c.Position, `cors: with allow_credentials the origins must be named: with "*" or "null" every page could act as its visitor`)
	}
	r.ResponseHeadersToAdd = append(slices.Clone(r.ResponseHeadersToAdd), varyByOrigin())
	if e.Handler != blueprints.HandlerStatic {
		b.setting(r, corsFilter, corsPolicy(c))
		r.ResponseHeadersToRemove = append(slices.Clone(r.ResponseHeadersToRemove), corsAnswers...)
	}
}

func varyByOrigin() *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: "Vary", Value: "Origin"},
		AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
	}
}

// corsPolicy is what the filter needs for answers; preflights never come to it.
func corsPolicy(c *blueprints.CORS) *corsv3.CorsPolicy {
	p := &corsv3.CorsPolicy{
		ExposeHeaders:    strings.Join(c.ExposeHeaders, ","),
		AllowCredentials: boolean(yes(c.Credentials)),
	}
	for _, o := range c.Origins {
		p.AllowOriginStringMatch = append(p.AllowOriginStringMatch, matches(originPattern(o)))
	}
	return p
}

// corsStatic are the routes of a static answer: one for pages that may read it, before
// that for all others.
func (b *builder) corsStatic(r *routev3.Route, e *blueprints.Endpoint) []*routev3.Route {
	c := effective(b, e, corsOf)
	if c == nil {
		return []*routev3.Route{r}
	}
	readable := proto.CloneOf(r)
	readable.Match.Headers = append(readable.Match.Headers, fromOrigin(c))
	readable.ResponseHeadersToAdd = append(readable.ResponseHeadersToAdd, readableBy(c)...)
	if len(c.ExposeHeaders) > 0 {
		readable.ResponseHeadersToAdd = append(readable.ResponseHeadersToAdd, only("Access-Control-Expose-Headers", headerNames(c.ExposeHeaders)))
	}
	return []*routev3.Route{readable, r}
}

// readableBy are the headers by which the page that asked may read an answer.
func readableBy(c *blueprints.CORS) []*corev3.HeaderValueOption {
	out := []*corev3.HeaderValueOption{only("Access-Control-Allow-Origin", "%REQ(ORIGIN)%")}
	if yes(c.Credentials) {
		out = append(out, only("Access-Control-Allow-Credentials", "true"))
	}
	return out
}

// fromOrigin matches requests of pages that may read answers.
func fromOrigin(c *blueprints.CORS) *routev3.HeaderMatcher {
	patterns := make([]string, len(c.Origins))
	for i, o := range c.Origins {
		patterns[i] = originPattern(o)
	}
	return header("Origin", matches(strings.Join(patterns, "|")))
}

// corsMethods are those of a path's endpoints that have the plugin; all, where one takes
// any: a star would not count for requests with credentials.
func (b *builder) corsMethods(e *blueprints.Endpoint) []string {
	var out []string
	for _, x := range b.paths.same(e.Path) {
		switch {
		case effective(b, x, corsOf) == nil:
		case len(x.Methods) == 0:
			return []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
		default:
			out = append(out, b.served(x)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// preflights answer the browser's question whether it may send a request, by the policy
// of the endpoint that the request itself would reach; they stand before the routes of
// their path. list are the endpoints of one path.
func (b *builder) preflights(list []*blueprints.Endpoint) []*routev3.Route {
	var out []*routev3.Route
	for _, e := range list {
		c := effective(b, e, corsOf)
		if c == nil && !b.corsBehind(e) {
			continue
		}
		if c != nil {
			r := b.preflight(e, &routev3.Route{Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 200}}}, fromOrigin(c))
			r.ResponseHeadersToAdd = append(b.permission(c, e), varyByOrigin())
			out = append(out, r)
		}
		refused := b.errorRoute(403, "origin_not_allowed", "pages of this origin must not use this path")
		refused.ResponseHeadersToAdd = append(refused.ResponseHeadersToAdd, varyByOrigin())
		out = append(out, b.preflight(e, refused, present("Origin")))
	}
	return out
}

// preflight makes of r the answer to the preflight requests of an endpoint.
func (b *builder) preflight(e *blueprints.Endpoint, r *routev3.Route, from *routev3.HeaderMatcher) *routev3.Route {
	r.Name = "preflight " + routeName(e)
	r.Match = b.match(e.Path)
	asked := present(requestedMethod)
	if m := methods(b.served(e)); m != nil {
		asked = m[0]
		asked.Name = requestedMethod
	}
	r.Match.Headers = []*routev3.HeaderMatcher{header(":method", exact("OPTIONS")), from, asked}
	return r
}

func present(name string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}
}

// permission is what a page may send. A star would not count for requests with
// credentials, nor for Authorization, so that all headers are those asked for.
func (b *builder) permission(c *blueprints.CORS, e *blueprints.Endpoint) []*corev3.HeaderValueOption {
	allowed, headers := c.Methods, headerNames(c.Headers)
	if allowed == nil {
		allowed = b.corsMethods(e)
	}
	if c.Headers == nil || slices.Contains(c.Headers, "*") {
		headers = "%REQ(ACCESS-CONTROL-REQUEST-HEADERS)%"
	}
	return append(readableBy(c), only("Access-Control-Allow-Methods", strings.Join(allowed, ",")),
		only("Access-Control-Allow-Headers", headers), only("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge.Seconds()))))
}

// corsBehind says that an endpoint without the plugin hides one with it, which would
// answer for it that its requests may come.
func (b *builder) corsBehind(e *blueprints.Endpoint) bool {
	if len(e.Methods) == 0 || slices.Contains(e.Methods, "OPTIONS") {
		return false // it is asked itself
	}
	return slices.ContainsFunc(b.paths.covering(e.Path), func(x *blueprints.Endpoint) bool { return effective(b, x, corsOf) != nil })
}

// What * of an origin stands for.
const (
	anyLabels     = `(?:[a-z0-9_-]+\.)+`
	anyCharacters = `[a-z0-9_-]*`
	anyPort       = `(?::[0-9]{1,5})?`
)

// originPattern matches an origin as blueprints has it.
func originPattern(o string) string {
	if o == "*" {
		return ".*"
	}
	if o == "null" {
		return o
	}
	o, port := strings.CutSuffix(o, ":*")
	scheme, host, _ := strings.Cut(o, "://")
	host, labels := strings.CutPrefix(host, "*.")
	pattern := regexp.QuoteMeta(scheme) + "://"
	if labels {
		pattern += anyLabels
	}
	pattern += strings.ReplaceAll(regexp.QuoteMeta(host), `\*`, anyCharacters)
	if port {
		pattern += anyPort
	}
	return pattern
}

// headerNames are a list in Envoy's format language.
func headerNames(names []string) string {
	return strings.ReplaceAll(strings.Join(names, ","), "%", "%%")
}
