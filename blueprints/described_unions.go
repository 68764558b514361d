package blueprints

import (
	"reflect"
	"slices"
	"strings"
)

func self[T any]() []inner { return []inner{{"", reflect.TypeFor[T]()}} }

func toggleSchema[T any](s *schema) object {
	return anyOf(object{"type": "boolean"}, environment(), s.ref(reflect.TypeFor[T]()))
}

func (*healthCheckSpec) schema(s *schema, _ *field) object { return toggleSchema[healthCheckSpec](s) }
func (*healthCheckSpec) kind(*field) string                { return "true, false or mapping" }
func (*healthCheckSpec) inside() []inner                   { return self[healthCheckSpec]() }

func (*breakerSpec) schema(s *schema, _ *field) object { return toggleSchema[breakerSpec](s) }
func (*breakerSpec) kind(*field) string                { return "true, false or mapping" }
func (*breakerSpec) inside() []inner                   { return self[breakerSpec]() }

func (*rewriteSpec) schema(s *schema, _ *field) object {
	return anyOf(object{"type": []string{"string", "number", "boolean"}}, s.ref(reflect.TypeFor[rewriteSpec]()))
}
func (*rewriteSpec) kind(*field) string { return "path or mapping" }
func (*rewriteSpec) inside() []inner    { return self[rewriteSpec]() }

func (*targetSpec) schema(s *schema, _ *field) object {
	return anyOf(object{"type": []string{"string", "number", "boolean"}}, s.ref(reflect.TypeFor[targetSpec]()))
}
func (*targetSpec) kind(*field) string { return "URL or mapping" }
func (*targetSpec) inside() []inner    { return self[targetSpec]() }

func (*loadBalancing) schema(s *schema, _ *field) object {
	names := anyOf(object{"enum": algorithmNames}, environment())
	one := func(key string) object {
		hashOn := s.of(reflect.TypeFor[list[hashSpec]](), fieldOf[loadBalancingMap]("hash_on"))
		return object{"type": "object", "properties": object{key: names, "hash_on": hashOn}, "required": []string{key}, "additionalProperties": false}
	}
	return anyOf(object{"enum": algorithmNames}, environment(), one("algorithm"), one("type"), one("strategy"))
}

func (*loadBalancing) kind(*field) string {
	return "`" + strings.Join(algorithmNames[:ourAlgorithms], "`, `") + "`; or a mapping"
}
func (*loadBalancing) inside() []inner { return self[loadBalancingMap]() }

func (*free) schema(*schema, *field) object { return object{} }
func (*free) kind(*field) string            { return "anything" }
func (*free) inside() []inner               { return nil }

func (*verbatim) schema(*schema, *field) object {
	return anyOf(object{"enum": []string{"proxy", "static", "metrics"}}, environment(),
		object{"type": "string", "pattern": codePattern.String(), "deprecated": true})
}
func (*verbatim) kind(*field) string { return "`proxy`, `static`, `metrics`" }
func (*verbatim) inside() []inner    { return nil }

// methodName takes any case.
type methodName struct{ str }

func (*methodName) schema(*schema, *field) object {
	pattern := `^(\*|`
	for i, m := range append(slices.Clone(methodNames), "ANY", "ALL") {
		if i > 0 {
			pattern += "|"
		}
		for _, c := range m {
			pattern += "[" + string(c) + string(c+'a'-'A') + "]"
		}
	}
	return anyOf(object{"type": "string", "pattern": pattern + ")$"}, environment())
}

func (*endpoints) schema(s *schema, _ *field) object {
	byPath := s.ref(reflect.TypeFor[endpointSpec]())
	named := object{"allOf": []object{byPath, {"type": "object", "required": []string{"path"}}}}
	return anyOf(
		object{"type": []string{"array", "null"}, "items": named},
		object{"type": "object", "patternProperties": object{"^/": byPath, "^[^/]|^$": named}},
	)
}
func (*endpoints) kind(*field) string { return "list, mapping by name, or mapping by path" }
func (*endpoints) inside() []inner    { return []inner{{"[]", reflect.TypeFor[endpointSpec]()}} }

func (*plugins) schema(s *schema, _ *field) object {
	byName := s.mapping(reflect.TypeFor[plugins]())
	byName["additionalProperties"] = externalPlugin()
	return anyOf(byName, object{"type": "array", "items": anyOf(listed("type", s), listed("name", s))})
}

func externalPlugin() object {
	return object{"type": "object", "properties": object{"plugin_type": object{"enum": []string{"external", "External"}}}, "required": []string{"plugin_type"}}
}

// listed is a plugin in a list, with its name under key.
func listed(key string, s *schema) object {
	options := []object{{"allOf": []object{externalPlugin(), {"required": []string{key}, "properties": object{key: object{"type": "string"}}}}}}
	for _, f := range typeOf(reflect.TypeFor[plugins]()).fields {
		named := object{"type": "object", "properties": object{key: object{"const": f.name}}, "required": []string{key}}
		switch {
		case f.absent:
			named = object{"allOf": []object{switchedOff(), named}}
		case !f.ignored:
			named = object{"allOf": []object{s.of(f.typ, &f), named}}
		}
		options = append(options, named)
	}
	return anyOf(options...)
}

func (*plugins) kind(*field) string { return "mapping by name, or list with type" }
func (*plugins) inside() []inner {
	var out []inner
	for _, f := range typeOf(reflect.TypeFor[plugins]()).fields {
		if !f.ignored && !f.absent {
			out = append(out, inner{"." + f.name, f.typ})
		}
	}
	return out
}

func (*hstsSpec) schema(s *schema, _ *field) object { return toggleSchema[hstsSpec](s) }
func (*hstsSpec) kind(*field) string                { return "true, false or mapping" }
func (*hstsSpec) inside() []inner                   { return self[hstsSpec]() }

func (*selfSigned) schema(*schema, *field) object {
	name := object{"type": "string", "minLength": 1}
	return anyOf(object{"type": "boolean"}, name, object{"type": "array", "items": name, "minItems": 1})
}
func (*selfSigned) kind(*field) string { return "true, false or list of names" }
func (*selfSigned) inside() []inner    { return nil }
