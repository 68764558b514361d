package translate

import (
	"slices"
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	envoymatcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

const (
	// longList is from how many routes on a tree is cheaper than a list. Envoy tries a list
	// one by one, at 0.2 µs a route: with 1,000 endpoints a request costs eight times what
	// it costs with one. In a tree it costs as much, however many there are.
	longList = 50
	// longTree is how many routes a tree may have for one of the list: a route whose path
	// begins with a parameter stands in every branch.
	longTree = 4
)

// intoTree makes a tree of the virtual host's routes where they are many: by the longest
// beginning of the path that is literal in some route to the few routes that can fit there,
// in their order.
func (b *builder) intoTree(h *routev3.VirtualHost) {
	if len(h.Routes) < longList {
		return
	}
	branches := branchesOf(h.Routes)
	total := 0
	for _, list := range branches {
		total += len(list)
	}
	if total > longTree*len(h.Routes) {
		return
	}
	m := &xdsmatcherv3.Matcher_MatcherTree_MatchMap{Map: make(map[string]*xdsmatcherv3.Matcher_OnMatch, len(branches))}
	for beginning, list := range branches {
		m.Map[beginning] = &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{Action: &xdscorev3.TypedExtensionConfig{
			Name: "routes", TypedConfig: pack(&routev3.RouteList{Routes: list}),
		}}}
	}
	h.Routes = nil
	h.Matcher = &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: &xdsmatcherv3.Matcher_MatcherTree{
		Input: &xdscorev3.TypedExtensionConfig{
			// The query is part of it, and behind all beginnings.
			Name: "path", TypedConfig: b.typed(&envoymatcherv3.HttpRequestHeaderMatchInput{HeaderName: ":path"}),
		},
		TreeType: &xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap{PrefixMatchMap: m},
	}}}
}

// branchesOf gives for each literal beginning of a route's path all routes that fit paths
// which begin so, and with no longer one. Envoy looks in no other branch.
func branchesOf(routes []*routev3.Route) map[string][]*routev3.Route {
	exactly, below := map[string][]int{}, map[string][]int{}
	for i, r := range routes {
		to, beginning := below, ""
		if path, exact := r.Match.PathSpecifier.(*routev3.RouteMatch_Path); exact {
			to, beginning = exactly, path.Path
		} else {
			beginning = literalBeginning(r.Match)
		}
		if beginning == "" {
			beginning = "/" // as every path
		}
		to[beginning] = append(to[beginning], i)
	}
	branches := map[string][]*routev3.Route{}
	branch := func(beginning string) {
		if branches[beginning] != nil {
			return
		}
		fits := slices.Clone(exactly[beginning])
		for end := range len(beginning) + 1 {
			fits = append(fits, below[beginning[:end]]...)
		}
		slices.Sort(fits)
		for _, i := range fits {
			branches[beginning] = append(branches[beginning], routes[i])
		}
	}
	for beginning := range exactly {
		branch(beginning)
	}
	for beginning := range below {
		branch(beginning)
	}
	return branches
}

// literalBeginning is what every path begins with that the match fits, or less of it.
func literalBeginning(m *routev3.RouteMatch) string {
	switch p := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		return p.Prefix
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return p.PathSeparatedPrefix
	case *routev3.RouteMatch_PathMatchPolicy:
		t := new(uritemplatev3.UriTemplateMatchConfig)
		if p.PathMatchPolicy.TypedConfig.UnmarshalTo(t) != nil {
			return ""
		}
		before, _, _ := strings.Cut(t.PathTemplate, "{")
		return before
	case *routev3.RouteMatch_SafeRegex:
		return regexBeginning(p.SafeRegex.Regex)
	}
	return ""
}

// regexBeginning is the part before the first character with a meaning, which for those
// that repeat is about the one before.
func regexBeginning(regex string) string {
	end := strings.IndexAny(regex, `\.+*?()|[]{}^$`)
	switch {
	case strings.Contains(regex, "|") && !strings.Contains(regex, "("):
		return "" // alternatives of the whole
	case end < 0:
		return regex
	case strings.ContainsRune("*?{", rune(regex[end])):
		return regex[:max(0, end-1)]
	}
	return regex[:end]
}
