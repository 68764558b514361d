package translate

import (
	"regexp"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"backworks/blueprints"
)

// maxGroups is how many groups RE2 lets a replacement use, \1 to \9.
const maxGroups = 9

// rewrite gives a route the path that the target sees. Envoy rewrites the path
// alone and keeps the query.
func (b *builder) rewrite(r *routev3.Route, e *blueprints.Endpoint, p *blueprints.Pool, w *blueprints.Rewrite) {
	a := r.GetRoute()
	switch {
	case w == nil:
		if p.PathPrefix != "" {
			a.RegexRewrite = rewriteAll("^(/.*)$", replacement(p.PathPrefix)+`\1`)
		}
	case w.Template != nil:
		b.templateRewrite(a, e, p, w)
	case w.Pattern != "":
		if p.PathPrefix != "" || w.AddPrefix != "" || w.StripPrefix != "" {
			b.problem(w.Position, "pattern_replace is all that Envoy can do to a path: leave out the other prefixes, and the path in the targets' URLs, and write them into the replacement")
			return
		}
		a.RegexRewrite = rewriteAll(w.Pattern, w.Replacement)
	default:
		prefixRewrite(a, w.StripPrefix, p.PathPrefix+w.AddPrefix)
	}
}

// prefixRewrite takes strip away from the front, if it is there as whole segments,
// and puts add there.
func prefixRewrite(a *routev3.RouteAction, strip, add string) {
	switch {
	case add == "":
		a.RegexRewrite = rewriteAll("^"+regexp.QuoteMeta(strip)+"(?:/(.*))?$", `/\1`)
	case strip == "":
		a.RegexRewrite = rewriteAll("^(/.*)$", replacement(add)+`\1`)
	default:
		a.RegexRewrite = rewriteAll("^(?:"+regexp.QuoteMeta(strip)+"(/.*)?|(/.*))$", replacement(add)+`\1\2`)
	}
}

// templateRewrite fills the endpoint's parameters into the target's path.
func (b *builder) templateRewrite(a *routev3.RouteAction, e *blueprints.Endpoint, p *blueprints.Pool, w *blueprints.Rewrite) {
	var to strings.Builder
	to.WriteString(replacement(p.PathPrefix))
	for _, seg := range w.Template.Segments {
		to.WriteByte('/')
		if seg.Param == "" && !seg.Rest {
			to.WriteString(replacement(seg.Literal))
			continue
		}
		n := group(e.Path, seg)
		if n == 0 || n > maxGroups {
			b.problem(w.Position, "only the first "+strconv.Itoa(maxGroups)+" parameters of an endpoint's path can be used in the target's")
			return
		}
		to.WriteString(`\` + strconv.Itoa(n) + replacement(seg.Suffix))
	}
	if len(w.Template.Segments) == 0 {
		to.WriteByte('/')
	}
	if params, rest := count(e.Path); params == 0 && !rest {
		// For a path without parameters Envoy replaces the whole of it.
		a.PrefixRewrite = strings.ReplaceAll(to.String(), `\\`, `\`)
		return
	}
	a.RegexRewrite = rewriteAll("^"+pattern(e.Path)+"$", to.String())
}

// group is the number of the group in pattern(p) that a template's segment means,
// 0 without.
func group(p blueprints.Path, seg blueprints.Segment) int {
	n := 0
	for _, s := range p.Segments {
		if s.Param == "" && !s.Rest {
			continue
		}
		n++
		if s.Rest && seg.Rest || seg.Param != "" && s.Param == seg.Param {
			return n
		}
	}
	return 0
}

// replacement is s as RE2 takes it in a replacement, where \1 is a group.
func replacement(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }

func rewriteAll(pattern, with string) *matcherv3.RegexMatchAndSubstitute {
	return &matcherv3.RegexMatchAndSubstitute{Pattern: regex(pattern), Substitution: with}
}
