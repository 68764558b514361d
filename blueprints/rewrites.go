package blueprints

import (
	"regexp"
	"strconv"
	"strings"
)

// rewritesOf are the rewrites among the header changes, and more.
func rewritesOf(s *transformsSpec, more ...*rewriteSpec) []*rewriteSpec {
	var out []*rewriteSpec
	for _, r := range []*requestSpec{&s.TransformRequest, &s.Transformations.Request} {
		if r.given() {
			out = append(out, &r.PathRewrite, &rewriteSpec{StripPrefix: r.StripPrefix, AddPrefix: r.AddPrefix})
		}
	}
	return append(out, more...)
}

// noRewrite refuses rewrites in an upstream: a path is rewritten where it is
// matched.
func (d *decoder) noRewrite(s *transformsSpec) {
	for _, r := range rewritesOf(s) {
		if a := pick(r.at, pick(r.StripPrefix.at, r.AddPrefix.at)); a.given() {
			d.fail(a, "a pool cannot rewrite paths: set it in the endpoint's config.proxy, or in plugins.proxy.config for every endpoint")
		}
	}
}

// rewrite unites what the keys of one place say; nil where they say nothing. path
// is that of the endpoint, or nil.
func (d *decoder) rewrite(specs []*rewriteSpec, path *Path) *Rewrite {
	w := new(Rewrite)
	var template, strip, add str
	var patterns []patternSpec
	one := func(to *str, s str) {
		switch {
		case !s.given():
		case to.given():
			d.fail(s.at, "stands a second time, first at ", to.path.String(), " (line ", strconv.Itoa(to.line), ")")
		default:
			*to = s
			if w.Line == 0 {
				w.Position = d.position(s.at)
			}
		}
	}
	for i := range specs {
		one(&template, specs[i].template)
		one(&strip, specs[i].StripPrefix)
		one(&add, specs[i].AddPrefix)
		patterns = append(patterns, specs[i].PatternReplace.items...)
	}
	w.StripPrefix, w.AddPrefix = d.prefix(strip), d.prefix(add)
	if len(patterns) > 0 {
		d.pattern(w, patterns)
	}
	if template.given() {
		if w.StripPrefix != "" || w.AddPrefix != "" || len(patterns) > 0 {
			d.fail(template.at, "gives the whole path, so strip_prefix, add_prefix and pattern_replace must not stand beside it")
		}
		d.template(w, template, path)
	}
	if w.Template == nil && w.StripPrefix == "" && w.AddPrefix == "" && w.Pattern == "" {
		return nil
	}
	return w
}

func (d *decoder) prefix(s str) string {
	if !s.given() || s.v == "" || s.v == "/" {
		return ""
	}
	p, fault := parsePath(strings.TrimRight(s.v, "/"))
	if fault != "" && s.v != s.src {
		fault = "is no valid path once it is filled in"
	}
	if fault == "" && strings.ContainsAny(s.v, "{}*") || strings.Contains(s.v, "/:") {
		fault = "must not have parameters"
	}
	if fault != "" {
		d.fail(s.at, fault, ", got ", s.quote())
		return ""
	}
	return p.Raw
}

func (d *decoder) pattern(w *Rewrite, patterns []patternSpec) {
	p := patterns[0]
	if w.Line == 0 {
		w.Position = d.position(p.at)
	}
	if len(patterns) > 1 {
		d.fail(patterns[1].at, "only one pattern can be replaced: unite them into one regular expression")
	}
	if !p.Pattern.given() {
		return
	}
	re, err := regexp.Compile(p.Pattern.v)
	switch {
	case p.Pattern.v == "":
		d.fail(p.Pattern.at, "must not be empty")
		return
	case err != nil:
		d.fail(p.Pattern.at, "is no regular expression (RE2), got ", p.Pattern.quote())
		return
	}
	replacement, group := groups(p.Replacement.v)
	if group > re.NumSubexp() {
		d.fail(p.Replacement.at, "uses group ", strconv.Itoa(group), ", but the pattern has ", strconv.Itoa(re.NumSubexp()))
	}
	switch unfit := func(r rune) bool { return r <= ' ' || r >= 0x7f }; {
	case strings.ContainsAny(replacement, "?#"):
		d.fail(p.Replacement.at, "must not have ? or #: the query is kept as it is")
	case strings.ContainsFunc(replacement, unfit):
		d.fail(p.Replacement.at, "must be ASCII without spaces and control characters: percent-encode what else a path may have")
	}
	w.Pattern, w.Replacement = p.Pattern.v, replacement
}

var groupRef = regexp.MustCompile(`\$(\d)|\$\{(\d)\}`)

// groups turns $1 into \1, which is Envoy's form, and finds the highest group.
func groups(s string) (replacement string, highest int) {
	s = groupRef.ReplaceAllString(s, `\$1$2`)
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if '0' <= s[i] && s[i] <= '9' {
			highest = max(highest, int(s[i]-'0'))
		}
	}
	return s, highest
}

func (d *decoder) template(w *Rewrite, s str, path *Path) {
	t := d.path(s)
	if t.broken {
		return
	}
	w.Template = &t
	if path == nil {
		if len(t.params()) > 0 {
			d.fail(s.at, "can use parameters only in an endpoint, whose path has them")
		}
		return
	}
	for _, seg := range t.Segments {
		switch {
		case seg.Param != "" && !path.has(seg.Param):
			d.unknownParam(s.at, seg.Param, s.src, *path)
		case seg.Rest && !path.rest():
			d.fail(s.at, "ends in *, but the endpoint's path does not")
		}
	}
}

func (p Path) rest() bool {
	return p.broken || len(p.Segments) > 0 && p.Segments[len(p.Segments)-1].Rest
}
