package translate

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"backworks/blueprints"
)

// The blueprint's headers of answers are put on most by their route, which can change
// them. Answers that meet no route, such as 404, 400 and the health page, are the proxy's
// own: they have them from the mappers of local replies, which cost other requests
// nothing. A filter that every answer passes costs a request 4 % of Envoy's time
// (measured by e2e/cost), and stands in only where mappers would not do.

// filtersAnswers says that they would not: the filters of cors, cache and auth also answer by
// other ways than local replies, and no mapper knows a route that takes a header away.
func (b *builder) filtersAnswers() bool {
	return b.exempt || used(b, corsOf) || used(b, cacheOf) || b.auth() != nil
}

// answerOptions are those headers; they replace none that is there.
func (b *builder) answerOptions() []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	answered := b.answered()
	for _, h := range slices.Concat(answered.Set, answered.Add) {
		some := len(h.Value) > 0
		if h.Value = withoutQuery(h.Value); some && len(h.Value) == 0 {
			continue
		}
		out = append(out, b.headerOption(h, corev3.HeaderValueOption_ADD_IF_ABSENT))
	}
	return out
}

// answerHeaders is the filter.
func (b *builder) answerHeaders() *headermutationv3.HeaderMutation {
	m := new(headermutationv3.Mutations)
	for _, o := range b.answerOptions() {
		m.ResponseMutations = append(m.ResponseMutations, appended(o))
	}
	return &headermutationv3.HeaderMutation{Mutations: m}
}

// mapAnswers has the mappers do it, and one more for what none of them is for.
func (b *builder) mapAnswers(c *hcmv3.LocalReplyConfig) {
	options := b.answerOptions()
	if len(options) == 0 || b.filtersAnswers() {
		return
	}
	for _, m := range c.Mappers {
		m.HeadersToAdd = slices.Concat(m.HeadersToAdd, options)
	}
	c.Mappers = append(c.Mappers, &hcmv3.ResponseMapper{Filter: statuses(100, 599), HeadersToAdd: options})
}

// takesAway says that one of the names is a header of the blueprint, which
// answerHeaders would put back.
func (b *builder) takesAway(names []string) bool {
	answered := b.answered()
	for _, list := range [][]blueprints.Header{answered.Set, answered.Add} {
		for _, h := range list {
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, h.Name) }) {
				return true
			}
		}
	}
	return false
}
