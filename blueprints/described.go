package blueprints

import (
	"reflect"
	"strings"
)

// What the spec types take, for the schema and the reference: scalars and
// collections here, those with several forms in described_unions.go.

func (*str) schema(_ *schema, f *field) object {
	if f != nil && f.enum != nil {
		return anyOf(object{"enum": f.enum}, environment())
	}
	return object{"type": []string{"string", "number", "boolean"}}
}

func (*str) kind(f *field) string {
	if f != nil && f.enum != nil {
		return "`" + strings.Join(f.enum, "`, `") + "`"
	}
	return "string"
}

func (*integer) schema(_ *schema, f *field) object {
	return anyOf(f.bounds(object{"type": "integer"}), environment())
}

func (*integer) kind(f *field) string { return "whole number" + f.limits() }

func (*number) schema(_ *schema, f *field) object {
	return anyOf(f.bounds(object{"type": "number"}), environment())
}

func (*number) kind(f *field) string { return "number" + f.limits() }

func (*boolean) schema(*schema, *field) object {
	return anyOf(object{"type": "boolean"}, environment())
}
func (*boolean) kind(*field) string { return "true or false" }

// durationPattern is what time.ParseDuration takes, but for a minus sign.
const durationPattern = `^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$`

func (*duration) schema(s *schema, f *field) object {
	seconds := f.bounds(object{"type": "number"})
	if seconds["maximum"] == nil {
		seconds["maximum"] = maxSeconds
	}
	text := object{"type": "string", "pattern": durationPattern}
	parts := []object{s.ref(reflect.TypeFor[secsNanos]()), {"type": "object"}}
	if f.min.exclusive {
		text["allOf"] = []object{{"pattern": "[1-9]"}}
		parts = append(parts, anyOf(notZero("secs"), notZero("nanos")))
	} else {
		parts = append(parts, anyOf(object{"required": []string{"secs"}}, object{"required": []string{"nanos"}}))
	}
	if seconds["minimum"] == nil && seconds["exclusiveMinimum"] == nil {
		seconds["minimum"] = 0
	}
	return anyOf(seconds, text, environment(), object{"allOf": parts})
}

func notZero(key string) object {
	return object{"properties": object{key: object{"not": object{"const": 0}}}, "required": []string{key}}
}

func (*duration) kind(f *field) string { return "duration" + f.limits() }

// limits is a field's bounds in words.
func (f *field) limits() string {
	switch {
	case f.min.set && f.max.set && f.max.value < 1<<31:
		return ", " + f.min.text + " to " + f.max.text
	case f.min.set && f.min.exclusive:
		return ", above " + f.min.text
	case f.min.set:
		return ", from " + f.min.text
	}
	return ""
}

func (*list[T]) schema(s *schema, f *field) object {
	items := s.of(reflect.TypeFor[T](), f)
	array := object{"type": []string{"array", "null"}, "items": items}
	if f != nil && f.single {
		return anyOf(array, s.of(reflect.TypeFor[T](), f))
	}
	return array
}

func (*list[T]) kind(f *field) string {
	if f.single {
		return "list, or one value alone"
	}
	return "list"
}

func (*dict[T]) schema(s *schema, f *field) object {
	m := object{"type": []string{"object", "null"}, "additionalProperties": s.of(reflect.TypeFor[T](), f)}
	if reflect.TypeFor[T]() == reflect.TypeFor[headerValue]() {
		m["propertyNames"] = object{"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"}
	}
	if reflect.TypeFor[T]() == reflect.TypeFor[*upstreamSpec]() {
		m["propertyNames"] = object{"pattern": "^[A-Za-z0-9_.-]{1,64}$", "not": object{"const": "default"}}
	}
	return m
}

func (*dict[T]) kind(*field) string { return "mapping of names" }

func (*str) inside() []inner      { return nil }
func (*integer) inside() []inner  { return nil }
func (*number) inside() []inner   { return nil }
func (*boolean) inside() []inner  { return nil }
func (*duration) inside() []inner { return nil }

func (*list[T]) inside() []inner { return below("[]", reflect.TypeFor[T]()) }
func (*dict[T]) inside() []inner { return below(".<name>", reflect.TypeFor[T]()) }

// below are the mappings in an element of type t.
func below(suffix string, t reflect.Type) []inner {
	t = pointed(t)
	if d, ok := reflect.New(t).Interface().(described); ok {
		var out []inner
		for _, in := range d.inside() {
			out = append(out, inner{suffix + in.suffix, in.typ})
		}
		return out
	}
	return []inner{{suffix, t}}
}

// pointed is what t points to: a pointer is for keys that may not be there.
func pointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
