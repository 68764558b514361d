package translate

import (
	"regexp"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"

	"backworks/blueprints"
)

// maxVariables is Envoy's limit for a path template.
const maxVariables = 5

// match is the path of an endpoint in the cheapest form that Envoy has for it.
func (b *builder) match(p blueprints.Path) *routev3.RouteMatch {
	m := new(routev3.RouteMatch)
	params, rest := count(p)
	switch {
	case params == 0 && !rest:
		m.PathSpecifier = &routev3.RouteMatch_Path{Path: literal(p)}
	case params == 0 && len(p.Segments) == 1:
		m.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: "/"}
	case params == 0:
		m.PathSpecifier = &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: literal(p)}
	case params <= maxVariables && !rest:
		m.PathSpecifier = &routev3.RouteMatch_PathMatchPolicy{PathMatchPolicy: &corev3.TypedExtensionConfig{
			Name:        "envoy.path.match.uri_template.uri_template_matcher",
			TypedConfig: b.typed(&uritemplatev3.UriTemplateMatchConfig{PathTemplate: template(p)}),
		}}
	default:
		m.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: regex(pattern(p))}
	}
	return m
}

// count gives the number of parameters, and whether the path ends in a rest.
func count(p blueprints.Path) (params int, rest bool) {
	for _, s := range p.Segments {
		switch {
		case s.Rest:
			rest = true
		case s.Param != "":
			params++
		}
	}
	return params, rest
}

// literal is the path without its rest; it has no parameters.
func literal(p blueprints.Path) string {
	var s strings.Builder
	for _, seg := range p.Segments {
		if !seg.Rest {
			s.WriteString("/" + seg.Literal)
		}
	}
	if s.Len() == 0 {
		return "/"
	}
	return s.String()
}

// template is the path with its parameters renamed: Envoy's names are shorter and
// know no leading underscore.
func template(p blueprints.Path) string {
	var s strings.Builder
	n := 0
	for _, seg := range p.Segments {
		s.WriteByte('/')
		if seg.Param == "" {
			s.WriteString(seg.Literal)
			continue
		}
		s.WriteString("{p" + strconv.Itoa(n) + "}" + seg.Suffix)
		n++
	}
	return s.String()
}

// pattern is the path as a regular expression. Each parameter is a group, and so
// is the rest, without the slash before it.
func pattern(p blueprints.Path) string {
	return expression(p, func(seg blueprints.Segment) string {
		if seg.Rest {
			return "(.*)"
		}
		return "([^/]+)"
	})
}

// capture is pattern with one group, that of the parameter, for what may have a
// query behind it.
func capture(p blueprints.Path, name string) string {
	return expression(p, func(seg blueprints.Segment) string {
		what := "[^/?]+"
		if seg.Rest {
			what = "[^?]*"
		}
		if seg.Param == name {
			return "(" + what + ")"
		}
		return what
	})
}

// expression is the path as a regular expression; variable is what a parameter or
// the rest may be.
func expression(p blueprints.Path, variable func(blueprints.Segment) string) string {
	var s strings.Builder
	for i, seg := range p.Segments {
		switch {
		case seg.Rest && i == 0:
			s.WriteString("/" + variable(seg))
		case seg.Rest:
			s.WriteString("(?:/" + variable(seg) + ")?")
		case seg.Param != "":
			s.WriteString("/" + variable(seg) + regexp.QuoteMeta(seg.Suffix))
		default:
			s.WriteString("/" + regexp.QuoteMeta(seg.Literal))
		}
	}
	if s.Len() == 0 {
		return "/"
	}
	return s.String()
}

// Methods is the matcher of a request's method; none for no methods.
func methods(names []string) []*routev3.HeaderMatcher {
	switch len(names) {
	case 0:
		return nil
	case 1:
		return []*routev3.HeaderMatcher{header(":method", exact(names[0]))}
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return []*routev3.HeaderMatcher{header(":method", matches(strings.Join(quoted, "|")))}
}
