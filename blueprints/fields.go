package blueprints

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// field is what the tags of one field of a spec struct say:
//
//	yaml:"name,alias,..."  the key and its other names
//	doc:"..."              its meaning, for the reference, the schema and editors
//	default:"30s"          what holds without it, for the reference
//	min:"0" max:"65535"    bounds of a number or duration; above:"0" excludes its bound
//	enum:"a|b"             the strings allowed
//	required:"true"        the key must be there
//	single:"true"          one value stands for a list of one
//	also:"a|b"             placeholders that the value knows besides the usual ones
//	severity:"error"       for an ignored key (see ignored): it refuses the blueprint
type field struct {
	name     string
	aliases  []string
	doc      string
	fallback string
	min, max bound
	enum     []string
	also     []string
	required bool
	single   bool
	ignored  bool
	absent   bool
	severity Severity

	typ  reflect.Type
	path []int
}

type bound struct {
	set, exclusive bool
	value          float64
	text           string
}

// structType is what the decoder knows of a spec struct.
type structType struct {
	fields []field
	index  map[string]int // by name and alias
	names  []string       // to suggest: no ignored ones, no aliases

	required bool // some key is
}

// ignored is the type of a blank field for keys which the decoder knows and
// leaves aside with a warning, or refuses with severity:"error"; doc is the
// message, which says what to use instead.
type ignored struct{}

// absent is the same for policies of later versions: present and enabled they
// refuse the blueprint.
type absent struct{}

var (
	types       sync.Map // reflect.Type → *structType
	ignoredType = reflect.TypeFor[ignored]()
	absentType  = reflect.TypeFor[absent]()
	atType      = reflect.TypeFor[at]()
)

func typeOf(t reflect.Type) *structType {
	if s, ok := types.Load(t); ok {
		return s.(*structType)
	}
	s := &structType{index: map[string]int{}}
	s.add(t, nil)
	for i, f := range s.fields {
		s.index[f.name] = i
		s.required = s.required || f.required
		for _, a := range f.aliases {
			s.index[a] = i
		}
		if !f.ignored && !f.absent {
			s.names = append(s.names, f.name)
		}
	}
	types.Store(t, s)
	return s
}

// add reads the fields of t; those of an embedded struct count as t's own.
func (s *structType) add(t reflect.Type, path []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(append([]int(nil), path...), i)
		switch {
		case sf.Type == atType:
		case sf.Anonymous:
			s.add(sf.Type, at)
		case sf.Tag.Get("yaml") == "":
		case sf.Type == ignoredType, sf.Type == absentType:
			for _, name := range strings.Split(sf.Tag.Get("yaml"), ",") {
				s.fields = append(s.fields, newField(sf, name, nil, at))
			}
		default:
			names := strings.Split(sf.Tag.Get("yaml"), ",")
			s.fields = append(s.fields, newField(sf, names[0], names[1:], at))
		}
	}
}

func newField(sf reflect.StructField, name string, aliases []string, path []int) field {
	f := field{
		name: name, aliases: aliases, path: path, typ: sf.Type,
		doc: sf.Tag.Get("doc"), fallback: sf.Tag.Get("default"),
		min: newBound(sf.Tag.Get("min"), false), max: newBound(sf.Tag.Get("max"), false),
		required: sf.Tag.Get("required") == "true",
		single:   sf.Tag.Get("single") == "true",
		ignored:  sf.Type == ignoredType,
		absent:   sf.Type == absentType,
		severity: Warning,
	}
	if above := sf.Tag.Get("above"); above != "" {
		f.min = newBound(above, true)
	}
	if e := sf.Tag.Get("enum"); e != "" {
		f.enum = strings.Split(e, "|")
	}
	if a := sf.Tag.Get("also"); a != "" {
		f.also = strings.Split(a, "|")
	}
	if sf.Tag.Get("severity") == "error" {
		f.severity = Error
	}
	return f
}

func newBound(s string, exclusive bool) bound {
	if s == "" {
		return bound{}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic("blueprints: bound " + s + " is no number") // a tag of ours, seen by every test
	}
	return bound{set: true, exclusive: exclusive, value: v, text: s}
}

// outside says what is wrong with x, or nothing. unit stands behind the bound.
func (f *field) outside(x float64, unit string) string {
	switch {
	case f == nil:
		return ""
	case f.min.set && f.min.exclusive && x <= f.min.value:
		return "must be above " + f.min.text + unit
	case f.min.set && x < f.min.value:
		return "must be at least " + f.min.text + unit
	case f.max.set && x > f.max.value:
		return "must be at most " + f.max.text + unit
	}
	return ""
}
