package blueprints

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var methodNames = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

// codePattern tells a handler that is code, or a file of it, from a name.
var codePattern = regexp.MustCompile(`\n|\.(js|mjs|cjs|ts|py)$|function|=>`)

// endpoint normalises one endpoint, and the pool of its own targets where it has
// any. It is nil where nothing can answer, after a problem or a warning.
func (d *decoder) endpoint(s *endpointSpec) (*Endpoint, *Pool) {
	e := &Endpoint{Position: d.position(s.at), Name: choose(s.Name.given(), s.Name.v, s.key)}
	if s.Path.given() {
		e.Path = d.path(s.Path)
	} else {
		e.Path.broken = true
		d.fail(s.at, `needs the key "path"`)
	}
	if !s.Enabled.or(true) {
		return nil, nil
	}
	e.Methods, e.written, e.step = d.methods(s.Method), s.Path.src, s.at.path
	e.Policies = d.overrides(s, &e.Path)
	own := d.answer(e, s)
	if e.Path.broken || e.Handler == "" {
		return nil, nil
	}
	return e, own
}

// answer fills the handler in; e has none where nothing can answer.
func (d *decoder) answer(e *Endpoint, s *endpointSpec) (own *Pool) {
	route, static, metrics := either(d, s.Config.Proxy, s.Proxy), either(d, s.Config.Static, s.Static), either(d, s.Config.Metrics, s.Metrics)
	e.Handler = d.handler(s, route != nil, static != nil, metrics != nil)
	switch e.Handler {
	case HandlerProxy:
		return d.route(e, s, route)
	case HandlerStatic:
		if static == nil {
			static = &staticSpec{at: s.at}
		}
		e.Static = d.static(static, &e.Path)
	case HandlerMetrics:
		if metrics == nil {
			metrics = &metricsPageSpec{at: s.at}
		}
		e.Metrics = d.metricsPage(metrics)
	}
	return nil
}

// either is the configuration under config, or the one beside it.
func either[T any, P interface {
	*T
	place() at
}](d *decoder, config, beside P) P {
	if config != nil && beside != nil {
		d.fail(beside.place(), "stands a second time, first at ", config.place().path.String())
	}
	if config != nil {
		return config
	}
	return beside
}

func (d *decoder) methods(l list[methodName]) []string {
	var out []string
	wild := at{}
	for _, m := range l.items {
		name := strings.ToUpper(m.v)
		switch {
		case !m.given():
		case name == "*" || name == "ANY" || name == "ALL":
			wild = m.at
		case !contains(methodNames, name):
			d.fail(m.at, oneOf(append(slices.Clone(methodNames), "*"), name, m.src)...)
		case !contains(out, name):
			out = append(out, name)
		}
	}
	if wild.given() {
		return nil
	}
	slices.Sort(out)
	return out
}

// handler is what answers; "" after a problem, or where code should.
func (d *decoder) handler(s *endpointSpec, route, static, metrics bool) Handler {
	route = route || s.Upstream.given()
	if s.Handler.given() {
		return d.namedHandler(s, []bool{route, static, metrics})
	}
	switch {
	case route && static, route && metrics, static && metrics:
		d.fail(s.at, `needs the key "handler", since more than one could answer`)
	case static:
		return HandlerStatic
	case metrics:
		return HandlerMetrics
	case route, !s.code:
		return HandlerProxy
	default:
		d.warn(s.at, "nothing can answer here, so the endpoint is left out")
	}
	return ""
}

func (d *decoder) namedHandler(s *endpointSpec, configured []bool) Handler {
	h := Handler(s.Handler.v)
	switch h {
	case HandlerProxy, HandlerStatic, HandlerMetrics:
		for i, other := range []Handler{HandlerProxy, HandlerStatic, HandlerMetrics} {
			if configured[i] && other != h {
				d.fail(s.Handler.at, "is ", string(h), ", but the endpoint is configured for ", string(other), " too: take one of them out")
				break
			}
		}
		return h
	}
	if codePattern.MatchString(s.Handler.v) {
		d.warn(s.Handler.at, "handlers in JavaScript are not run here, so the endpoint is left out: put that code behind a target and use handler proxy")
		return ""
	}
	d.fail(s.Handler.at, oneOf([]string{"proxy", "static", "metrics"}, s.Handler.v, s.Handler.src)...)
	return ""
}

func (d *decoder) static(s *staticSpec, path *Path) *Static {
	h := headersSpec{Headers: s.Headers}
	out := &Static{Status: s.Status.or(200), Headers: d.headers(toClient, path, &h), ContentType: s.ContentType.v}
	if strings.ContainsAny(out.ContentType, "\r\n\x00") {
		d.fail(s.ContentType.at, "must be one line")
	}
	d.contentType(s, out)
	if !s.Body.given() {
		return out
	}
	if out.Status == 204 || out.Status == 205 || out.Status == 304 { // RFC 9110, 15.3.5, 15.3.6 and 15.4.5
		d.fail(s.Body.at, "an answer with status ", unlessFilledIn(s.Status.src, strconv.Itoa(out.Status)), " has no body: take it out, or choose another status")
	}
	for _, x := range s.Body.parts {
		d.params(x.text, x.at, x.src, path)
	}
	if t, ok := s.Body.v.(Text); ok && s.Body.text {
		out.Text = t
		if out.ContentType == "" {
			out.ContentType = textType(t)
		}
		return out
	}
	out.JSON = s.Body.v
	if out.ContentType == "" {
		out.ContentType = "application/json"
	}
	return out
}

// contentType takes it from the headers: it goes with the body.
func (d *decoder) contentType(s *staticSpec, out *Static) {
	i := slices.IndexFunc(out.Headers.Set, func(h Header) bool { return strings.EqualFold(h.Name, "content-type") })
	if i < 0 {
		return
	}
	h := out.Headers.Set[i]
	switch {
	case s.ContentType.given():
		d.fail(s.ContentType.at, "the header ", h.Name, " says it too: keep one of them")
	case len(h.Value) == 1 && h.Value[0].Var == "":
		out.ContentType = h.Value[0].Literal
		out.Headers.Set = slices.Delete(out.Headers.Set, i, i+1)
	case s.Body.given():
		d.fail(s.Headers.at, "the header ", h.Name, " of an answer with a body must be fixed, without placeholders")
	}
}

// textType is the media type of a text: many blueprints have JSON as a string.
func textType(t Text) string {
	s := strings.TrimSpace(t.String())
	if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && !strings.HasPrefix(s, "{{") ||
		strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return "application/json"
	}
	return "text/plain"
}

func (d *decoder) metricsPage(s *metricsPageSpec) *MetricsAnswer {
	for _, b := range []boolean{s.Proxy, s.Breakers, s.Health} {
		if !b.or(true) {
			d.warn(b.at, "has no effect: everything is always included")
		}
	}
	return &MetricsAnswer{Format: s.Format.or("prometheus")}
}
