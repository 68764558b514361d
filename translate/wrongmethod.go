package translate

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"backworks/blueprints"
)

// wrongMethods answer requests whose path an endpoint has, but not with this
// method: 405 with the methods there are (RFC 9110, section 15.5.6). They stand
// behind all endpoints, since a less specific one may have the method.
func (b *builder) wrongMethods() []*routev3.Route {
	var out []*routev3.Route
	var last *blueprints.Endpoint
	for _, e := range b.sorted {
		if last != nil && comparePaths(last.Path, e.Path) == 0 {
			continue
		}
		last = e
		if allowed, some := b.allowed(b.paths.covering(e.Path)); some {
			r := b.errorRoute(405, "", "")
			r.Name = "405 " + e.Path.Raw
			r.Match = b.match(e.Path)
			r.ResponseHeadersToAdd = append(r.ResponseHeadersToAdd, only("Allow", strings.Join(allowed, ", ")))
			out = append(out, r)
		}
	}
	return out
}

// allowed are the methods of all of list; some is false when one takes any.
func (b *builder) allowed(list []*blueprints.Endpoint) (names []string, some bool) {
	for _, e := range list {
		if len(e.Methods) == 0 {
			return nil, false
		}
		names = append(names, b.served(e)...)
	}
	slices.Sort(names)
	return slices.Compact(names), true
}
