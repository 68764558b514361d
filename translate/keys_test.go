package translate_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"backworks/blueprints"
)

// unshown are keys of the schema that no golden has, each with the reason.
var unshown = map[string]string{
	"tls.self_signed":                     "it makes another certificate each time; the test of the package blueprints has it",
	"proxyConfig.load_balancing.type":     "another name of algorithm",
	"proxyConfig.load_balancing.strategy": "another name of algorithm",
}

// TestEveryKeyHasAGolden: each key of the schema, under its own name, stands in some golden
// that an Envoy accepts. Aliases, keys that have no effect and those of policies of later
// versions are the blueprints package's affair.
func TestEveryKeyHasAGolden(t *testing.T) {
	t.Parallel()
	var s schemaOf
	if err := json.Unmarshal(blueprints.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range goldens(t) {
		if g.file("resources.json") == nil {
			continue
		}
		files := [][]byte{}
		for _, f := range g.archive.Files {
			if strings.HasSuffix(f.Name, ".yaml") {
				files = append(files, f.Data)
			}
		}
		if len(files) == 0 {
			files = append(files, blueprints.Default)
		}
		for _, text := range files {
			var v any
			if err := yaml.Unmarshal(text, &v); err != nil {
				t.Fatal(g.name, err)
			}
			s.walk(&s.node, "", v, seen)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.keys())) {
		if why, known := unshown[key]; seen[key] == known {
			t.Errorf("%s: seen in a golden: %v, reason why not: %q", key, seen[key], why)
		}
	}
}

// node is what the test needs of a JSON Schema.
type node struct {
	Ref         string           `json:"$ref"`
	Description string           `json:"description"`
	Deprecated  bool             `json:"deprecated"`
	Properties  map[string]*node `json:"properties"`
	Additional  json.RawMessage  `json:"additionalProperties"`
	Items       *node            `json:"items"`
	AnyOf       []*node          `json:"anyOf"`
	AllOf       []*node          `json:"allOf"`
	Patterns    map[string]*node `json:"patternProperties"`
}

type schemaOf struct {
	node
	Defs map[string]*node `json:"$defs"`
}

// counts says that a property is a key of its own.
func (n *node) counts() bool {
	return !n.Deprecated && !strings.HasPrefix(n.Description, "The same as ") && !strings.HasPrefix(n.Description, "Not in this version")
}

// keys are all keys as "definition.key".
func (s *schemaOf) keys() map[string]bool {
	out := map[string]bool{}
	var add func(name string, n *node)
	add = func(name string, n *node) {
		if n == nil {
			return
		}
		for k, p := range n.Properties {
			if p.counts() && string(n.Additional) == "false" { // others only limit values
				out[name+"."+k] = true
				add(name+"."+k, p)
			}
		}
		for _, x := range slices.Concat(n.AnyOf, n.AllOf) {
			add(name, x)
		}
		add(name, n.Items)
		add(name, n.other())
	}
	add("", &s.node)
	for name, n := range s.Defs {
		add(name, n)
	}
	return out
}

// other is the schema of keys that the user chooses.
func (n *node) other() *node {
	var x node
	if len(n.Additional) > 0 && json.Unmarshal(n.Additional, &x) == nil {
		return &x
	}
	if len(n.Patterns) == 0 {
		return nil
	}
	for _, p := range n.Patterns {
		x.AllOf = append(x.AllOf, p)
	}
	return &x
}

// walk notes the keys that v has, in each reading of it that the schema offers.
func (s *schemaOf) walk(n *node, name string, v any, seen map[string]bool) {
	if n == nil {
		return
	}
	if def, is := strings.CutPrefix(n.Ref, "#/$defs/"); is {
		s.walk(s.Defs[def], def, v, seen)
	}
	for _, x := range slices.Concat(n.AnyOf, n.AllOf) {
		s.walk(x, name, v, seen)
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if p := n.Properties[k]; p != nil {
				seen[name+"."+k] = true
				s.walk(p, name+"."+k, x, seen)
			} else {
				s.walk(n.other(), name, x, seen)
			}
		}
	case map[any]any:
		for _, x := range v { // keys such as 404
			s.walk(n.other(), name, x, seen)
		}
	case []any:
		for _, x := range v {
			s.walk(n.Items, name, x, seen)
		}
	}
}
