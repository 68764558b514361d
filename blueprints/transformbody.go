package blueprints

import (
	"slices"
	"strconv"
	"strings"
)

// Body are changes to JSON bodies.
type Body struct {
	Position
	Steps []Step
	// MaxSize is the largest body that is changed, in bytes; 0: not said, DefaultMaxBody.
	MaxSize int64
	// Refuse says that a body which cannot be changed is refused; nil: not said, false.
	Refuse *bool
}

// DefaultMaxBody is the largest body that is changed where the file does not say one.
const DefaultMaxBody = 1 << 20

// maxMaxBody bounds it: Envoy holds as much of each body in memory, twice.
const maxMaxBody = 16 << 20

// Step is one change to a JSON value. Op is "unwrap" (Path), "pick" (Paths), "remove"
// (Path), "rename" (Path, Name), "move" (Path, To), "default" and "set" (Path, Value), or
// "wrap" (Path, none: the whole value; Name).
type Step struct {
	Op       string
	Path, To JSONPath
	Paths    []JSONPath
	Name     string
	// Value is JSON; its placeholders stand inside of strings.
	Value Text
}

// JSONPath leads from a JSON value into it.
type JSONPath []JSONKey

// JSONKey is the name of a field, the index of an element, or Any of them.
type JSONKey struct {
	Name string
	Any  bool
}

// Shared is the number of keys up to the last Any: a move keeps to what lies behind.
func (p JSONPath) Shared() int {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].Any {
			return i + 1
		}
	}
	return 0
}

// body adds to b what one place says.
func (d *decoder) body(b *Body, s *bodySpec, steps []stepSpec, path *Path) {
	for i := range steps {
		if b.Line == 0 {
			b.Position = d.position(steps[i].at)
		}
		b.Steps = append(b.Steps, d.steps(&steps[i], path)...)
	}
	if s.MaxBodySize.given() {
		b.MaxSize = s.MaxBodySize.v
		if b.MaxSize < 1 || b.MaxSize > maxMaxBody {
			d.fail(s.MaxBodySize.at, "must be from 1 byte to 16MiB, got ", quote(s.MaxBodySize.src))
		}
	}
	if s.OtherBodies.given() {
		b.Refuse = said(s.OtherBodies.v == "refuse", true)
	}
}

// steps are the changes of one mapping, in the order that its documentation gives.
func (d *decoder) steps(s *stepSpec, path *Path) []Step {
	var out []Step
	add := func(ok bool, step Step) {
		if ok {
			out = append(out, step)
		}
	}
	at := func(op string, s str) {
		p, ok := d.jsonPath(s)
		add(ok, Step{Op: op, Path: p})
	}
	values := func(op string, m dict[jsonText]) {
		for _, e := range m.items {
			p, ok := d.jsonPath(keyOf(e.at, e.key))
			e.v.params(d, path)
			add(ok && e.v.given(), Step{Op: op, Path: p, Value: e.v.text})
		}
	}
	at("unwrap", s.Unwrap)
	if s.Pick.given() {
		pick := Step{Op: "pick", Paths: []JSONPath{}}
		for _, x := range s.Pick.items {
			if p, ok := d.jsonPath(x); ok {
				pick.Paths = append(pick.Paths, p)
			}
		}
		add(true, pick)
	}
	for _, x := range s.Remove.items {
		at("remove", x)
	}
	for _, e := range s.Rename.items {
		p, ok := d.jsonPath(keyOf(e.at, e.key))
		name, named := d.fieldName(e.v, "move")
		if ok && p[len(p)-1].Any {
			d.fail(e.at, "ends in *: a rename needs the name of a field")
			ok = false
		}
		add(ok && named, Step{Op: "rename", Path: p, Name: name})
	}
	for _, e := range s.Move.items {
		step, ok := d.move(e)
		add(ok, step)
	}
	values("default", s.Defaults)
	values("set", s.Set)
	for _, e := range s.Wrap.items {
		var p JSONPath
		ok := true
		if e.key != "" {
			p, ok = d.jsonPath(keyOf(e.at, e.key))
		}
		name, named := d.fieldName(e.v, "set")
		add(ok && named, Step{Op: "wrap", Path: p, Name: name})
	}
	return out
}

// keyOf is the key of a mapping as a value; nothing is filled in there.
func keyOf(a at, key string) str { return str{at: a, v: key, src: key} }

// move wants the same way to the last * on both sides: what is behind it is moved inside of
// each value there.
func (d *decoder) move(e entry[str]) (Step, bool) {
	from, ok := d.jsonPath(keyOf(e.at, e.key))
	to, also := d.jsonPath(e.v)
	if !ok || !also {
		return Step{}, false
	}
	n := from.Shared()
	switch {
	case n != to.Shared() || !slices.Equal(from[:n], to[:n]):
		d.fail(e.v.at, "must begin as the path that is moved up to its last *, and have no other *")
	case n == len(from):
		d.fail(e.at, "ends in *: a value has one new place")
	case len(to) > len(from) && slices.Equal(from, to[:len(from)]):
		d.fail(e.v.at, "lies inside of what is moved")
	default:
		return Step{Op: "move", Path: from, To: to}, true
	}
	return Step{}, false
}

func (d *decoder) fieldName(s str, other string) (string, bool) {
	p, ok := d.jsonPath(s)
	switch {
	case !ok:
	case len(p) > 1 || p[0].Any:
		d.fail(s.at, "must be the name of one field, with \\ before a dot in it: for another place use ", other)
	default:
		return p[0].Name, true
	}
	return "", false
}

// maxKeys bounds a path: no body nested deeper is changed.
const maxKeys = 64

// jsonPath parses a path such as user.name, items.*.id or $.items[*].id; \ stands before
// what is meant as it is.
func (d *decoder) jsonPath(s str) (JSONPath, bool) {
	if !s.given() {
		return nil, false
	}
	path, fault := parseJSONPath(strings.TrimPrefix(s.v, "$."))
	if fault != "" {
		d.fail(s.at, fault, ", got ", s.quote(), ": write a path such as user.name or items.*.id, with \\ before a dot in a name")
	}
	return path, fault == ""
}

func parseJSONPath(s string) (path JSONPath, fault string) {
	var key strings.Builder
	escaped, ended := false, false
	end := func() {
		name := key.String()
		path = append(path, JSONKey{Name: name})
		if name == "*" && !escaped {
			path[len(path)-1] = JSONKey{Any: true}
		}
		key.Reset()
		escaped = false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			key.WriteByte(s[i])
			escaped = true
		case c == '\\':
			return nil, `ends in \`
		case c == '.' && ended:
			ended = false
		case c == '.' && key.Len() == 0 && !escaped:
			return nil, "has an empty name"
		case c == '.':
			end()
		case c == '[':
			inside, rest, closed := strings.Cut(s[i+1:], "]")
			if _, err := strconv.ParseUint(inside, 10, 31); !closed || err != nil && inside != "*" || rest != "" && rest[0] != '.' && rest[0] != '[' {
				return nil, "has a [ that does not begin [*] or an index such as [0]"
			}
			if !ended && (key.Len() > 0 || escaped) {
				end()
			}
			key.WriteString(inside)
			end()
			ended = true
			i = len(s) - len(rest) - 1
		default:
			key.WriteByte(c)
		}
	}
	if !ended {
		if key.Len() == 0 && !escaped {
			return nil, "has an empty name"
		}
		end()
	}
	if len(path) > maxKeys {
		return nil, "has over 64 names"
	}
	return path, ""
}
