package xds

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
)

// newNodeMatch makes the question that a CSDS request asks about every node: any of
// its matchers fits, all of a matcher's conditions do. No matcher: every node.
func newNodeMatch(request *statusv3.ClientStatusRequest) (func(Node) bool, error) {
	// Who asks is not looked at, nor held to the rules.
	request = &statusv3.ClientStatusRequest{NodeMatchers: request.GetNodeMatchers()}
	if n := len(request.NodeMatchers); n > maxMatchers || proto.Size(request) > maxQuestion {
		return nil, fmt.Errorf("read node_matchers: above %d, or %d KiB", maxMatchers, maxQuestion>>10)
	}
	if err := request.Validate(); err != nil {
		return nil, fmt.Errorf("read node_matchers: %w", err)
	}
	var any_ []func(Node) bool
	for i, m := range request.NodeMatchers {
		fits, err := oneNodeMatch(m)
		if err != nil {
			return nil, fmt.Errorf("read node_matchers[%d]: %w", i, err)
		}
		any_ = append(any_, fits)
	}
	return func(n Node) bool {
		for _, fits := range any_ {
			if fits(n) {
				return true
			}
		}
		return len(any_) == 0
	}, nil
}

func oneNodeMatch(m *matcherv3.NodeMatcher) (func(Node) bool, error) {
	var all []func(Node) bool
	if m.GetNodeId() != nil {
		fits, err := stringMatch(m.GetNodeId())
		if err != nil {
			return nil, err
		}
		all = append(all, func(n Node) bool { return fits(n.ID) })
	}
	for _, s := range m.GetNodeMetadatas() {
		fits, err := valueMatch(s.GetValue())
		if err != nil {
			return nil, err
		}
		all = append(all, func(n Node) bool {
			value, ok := at(n.Metadata, s.GetPath())
			return ok && fits(value)
		})
	}
	return func(n Node) bool {
		for _, fits := range all {
			if !fits(n) {
				return false
			}
		}
		return true
	}, nil
}

// at returns the value of a path of metadata; false: there is none.
func at(metadata map[string]any, path []*matcherv3.StructMatcher_PathSegment) (value any, ok bool) {
	value = metadata
	for _, segment := range path {
		fields, isMap := value.(map[string]any)
		if !isMap {
			return nil, false
		}
		if value, ok = fields[segment.GetKey()]; !ok {
			return nil, false
		}
	}
	return value, ok
}

// valueMatch takes values as encoding/json has them.
func valueMatch(m *matcherv3.ValueMatcher) (func(any) bool, error) {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.ValueMatcher_NullMatch_:
		return func(v any) bool { return v == nil }, nil
	case *matcherv3.ValueMatcher_DoubleMatch:
		return func(v any) bool {
			n, ok := v.(float64)
			if r, isRange := p.DoubleMatch.GetMatchPattern().(*matcherv3.DoubleMatcher_Range); isRange {
				return ok && r.Range.GetStart() <= n && n < r.Range.GetEnd()
			}
			return ok && n == p.DoubleMatch.GetExact()
		}, nil
	case *matcherv3.ValueMatcher_StringMatch:
		fits, err := stringMatch(p.StringMatch)
		return func(v any) bool { s, ok := v.(string); return ok && fits(s) }, err
	case *matcherv3.ValueMatcher_BoolMatch:
		return func(v any) bool { return v == p.BoolMatch }, nil
	case *matcherv3.ValueMatcher_PresentMatch:
		return func(any) bool { return p.PresentMatch }, nil // false fits nothing
	case *matcherv3.ValueMatcher_ListMatch:
		fits, err := valueMatch(p.ListMatch.GetOneOf())
		return func(v any) bool { list, _ := v.([]any); return anyFits(list, fits) }, err
	case *matcherv3.ValueMatcher_OrMatch:
		var any_ []func(any) bool
		for _, m := range p.OrMatch.GetValueMatchers() {
			fits, err := valueMatch(m)
			if err != nil {
				return nil, err
			}
			any_ = append(any_, fits)
		}
		return func(v any) bool {
			return anyFits(any_, func(fits func(any) bool) bool { return fits(v) })
		}, nil
	}
	return nil, errors.New("no such match of a value")
}

func anyFits[T any](list []T, fits func(T) bool) bool {
	for _, v := range list {
		if fits(v) {
			return true
		}
	}
	return false
}

// stringMatch matches as envoy.type.matcher.v3.StringMatcher says.
func stringMatch(m *matcherv3.StringMatcher) (func(string) bool, error) {
	fold := func(s string) string { return s }
	if m.GetIgnoreCase() { // not of a regular expression
		fold = strings.ToLower
	}
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return func(s string) bool { return fold(s) == fold(p.Exact) }, nil
	case *matcherv3.StringMatcher_Prefix:
		return func(s string) bool { return strings.HasPrefix(fold(s), fold(p.Prefix)) }, nil
	case *matcherv3.StringMatcher_Suffix:
		return func(s string) bool { return strings.HasSuffix(fold(s), fold(p.Suffix)) }, nil
	case *matcherv3.StringMatcher_Contains:
		return func(s string) bool { return strings.Contains(fold(s), fold(p.Contains)) }, nil
	case *matcherv3.StringMatcher_SafeRegex:
		// The whole string must match. Go's expressions are RE2's, linear in time.
		re, err := regexp.Compile(`\A(?:` + p.SafeRegex.GetRegex() + `)\z`)
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	return nil, errors.New("no such match of a string")
}
