package translate_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"

	"backworks/blueprints"
)

// form is one of the forms that a value of a blueprint may have: a part of the JSON Schema,
// with what it refers to. Where names the mapping and the key it stands at, as in
// "cors.allow_origins".
type form struct {
	schema map[string]any
	where  string
}

// language is the JSON Schema of blueprints.
type language struct{ defs map[string]any }

func newLanguage(t testing.TB) (*language, form) {
	t.Helper()
	var top map[string]any
	if err := json.Unmarshal(blueprints.Schema(), &top); err != nil {
		t.Fatal(err)
	}
	return &language{defs: object(top["$defs"])}, form{schema: top, where: "document"}
}

// forms are those that a value has in words of our own: not those of older files, and
// not ${NAME}.
func (l *language) forms(f form) []form {
	later := strings.HasPrefix(text(f.schema["description"]), "Not in this version") // a policy that must be off
	if later || f.schema["deprecated"] == true || f.schema["const"] == false || strings.HasPrefix(text(f.schema["pattern"]), `\$\{`) {
		return nil
	}
	if ref := text(f.schema["$ref"]); ref != "" {
		name := strings.TrimPrefix(ref, "#/$defs/")
		return l.forms(form{schema: object(l.defs[name]), where: name})
	}
	options := list(f.schema["anyOf"])
	if len(options) == 0 && f.schema["properties"] == nil {
		for _, x := range list(f.schema["allOf"]) { // a reference, and what it must have besides
			if object(x)["$ref"] != nil {
				options = append(options, x)
			}
		}
	}
	if len(options) == 0 {
		return []form{f}
	}
	var out []form
	for _, x := range options {
		out = append(out, l.forms(form{schema: object(x), where: f.where})...)
	}
	return out
}

// key is the form of the value at a key of a mapping.
func (f form) key(name string) (form, bool) {
	if p := object(object(f.schema["properties"])[name]); p != nil {
		return form{schema: p, where: f.where + "." + name}, true
	}
	for pattern, p := range object(f.schema["patternProperties"]) {
		if regexp.MustCompile(pattern).MatchString(name) {
			return form{schema: object(p), where: f.where}, true
		}
	}
	if p := object(f.schema["additionalProperties"]); p != nil && f.schema["properties"] == nil {
		return form{schema: p, where: f.where}, true
	}
	return form{}, false
}

// named says that the keys of a mapping are names of the blueprint's own.
func (f form) named() bool {
	return f.schema["properties"] == nil && (f.schema["additionalProperties"] != nil || f.schema["patternProperties"] != nil)
}

// needs are the keys that a mapping must have.
func (f form) needs() (out []string) {
	for _, x := range list(f.schema["allOf"]) {
		if options := list(object(x)["anyOf"]); len(options) > 0 {
			if keys := list(options[0].(map[string]any)["required"]); len(keys) > 0 {
				out = append(out, keys[0].(string))
			}
		}
	}
	return out
}

// is says that the form takes a JSON type.
func (f form) is(kind string) bool {
	return f.schema["type"] == kind || slices.Contains(list(f.schema["type"]), any(kind))
}

// free says that the form is any text.
func (f form) free() bool {
	return f.is("string") && f.schema["pattern"] == nil && f.schema["enum"] == nil
}

// anything says that the form is whatever JSON has.
func (f form) anything() bool {
	return f.schema["type"] == nil && f.schema["enum"] == nil && f.schema["properties"] == nil && f.schema["anyOf"] == nil && f.schema["pattern"] == nil
}

// fits says that a value may have the form.
func (f form) fits(n *yaml.Node) bool {
	switch {
	case f.anything():
		return true
	case n.Kind == yaml.SequenceNode:
		return f.is("array")
	case n.Kind == yaml.MappingNode && f.is("object") && f.schema["properties"] != nil:
		for i := 0; i < len(n.Content); i += 2 {
			if _, ok := f.key(n.Content[i].Value); !ok {
				return false
			}
		}
		return true
	case n.Kind == yaml.MappingNode:
		return f.is("object")
	case f.schema["enum"] != nil:
		return slices.Contains(list(f.schema["enum"]), any(n.Value))
	case f.schema["pattern"] != nil:
		return regexp.MustCompile(text(f.schema["pattern"])).MatchString(n.Value)
	}
	_, err := strconv.ParseFloat(n.Value, 64)
	return f.is("string") || n.Tag == "!!bool" && f.is("boolean") || err == nil && (f.is("number") || f.is("integer"))
}

// walk shows every name and every scalar of a blueprint with its form.
func (l *language) walk(f form, n *yaml.Node, visit func(f form, n *yaml.Node, name bool)) {
	if n.Kind == yaml.DocumentNode || n.Kind == yaml.AliasNode {
		return
	}
	forms := l.forms(f)
	i := slices.IndexFunc(forms, func(x form) bool { return x.fits(n) })
	if i < 0 {
		return
	}
	f = forms[i]
	switch n.Kind {
	case yaml.ScalarNode:
		visit(f, n, false)
	case yaml.SequenceNode:
		items := object(f.schema["items"])
		for _, c := range n.Content {
			l.walk(form{schema: items, where: f.where}, c, visit)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			under := form{where: f.where} // anything
			if !f.anything() {
				under, _ = f.key(n.Content[i].Value)
			}
			if f.anything() || f.named() {
				visit(form{schema: map[string]any{"type": "string"}, where: f.where + "{}"}, n.Content[i], true)
			}
			l.walk(under, n.Content[i+1], visit)
		}
	}
}

// examples are blueprints with every key: those of all goldens and lists of cases.
func examples(t testing.TB) [][]byte {
	t.Helper()
	out := [][]byte{blueprints.Default}
	for _, pattern := range []string{"testdata/*.txtar", "../blueprints/testdata/*.txtar", "../blueprints/testdata/accepted.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range a.Files {
				if filepath.Ext(x.Name) == ".yaml" {
					out = append(out, x.Data)
				}
			}
			for _, c := range strings.Split("\n"+string(a.Comment), "\n--- ")[1:] {
				_, document, _ := strings.Cut(c, "\n")
				out = append(out, []byte(document))
			}
		}
	}
	return out
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
