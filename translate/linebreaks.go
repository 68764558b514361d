package translate

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"backworks/blueprints"
)

// Envoy decodes the parameters of a query for {{query.NAME}}, and does not look at what
// becomes of a header then: with %0d%0a a client would write headers, or a whole answer,
// of its own. So requests with such a parameter are refused before all endpoints, and
// answers that meet no endpoint have nothing of the query in their headers. Both measured.

// fromQuery notes the parameters that a header is made from.
func (b *builder) fromQuery(t blueprints.Text) {
	for _, p := range t {
		name, is := p.Arg, p.Var == "query"
		if p.Var == keptVar {
			name, is = strings.CutPrefix(p.Arg, "query.")
		}
		if is {
			if b.queries == nil {
				b.queries = map[string]bool{}
			}
			b.queries[name] = true
		}
	}
}

// brokenHeaders refuses a control character, but for a tab, in one of those parameters. A
// name with a per cent sign may be one of them in disguise.
func (b *builder) brokenHeaders() *routev3.Route {
	names := []string{"[^=&]*%[^=&]*"}
	for _, n := range slices.Sorted(maps.Keys(b.queries)) {
		names = append(names, regexp.QuoteMeta(n))
	}
	r := b.errorRoute(400, "bad_request", "a parameter of the query has a control character")
	r.Name = "400 control characters"
	r.Match = &routev3.RouteMatch{
		PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
		Headers: []*routev3.HeaderMatcher{header(":path", matches(
			`[^?]*\?(?:[^&]*&)*(?:`+strings.Join(names, "|")+`)=[^&]*%(?:0[0-8a-fA-F]|1[0-9a-fA-F]|7[fF]).*`))},
	}
	return r
}

// withoutQuery is a text without what it takes from the query.
func withoutQuery(t blueprints.Text) blueprints.Text {
	return slices.DeleteFunc(slices.Clone(t), func(p blueprints.Part) bool { return p.Var == "query" })
}
