package blueprints

import (
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder walks the node tree of one file into spec structs (see spec.go). It
// collects every problem, and notes what else than the file's content the result
// rests on: environment variables and secret files.
type decoder struct {
	file     string // as shown to people
	dir      string // what `file:` references are relative to
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
	readPEM  func(string) ([]byte, error)
	good     map[string]*pems // that were, by what they are and their paths
	develop  func(names []string) (certificate, key string, err error)
	now      func() time.Time
	before   map[string]upstream // what the file had, by name

	problems Problems
	deps     dependencies
	// services are the pools that plugins make, references those that they name.
	services   []*Pool
	references []reference
}

// decodable is a spec type that reads itself from a node.
type decodable interface {
	decode(d *decoder, n *yaml.Node, p *step, f *field)
}

// step is one element of the path to a value; its text is made when needed.
type step struct {
	parent *step
	key    string
	index  int // of a list element, where key is empty
}

func (s *step) under(key string) *step { return &step{parent: s, key: key} }
func (s *step) item(i int) *step       { return &step{parent: s, index: i} }

// String is "plugins.proxy.config.targets[2].weight".
func (s *step) String() string {
	if s == nil {
		return ""
	}
	before := s.parent.String()
	switch {
	case s.key == "":
		return before + "[" + strconv.Itoa(s.index) + "]"
	case !plainKey(s.key):
		return before + "[" + strconv.Quote(s.key) + "]"
	case before == "":
		return s.key
	}
	return before + "." + s.key
}

func plainKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// at is where a value stands; its zero value says that there is none. Spec
// structs embed it.
type at struct {
	line, column int
	path         *step
}

func (a at) given() bool { return a.line > 0 }
func (a *at) put(x at)   { *a = x }
func (a *at) place() at  { return *a }

func place(n *yaml.Node, p *step) at { return at{line: n.Line, column: n.Column, path: p} }

func (d *decoder) position(a at) Position {
	return Position{File: d.file, Line: a.line, Column: a.column}
}

func (d *decoder) fail(a at, message ...string) { d.report(Error, a, message) }
func (d *decoder) warn(a at, message ...string) { d.report(Warning, a, message) }

// maxProblems bounds what one file can say: nobody reads on after as many.
const maxProblems = 1000

func (d *decoder) report(s Severity, a at, message []string) {
	if len(d.problems) >= maxProblems {
		return
	}
	text := ""
	for _, m := range message {
		text += m
	}
	d.problems = append(d.problems, Problem{Position: d.position(a), Path: a.path.String(), Message: text, Severity: s})
}

// resolve follows an alias; guard has made sure that this ends.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// value decodes n into what v points to.
func (d *decoder) value(v reflect.Value, n *yaml.Node, p *step, f *field) {
	n = resolve(n)
	if x, ok := v.Interface().(decodable); ok {
		x.decode(d, n, p, f)
		return
	}
	if v = v.Elem(); v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v, n, p, f)
		return
	}
	d.object(v, n, p)
}

// object decodes a mapping into the spec struct v. An empty value counts as an
// empty mapping.
func (d *decoder) object(v reflect.Value, n *yaml.Node, p *step) {
	t := typeOf(v.Type())
	v.Addr().Interface().(interface{ put(at) }).put(place(n, p))
	if isNull(n) && !t.required {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(place(n, p), "must be a mapping of keys to values, got ", kindOf(n))
		return
	}
	seen := make([]*yaml.Node, len(t.fields))
	d.pairs(n, p, func(k, x *yaml.Node) {
		i, ok := t.index[k.Value]
		if !ok {
			d.unknownKey(k, p, t)
			return
		}
		f := &t.fields[i]
		if seen[i] != nil {
			d.fail(place(k, p.under(k.Value)), "is the same key as ", strconv.Quote(seen[i].Value), " at line ", strconv.Itoa(seen[i].Line), ": keep one of them")
			return
		}
		seen[i] = k
		if f.absent {
			d.absentPolicy(k.Value, place(k, p.under(k.Value)), x)
			return
		}
		if f.ignored {
			if s, ok := v.Addr().Interface().(interface{ ignore(key string) }); ok {
				s.ignore(k.Value)
			}
			d.report(f.severity, place(k, p.under(k.Value)), []string{f.doc})
			return
		}
		d.value(v.FieldByIndex(f.path).Addr(), x, p.under(k.Value), f)
	})
	for i := range t.fields {
		if f := &t.fields[i]; f.required && seen[i] == nil {
			d.fail(place(n, p), "needs the key ", strconv.Quote(f.name))
		}
	}
}

func (d *decoder) unknownKey(k *yaml.Node, p *step, t *structType) {
	if len(d.problems) >= maxProblems {
		return // a suggestion takes long to find
	}
	message := []string{"is not a known key"}
	if s := suggest(k.Value, t.names); s != "" {
		message = append(message, ": did you mean ", strconv.Quote(s), "?")
	} else {
		message = append(message, ": known ones are ", joinNames(t.names))
	}
	d.report(Error, place(k, p.under(k.Value)), message)
}

// pairs calls f for each key of a mapping, those of merged mappings last and
// only where the mapping does not have the key itself.
func (d *decoder) pairs(n *yaml.Node, p *step, f func(k, v *yaml.Node)) {
	var known map[string]*yaml.Node
	if len(n.Content) > fewPairs {
		known = make(map[string]*yaml.Node, len(n.Content)/2)
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := resolve(n.Content[i]), n.Content[i+1]
		if k.Kind != yaml.ScalarNode || isNull(k) {
			d.fail(place(k, p), "a key must be a word, got ", kindOf(k))
			continue
		}
		if k.Tag == "!!merge" {
			merges = append(merges, v)
			continue
		}
		before := known[k.Value]
		if known == nil {
			before = key(n.Content[:i], k.Value)
		} else if before == nil {
			known[k.Value] = k
		}
		if before != nil {
			d.fail(place(k, p.under(k.Value)), "stands here a second time, the first is at line ", strconv.Itoa(before.Line))
			continue
		}
		f(k, v)
	}
	if len(merges) > 0 {
		own := make(map[string]*yaml.Node, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			own[resolve(n.Content[i]).Value] = n.Content[i]
		}
		d.merged(merges, p, own, f)
	}
}

// fewPairs is up to how many nodes looking through them beats a map.
const fewPairs = 32

// key is the node of a key among the pairs, or nil.
func key(pairs []*yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(pairs); i += 2 {
		if k := resolve(pairs[i]); k.Value == name && k.Kind == yaml.ScalarNode && k.Tag != "!!merge" {
			return k
		}
	}
	return nil
}

func (d *decoder) merged(merges []*yaml.Node, p *step, known map[string]*yaml.Node, f func(k, v *yaml.Node)) {
	for _, m := range merges {
		m = resolve(m)
		switch m.Kind {
		case yaml.SequenceNode:
			d.merged(m.Content, p, known, f)
		case yaml.MappingNode:
			d.pairs(m, p, func(k, v *yaml.Node) {
				if known[k.Value] == nil {
					known[k.Value] = k
					f(k, v)
				}
			})
		default:
			d.fail(place(m, p.under("<<")), "must be a mapping to merge, got ", kindOf(m))
		}
	}
}

// kindOf names what stands in the file, for a message.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return kindOf(resolve(n))
	}
	if isNull(n) {
		return "nothing"
	}
	return written(n)
}

// written is a scalar as it stands in the file; strings are quoted.
func written(n *yaml.Node) string {
	if n.Tag == "!!str" {
		return quote(n.Value)
	}
	return n.Value
}

// quote shortens: a message is one line.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:77] + "..."
	}
	return strconv.Quote(s)
}
