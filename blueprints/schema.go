package blueprints

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// object is a JSON object of the schema.
type object = map[string]any

// described is a spec type that is not simply a mapping with fixed keys.
type described interface {
	// schema is what the type takes.
	schema(s *schema, f *field) object
	// kind is what the type takes, in words.
	kind(f *field) string
	// inside are the mappings with fixed keys below it, with their place.
	inside() []inner
}

type inner struct {
	suffix string
	typ    reflect.Type
}

// schema collects the definitions of the mappings that occur.
type schema struct {
	defs object
}

// Schema is the JSON Schema (draft 2020-12) of a blueprint file. It accepts what
// the Loader accepts. It refuses unknown keys, wrong types, words that are none of
// those allowed, and numbers out of range; what only the Loader can know, such as
// references, duplicates and includes, it does not check.
func Schema() []byte {
	s := &schema{defs: object{}}
	top := s.mapping(reflect.TypeFor[document]())
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Backworks blueprint"
	top["$defs"] = s.defs
	out, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic("blueprints: marshal schema: " + err.Error()) // strings, numbers and maps of ours
	}
	return append(out, '\n')
}

// of is the schema of a value of type t.
func (s *schema) of(t reflect.Type, f *field) object {
	t = pointed(t)
	if d, ok := reflect.New(t).Interface().(described); ok {
		return d.schema(s, f)
	}
	return s.ref(t)
}

func (s *schema) ref(t reflect.Type) object {
	name := strings.TrimSuffix(t.Name(), "Spec")
	if _, of, generic := strings.Cut(name, "["); generic { // as pluginSpec[backworks/blueprints.corsSpec]
		name = strings.TrimSuffix(of[strings.LastIndex(of, ".")+1:], "Spec]") + "Plugin"
	}
	if s.defs[name] == nil {
		s.defs[name] = object{} // ends recursion
		s.defs[name] = s.mapping(t)
	}
	return object{"$ref": "#/$defs/" + name}
}

// mapping is the schema of a spec struct.
func (s *schema) mapping(t reflect.Type) object {
	st := typeOf(t)
	properties := object{}
	for i := range st.fields {
		f := &st.fields[i]
		switch {
		case f.absent:
			properties[f.name] = switchedOff()
			continue
		case f.ignored && f.severity == Error:
			continue
		case f.ignored:
			properties[f.name] = object{"description": "This key " + f.doc + ".", "deprecated": true}
			continue
		}
		p := s.of(f.typ, f)
		p["description"] = f.doc
		if f.fallback != "" {
			p["default"] = jsonValue(f.fallback)
		}
		properties[f.name] = p
		for _, a := range f.aliases {
			p := s.of(f.typ, f)
			p["description"] = "The same as " + f.name + "."
			properties[a] = p
		}
	}
	m := object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if st.required {
		m["type"] = "object"
		m["allOf"] = needs(st)
	}
	return m
}

// needs asks for each required key, or one of its aliases.
func needs(st *structType) (all []object) {
	for i := range st.fields {
		f := &st.fields[i]
		if !f.required {
			continue
		}
		any := []object{{"required": []string{f.name}}}
		for _, a := range f.aliases {
			any = append(any, object{"required": []string{a}})
		}
		all = append(all, object{"anyOf": any})
	}
	return all
}

// switchedOff is a policy of a later version, which must not be on.
func switchedOff() object {
	off := object{"properties": object{"enabled": object{"const": false}}, "required": []string{"enabled"}}
	return object{
		"description": "Not in this version: it must be false, or have enabled: false.",
		"anyOf": []object{
			{"const": false},
			{"type": "object", "anyOf": []object{off, {"properties": object{"config": off}, "required": []string{"config"}}}},
		},
	}
}

// environment is a string that takes its value from ${NAME}.
func environment() object {
	return object{"type": "string", "pattern": `\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}`}
}

func anyOf(options ...object) object { return object{"anyOf": options} }

// jsonValue is a default in the type it has.
func jsonValue(s string) any {
	if v, ok := parseBool(s); ok {
		return v
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		return v
	}
	return s
}

// bounds adds a field's bounds to the schema of a number.
func (f *field) bounds(m object) object {
	if f == nil {
		return m
	}
	if f.min.set && f.min.exclusive {
		m["exclusiveMinimum"] = f.min.value
	} else if f.min.set {
		m["minimum"] = f.min.value
	}
	if f.max.set {
		m["maximum"] = f.max.value
	}
	return m
}
