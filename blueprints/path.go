package blueprints

import (
	"slices"
	"strconv"
	"strings"
)

// Path is an absolute URL path with parameters, in one of the forms /a/{id},
// /a/:id, /a/*rest and /a/*.
type Path struct {
	Raw string
	// Segments are empty for "/".
	Segments []Segment

	filledIn bool // from the environment, so not for messages
	broken   bool // after a problem: which parameters it has is not known
}

// Segment is one part of a Path between slashes: a literal, a parameter with an
// optional literal behind it, or the rest of the path.
type Segment struct {
	Literal string
	// Param is the parameter's name; Suffix stands behind it in the segment.
	Param, Suffix string
	// Rest takes all that follows, nothing included; Param may name it.
	Rest bool
}

const (
	maxPath     = 4096 // bytes; far below Envoy's limit for a request's headers
	maxSegments = 64   // each parameter is a group in a regular expression
)

// parsePath reads a path. fault says what is wrong with it, or is empty.
func parsePath(raw string) (path Path, fault string) {
	path.Raw = raw
	switch {
	case !strings.HasPrefix(raw, "/"):
		return path, `must start with "/"`
	case len(raw) > maxPath:
		return path, "is longer than 4096 bytes"
	case strings.ContainsAny(raw, "?#"):
		return path, "must not have a query or a fragment: a path ends before ? and #"
	case raw == "/":
		return path, ""
	}
	parts := strings.Split(raw[1:], "/")
	if len(parts) > maxSegments {
		return path, "has more than 64 segments"
	}
	path.Segments = make([]Segment, 0, len(parts))
	for i, s := range parts {
		seg, fault := parseSegment(s, i == len(parts)-1)
		if fault != "" {
			return path, fault
		}
		if seg.Param != "" && path.has(seg.Param) {
			return path, "has the parameter " + strconv.Quote(seg.Param) + " twice"
		}
		path.Segments = append(path.Segments, seg)
	}
	return path, ""
}

// path is parsePath with a problem for a fault, which keeps to itself what came
// from the environment.
func (d *decoder) path(s str) Path {
	p, fault := parsePath(s.v)
	p.filledIn, p.broken = s.v != s.src, fault != ""
	if p.broken && p.filledIn {
		fault = "is no valid path once it is filled in"
	}
	if p.broken {
		d.fail(s.at, fault, ", got ", s.quote())
	}
	return p
}

func (p Path) has(param string) bool {
	return p.broken || slices.ContainsFunc(p.Segments, func(s Segment) bool { return s.Param == param })
}

func (p Path) params() []string {
	var names []string
	for _, s := range p.Segments {
		if s.Param != "" {
			names = append(names, s.Param)
		}
	}
	return names
}

func parseSegment(s string, last bool) (seg Segment, fault string) {
	switch {
	case s == "" && !last:
		return seg, "has an empty segment: two slashes in a row never match, since paths are normalised"
	case s == "." || s == "..":
		return seg, `must not have "." or ".." segments: paths are normalised before they are matched`
	case strings.HasPrefix(s, "*") || strings.HasPrefix(s, "{*") && strings.HasSuffix(s, "}"):
		name := strings.TrimSuffix(strings.TrimLeft(strings.TrimPrefix(s, "{"), "*"), "}")
		if !last {
			return seg, "must have * only in its last segment"
		}
		if name != "" && !paramName(name) {
			return seg, "has a parameter whose name is not letters, digits and _"
		}
		return Segment{Param: name, Rest: true}, ""
	case strings.HasPrefix(s, ":"):
		if !paramName(s[1:]) {
			return seg, "has a parameter whose name is not letters, digits and _"
		}
		return Segment{Param: s[1:]}, ""
	case strings.HasPrefix(s, "{"):
		name, suffix, closed := strings.Cut(s[1:], "}")
		if !closed {
			return seg, "has { without }"
		}
		if !paramName(name) {
			return seg, "has a parameter whose name is not letters, digits and _"
		}
		return Segment{Param: name, Suffix: suffix}, literalFault(suffix)
	}
	return Segment{Literal: s}, literalFault(s)
}

// paramName says whether s names a parameter: a word of letters, digits and _ which
// does not start with a digit, as a group of a regular expression (RE2) takes it,
// up to RE2's 32 characters.
func paramName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && !alphanumeric(c) || i == 0 && '0' <= c && c <= '9' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// literalFault holds the characters that RFC 3986 allows in a path segment.
func literalFault(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case alphanumeric(c) || strings.IndexByte("-._~!$&'()+,;=:@", c) >= 0:
		case c == '%' && i+2 < len(s) && hexDigit(s[i+1]) && hexDigit(s[i+2]):
			i += 2
		case c == '%':
			return "has a % that is not followed by two hex digits"
		case c == '{' || c == '}':
			return "has a { or } inside a segment: a parameter starts its segment, as in /users/{id}"
		case c == '*':
			return "has a * inside a segment: it must be a segment of its own, the last one"
		default:
			return "has the character " + strconv.QuoteRune([]rune(s[i:])[0]) + ", which must be percent-encoded in a path"
		}
	}
	return ""
}

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// shape is equal for paths that match the same requests.
func (p Path) shape() string {
	var b strings.Builder
	for _, s := range p.Segments {
		switch {
		case s.Rest:
			b.WriteString("/*")
		case s.Param != "":
			b.WriteString("/{}" + s.Suffix)
		default:
			b.WriteString("/" + s.Literal)
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}
