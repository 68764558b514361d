package translate

import (
	"slices"
	"strings"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

// headerOptions are the headers to set and to add.
func (b *builder) headerOptions(h blueprints.Headers) []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	for _, x := range h.Set {
		out = append(out, b.headerOption(x, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD))
	}
	for _, x := range h.Add {
		out = append(out, b.headerOption(x, corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD))
	}
	return out
}

func (b *builder) headerOption(h blueprints.Header, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
	b.fromQuery(h.Value)
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: h.Name, Value: b.format(h.Value, h.Position)},
		AppendAction: action,
		// Envoy drops a header whose value is empty, even one that was written so.
		KeepEmptyValue: len(h.Value) == 0,
	}
}

// united is the headers of less and more; where both speak of a name, more's
// hold alone.
func united(less, more blueprints.Headers) blueprints.Headers {
	keep := func(list []blueprints.Header) []blueprints.Header {
		return slices.DeleteFunc(slices.Clone(list), func(h blueprints.Header) bool { return speaksOf(more, h.Name) })
	}
	return blueprints.Headers{
		Set:    append(keep(less.Set), more.Set...),
		Add:    append(keep(less.Add), more.Add...),
		Remove: append(slices.DeleteFunc(slices.Clone(less.Remove), func(n string) bool { return speaksOf(more, n) }), more.Remove...),
		Rename: append(slices.DeleteFunc(slices.Clone(less.Rename), func(r blueprints.Rename) bool { return speaksOf(more, r.From) || speaksOf(more, r.To) }), more.Rename...),
	}
}

// speaksOf says that h sets, adds, removes or renames the header.
func speaksOf(h blueprints.Headers, name string) bool {
	is := func(x blueprints.Header) bool { return strings.EqualFold(x.Name, name) }
	return slices.ContainsFunc(h.Set, is) || slices.ContainsFunc(h.Add, is) ||
		slices.ContainsFunc(h.Remove, func(n string) bool { return strings.EqualFold(n, name) }) ||
		slices.ContainsFunc(h.Rename, func(r blueprints.Rename) bool {
			return strings.EqualFold(r.From, name) || strings.EqualFold(r.To, name)
		})
}

// header matches one header of a request or an answer.
func header(name string, m *matcherv3.StringMatcher) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name:                 name,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: m},
	}
}

// earlyMutation changes requests before a route is chosen.
func (b *builder) earlyMutation(list ...*mutationv3.HeaderMutation) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{
		Name:        "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: b.typed(&earlyv3.HeaderMutation{Mutations: list}),
	}
}

func removed(name string) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Remove{Remove: name}}
}

func appended(o *corev3.HeaderValueOption) *mutationv3.HeaderMutation {
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: o}}
}
