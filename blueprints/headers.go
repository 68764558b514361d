package blueprints

import (
	"cmp"
	"slices"
	"strings"
)

// direction is where headers are changed.
type direction int

const (
	toTarget direction = iota
	toClient
)

// transforms unites the header changes of every spelling. path is that of the
// endpoint they belong to, or nil: its parameters may be used.
func (d *decoder) transforms(s *transformsSpec, path *Path) (request, response Headers) {
	plain := headersSpec{Headers: s.Headers}
	request = d.headers(toTarget, path, &s.TransformRequest.headersSpec, &s.Transformations.Request.headersSpec, &plain)
	response = d.headers(toClient, path, &s.TransformResponse.headersSpec, &s.Transformations.Response.headersSpec)
	return request, response
}

func (d *decoder) headers(to direction, path *Path, specs ...*headersSpec) Headers {
	var h Headers
	seen := map[string]at{}
	once := func(name, src string, a at) bool {
		key := strings.ToLower(name)
		if before, twice := seen[key]; twice {
			d.fail(a, "the header is already changed at ", before.path.String(), ": names are compared without regard to case")
			return false
		}
		seen[key] = a
		return d.headerName(name, src, a, to)
	}
	for _, s := range specs {
		for _, e := range s.Headers.items {
			if once(e.key, e.key, e.at) {
				h.Set = append(h.Set, d.header(e, path))
			}
		}
		for _, e := range s.Add.items {
			if once(e.key, e.key, e.at) {
				h.Add = append(h.Add, d.header(e, path))
			}
		}
		for _, e := range s.Rename.items {
			if e.v.given() && once(e.key, e.key, e.at) && once(e.v.v, e.v.src, e.v.at) {
				h.Rename = append(h.Rename, Rename{From: e.key, To: e.v.v})
			}
		}
		for _, e := range s.Remove.items {
			if e.given() && once(e.v, e.src, e.at) {
				h.Remove = append(h.Remove, e.v)
			}
		}
	}
	byName := func(a, b Header) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) }
	slices.SortFunc(h.Set, byName)
	slices.SortFunc(h.Add, byName)
	slices.SortFunc(h.Rename, func(a, b Rename) int { return cmp.Compare(strings.ToLower(a.From), strings.ToLower(b.From)) })
	slices.SortFunc(h.Remove, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return h
}

func (d *decoder) header(e entry[headerValue], path *Path) Header {
	h := Header{Position: d.position(e.at), Name: e.key}
	if !e.v.given() {
		return h
	}
	if len(e.v.v) > maxHeader {
		d.fail(e.v.at, "a header's value must be at most 8 KiB")
		return h
	}
	for i := range len(e.v.v) {
		// RFC 9110, 5.5: a field value has no CR, LF, NUL or other control characters.
		if c := e.v.v[i]; c < ' ' && c != '\t' || c == 0x7f {
			d.fail(e.v.at, "a header's value must be one line without control characters")
			return h
		}
	}
	if e.v.secret {
		if e.v.v != "" {
			h.Value = Text{{Literal: e.v.v}}
		}
		return h
	}
	h.Value = d.placeholders(e.v.at, e.v.v, e.v.src)
	d.params(h.Value, e.v.at, e.v.src, path)
	return h
}

// maxHeader keeps a header far below Envoy's limit of 16 KiB for a value in its
// configuration, since what placeholders become is added.
const maxHeader = 8 << 10

// params checks that {{path.NAME}} is a parameter of the endpoint's path.
func (d *decoder) params(t Text, a at, src string, path *Path) {
	for _, p := range t {
		switch {
		case p.Var != "param":
		case path == nil:
			d.fail(a, "{{path.NAME}} has a value only in an endpoint, whose path has parameters")
		case !path.has(p.Arg):
			d.unknownParam(a, p.Arg, src, *path)
		}
	}
}

// unknownParam names parameters only where src, the text in the file, and that of
// the path do.
func (d *decoder) unknownParam(a at, name, src string, path Path) {
	if path.filledIn || !strings.Contains(src, name) {
		d.fail(a, "uses a parameter that the endpoint's path does not have")
		return
	}
	message := []string{"the endpoint's path has no parameter ", quote(name)}
	if known := path.params(); len(known) == 0 {
		message = append(message, ", nor any other")
	} else if s := suggest(name, known); s != "" {
		message = append(message, ": did you mean ", quote(s), "?")
	} else {
		message = append(message, ": it has ", joinNames(known))
	}
	d.fail(a, message...)
}

// connectionHeaders belong to one connection (RFC 9110, 7.6.1) or frame a
// message; Envoy sets them itself.
var connectionHeaders = []string{"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}

func (d *decoder) headerName(name, src string, a at, to direction) bool {
	switch lower := strings.ToLower(name); {
	case strings.HasPrefix(name, ":"):
		d.fail(a, "a name with : at its start is no header but part of the request or status line")
	case !token(name):
		d.fail(a, "a header's name must be letters, digits and !#$%&'*+-.^_`|~, got ", quote(src))
	case lower == "host" && to == toTarget:
		d.fail(a, "Host cannot be changed as a header: it is the target's, or with preserve_host: true the client's")
	case lower == "host" && to == toClient:
		d.fail(a, "an answer has no Host")
	case contains(connectionHeaders, lower):
		d.fail(a, src, " belongs to one connection or frames the message: the proxy sets it itself")
	default:
		return true
	}
	return false
}

// token is RFC 9110, 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
