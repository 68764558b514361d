package translate

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headertometadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"

	"backworks/blueprints"
)

// pathNamespace is where the parameters of a request's path are kept while it is
// answered: Envoy's matchers of paths do not hand out what they matched.
const pathNamespace = "backworks.path"

// parameterFormat is Envoy's command for a parameter of the path.
func parameterFormat(name string) string {
	return "%DYNAMIC_METADATA(" + pathNamespace + ":" + name + ")%"
}

// readParameters makes a route take those parameters out of its path which a
// placeholder of its endpoint asks for.
func (b *builder) readParameters(r *routev3.Route, e *blueprints.Endpoint) {
	var rules []*headertometadatav3.Config_Rule
	for _, name := range parametersUsed(e) {
		rules = append(rules, &headertometadatav3.Config_Rule{
			Header: ":path",
			OnHeaderPresent: &headertometadatav3.Config_KeyValuePair{
				MetadataNamespace: pathNamespace,
				Key:               name,
				// :path has the query in it.
				RegexValueRewrite: rewriteAll("^"+capture(e.Path, name)+`(?:\?.*)?$`, `\1`),
			},
		})
	}
	if rules == nil {
		return
	}
	b.setting(r, parameterFilter, &headertometadatav3.Config{RequestRules: rules})
}

// usesParameters says that some endpoint has a placeholder for one.
func (b *builder) usesParameters() bool {
	return slices.ContainsFunc(b.bp.Endpoints, func(e *blueprints.Endpoint) bool { return parametersUsed(e) != nil })
}

// parametersUsed are the names in all placeholders of an endpoint, sorted.
func parametersUsed(e *blueprints.Endpoint) []string {
	var names []string
	text := func(t blueprints.Text) {
		for _, p := range t {
			if p.Var == "param" {
				names = append(names, p.Arg)
			}
		}
	}
	lists := [][]blueprints.Header{e.RequestHeaders.Set, e.RequestHeaders.Add, e.ResponseHeaders.Set, e.ResponseHeaders.Add}
	transforms := []blueprints.Transforms{e.Transforms}
	if t := e.Policies.Transformations; t != nil && t.Enabled {
		lists = append(lists, t.RequestHeaders.Set, t.RequestHeaders.Add, t.ResponseHeaders.Set, t.ResponseHeaders.Add)
		transforms = append(transforms, t.Transforms)
	}
	for _, t := range transforms {
		for _, p := range slices.Concat(t.Query.Defaults, t.Query.Set) {
			text(p.Value)
		}
		for _, s := range slices.Concat(t.RequestBody.Steps, t.ResponseBody.Steps) {
			text(s.Value)
		}
	}
	if s := e.Static; s != nil {
		lists = append(lists, s.Headers.Set, s.Headers.Add)
		text(s.Text)
		eachText(s.JSON, text)
	}
	for _, list := range lists {
		for _, h := range list {
			text(h.Value)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
