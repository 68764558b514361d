package translate

import (
	"slices"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// Envoy's filters of the access log, which also choose among its own answers.

// all holds where each of list does; those that are nil hold always.
func all(list ...*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	return joined(list, func(list []*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
		return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{AndFilter: &accesslogv3.AndFilter{Filters: list}}}
	})
}

// anyOne holds where one of list does, or where there is none.
func anyOne(list ...*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	return joined(list, func(list []*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
		return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_OrFilter{OrFilter: &accesslogv3.OrFilter{Filters: list}}}
	})
}

// joined is what join makes of those that are not nil. Envoy takes no list of fewer than two.
func joined(list []*accesslogv3.AccessLogFilter, join func([]*accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter) *accesslogv3.AccessLogFilter {
	list = slices.DeleteFunc(slices.Clone(list), func(f *accesslogv3.AccessLogFilter) bool { return f == nil })
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return join(list)
}

// comparison has a key by which Envoy would let the number be changed at run time.
func comparison(op accesslogv3.ComparisonFilter_Op, n int) *accesslogv3.ComparisonFilter {
	return &accesslogv3.ComparisonFilter{Op: op, Value: &corev3.RuntimeUInt32{DefaultValue: uint32(n), RuntimeKey: "backworks.unchanged"}}
}

func statusIs(op accesslogv3.ComparisonFilter_Op, n int) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{
		StatusCodeFilter: &accesslogv3.StatusCodeFilter{Comparison: comparison(op, n)},
	}}
}

// statuses holds for those from one to another.
func statuses(from, to int) *accesslogv3.AccessLogFilter {
	if from == to {
		return statusIs(accesslogv3.ComparisonFilter_EQ, from)
	}
	return all(statusIs(accesslogv3.ComparisonFilter_GE, from), statusIs(accesslogv3.ComparisonFilter_LE, to))
}

func flagged(flags []string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
		ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: flags},
	}}
}

func headerIs(name string, m *matcherv3.StringMatcher) *accesslogv3.AccessLogFilter {
	return headerFits(header(name, m))
}

func headerFits(m *routev3.HeaderMatcher) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_HeaderFilter{HeaderFilter: &accesslogv3.HeaderFilter{Header: m}}}
}

// holds takes an expression of the Common Expression Language. Nothing of a blueprint is in it.
func holds(text string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{ExtensionFilter: &accesslogv3.ExtensionFilter{
		Name:       "envoy.access_loggers.extension_filters.cel",
		ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: pack(&celv3.ExpressionFilter{Expression: text})},
	}}}
}

// detailed matches the beginning of RESPONSE_CODE_DETAILS, for which there is no other filter.
func detailed(details string) *accesslogv3.AccessLogFilter {
	return holds("response.code_details.startsWith('" + details + "')")
}
