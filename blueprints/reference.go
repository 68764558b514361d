package blueprints

import (
	"reflect"
	"slices"
	"strings"
)

// section is one mapping of the language with all the places it stands at.
type section struct {
	typ    reflect.Type
	places []string
}

const referenceHead = `# Blueprint reference

Every key of a blueprint, made from the types that the loader reads them with.
` + "`backworks schema`" + ` prints the same as a JSON Schema, for editors.

- Durations are seconds as a number (30, 0.5), a string ("30s", "500ms", "1m30s"), or {secs, nanos}.
- ` + "`${NAME}` and `${NAME:-default}`" + ` in a value are environment variables, read when the file is loaded;
  ` + "`$${`" + ` is a plain ` + "`${`" + `. A header's value ` + "`file:PATH`" + ` is read from a file beside the blueprint.
  Messages never print what came from either.
- Header values and static bodies may have placeholders, filled in for each request: ` + "`{{now}}`, `{{client_ip}}`,\n  `{{request_id}}`, `{{method}}`, `{{path}}`, `{{host}}`, `{{scheme}}`, `{{header.NAME}}`, `{{query.NAME}}`, and\n  `{{path.NAME}}`" + ` for a parameter of the endpoint's path.
- Anchors, aliases and merge keys (` + "`<<`" + `) work. A key that is not listed here is an error.
`

// Reference is docs/reference.md: every key with its type, default and meaning.
func Reference() []byte {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range sections() {
		s.write(&b)
	}
	return []byte(b.String())
}

// sections are the mappings in the order in which one meets them.
func sections() []*section {
	var out []*section
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		i := slices.IndexFunc(out, func(s *section) bool { return s.typ == t })
		if i >= 0 {
			out[i].places = append(out[i].places, path)
			return
		}
		out = append(out, &section{t, []string{path}})
		for _, f := range typeOf(t).fields {
			if f.ignored || f.absent {
				continue
			}
			for _, in := range below("", f.typ) {
				walk(in.typ, strings.TrimPrefix(path+"."+f.name+in.suffix, "."))
			}
		}
	}
	walk(reflect.TypeFor[document](), "")
	return out
}

func (s *section) write(b *strings.Builder) {
	title := "`" + s.places[0] + "`"
	if s.places[0] == "" {
		title = "The file"
	}
	b.WriteString("\n## " + title + "\n\n")
	if len(s.places) > 1 {
		b.WriteString("Also at `" + strings.Join(s.places[1:], "`, `") + "`.\n\n")
	}
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	var ignored []*field
	fields := typeOf(s.typ).fields
	for i := range fields {
		f := &fields[i]
		if f.ignored || f.absent {
			ignored = append(ignored, f)
			continue
		}
		key := "`" + f.name + "`"
		if len(f.aliases) > 0 {
			key += " (or `" + strings.Join(f.aliases, "`, `") + "`)"
		}
		fallback := ""
		switch {
		case f.fallback != "":
			fallback = "`" + f.fallback + "`"
		case f.required:
			fallback = "required"
		}
		b.WriteString("| " + key + " | " + cell(kindOfType(f)) + " | " + fallback + " | " + cell(f.doc) + " |\n")
	}
	writeIgnored(b, ignored)
}

// writeIgnored lists the keys that other versions know, by their message.
func writeIgnored(b *strings.Builder, fields []*field) {
	for i := 0; i < len(fields); {
		j := i
		var names []string
		for ; j < len(fields) && fields[j].doc == fields[i].doc && fields[j].absent == fields[i].absent; j++ {
			names = append(names, fields[j].name)
		}
		how, doc := "Accepted with a warning", fields[i].doc
		if fields[i].absent {
			how, doc = "Refused unless it has `enabled: false`", "this version has no such policy"
		} else if fields[i].severity == Error {
			how = "Refused"
		}
		b.WriteString("\n" + how + ": `" + strings.Join(names, "`, `") + "` (" + doc + ").\n")
		i = j
	}
}

func kindOfType(f *field) string {
	if d, ok := reflect.New(pointed(f.typ)).Interface().(described); ok {
		return d.kind(f)
	}
	return "mapping"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
