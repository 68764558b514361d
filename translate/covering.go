package translate

import (
	"strings"

	"backworks/blueprints"
)

// paths is a tree of endpoints by the segments of their paths. Its zero value is
// empty.
type paths struct {
	literals map[string]*paths
	params   map[string]*paths      // by suffix
	ends     []*blueprints.Endpoint // whose path ends here
	rests    []*blueprints.Endpoint // whose rest begins here
}

func (t *paths) add(e *blueprints.Endpoint) {
	for _, s := range e.Path.Segments {
		switch {
		case s.Rest:
			t.rests = append(t.rests, e)
			return
		case s.Param != "":
			t = child(&t.params, s.Suffix)
		default:
			t = child(&t.literals, s.Literal)
		}
	}
	t.ends = append(t.ends, e)
}

func child(m *map[string]*paths, key string) *paths {
	if *m == nil {
		*m = map[string]*paths{}
	}
	if (*m)[key] == nil {
		(*m)[key] = new(paths)
	}
	return (*m)[key]
}

// same are the endpoints whose path takes the same requests as p.
func (t *paths) same(p blueprints.Path) []*blueprints.Endpoint {
	for _, s := range p.Segments {
		switch {
		case s.Rest:
			return t.rests
		case s.Param != "":
			t = t.params[s.Suffix]
		default:
			t = t.literals[s.Literal]
		}
		if t == nil {
			return nil
		}
	}
	return t.ends
}

// covering are the endpoints that have every request path of p, in no order.
func (t *paths) covering(p blueprints.Path) []*blueprints.Endpoint {
	var out []*blueprints.Endpoint
	var walk func(t *paths, left []blueprints.Segment)
	walk = func(t *paths, left []blueprints.Segment) {
		out = append(out, t.rests...)
		if len(left) == 0 {
			out = append(out, t.ends...)
			return
		}
		s := left[0]
		if s.Rest {
			return
		}
		if s.Param == "" && t.literals[s.Literal] != nil {
			walk(t.literals[s.Literal], left[1:])
		}
		for suffix, next := range t.params {
			if alwaysEndsIn(s, suffix) {
				walk(next, left[1:])
			}
		}
	}
	walk(t, p.Segments)
	return out
}

// alwaysEndsIn says that a segment ends in suffix, with something before it.
func alwaysEndsIn(s blueprints.Segment, suffix string) bool {
	if s.Param != "" {
		return strings.HasSuffix(s.Suffix, suffix)
	}
	return len(s.Literal) > len(suffix) && strings.HasSuffix(s.Literal, suffix)
}
