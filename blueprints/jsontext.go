package blueprints

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// jsonText is a value of any shape as JSON in a Text: its placeholders stand inside of
// strings, its fields in the order of the file, its numbers as they are written.
type jsonText struct {
	at
	text Text
	used []freeText // the strings that have placeholders
}

func (x *jsonText) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	x.at = place(n, p)
	x.value(d, n, p)
}

// params checks the placeholders for parameters of the endpoint's path.
func (x *jsonText) params(d *decoder, path *Path) {
	for _, u := range x.used {
		d.params(u.text, u.at, u.src, path)
	}
}

// write adds JSON.
func (x *jsonText) write(s string) {
	if n := len(x.text); n > 0 && x.text[n-1].Var == "" {
		x.text[n-1].Literal += s
		return
	}
	x.text = append(x.text, Part{Literal: s})
}

func (x *jsonText) value(d *decoder, n *yaml.Node, p *step) {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		before := "{"
		d.pairs(n, p, func(k, v *yaml.Node) {
			x.write(before + quoteJSON(k.Value) + ":")
			x.value(d, v, p.under(k.Value))
			before = ","
		})
		x.write(strings.TrimSuffix(before, ",") + "}")
	case yaml.SequenceNode:
		x.write("[")
		for i, c := range n.Content {
			if i > 0 {
				x.write(",")
			}
			x.value(d, c, p.item(i))
		}
		x.write("]")
	default:
		x.scalar(d, n, p)
	}
}

// jsonNumber is RFC 8259, section 6.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (x *jsonText) scalar(d *decoder, n *yaml.Node, p *step) {
	if isNull(n) {
		x.write("null")
		return
	}
	var s str
	s.decode(d, n, p, nil)
	switch n.Tag {
	case "!!bool":
		if v, ok := parseBool(s.v); ok {
			x.write(strconv.FormatBool(v))
			return
		}
	case "!!int", "!!float":
		v, ok := parseFloat(s.v)
		switch whole, exact := parseInt(s.v); {
		case jsonNumber.MatchString(s.v):
			x.write(s.v)
		case exact:
			x.write(strconv.Itoa(whole))
		case ok:
			x.write(strconv.FormatFloat(v, 'g', -1, 64))
		default:
			d.fail(s.at, "must be a number that JSON has, got ", n.Value)
		}
		return
	}
	t := d.placeholders(s.at, s.v, s.src)
	x.write(`"`)
	for _, part := range t {
		if part.Var == "" {
			x.write(unquoteJSON(quoteJSON(part.Literal)))
			continue
		}
		x.text = append(x.text, part)
	}
	x.write(`"`)
	if len(t) > 1 || len(t) == 1 && t[0].Var != "" {
		x.used = append(x.used, freeText{s, t})
	}
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // of a string: never fails
	return strings.TrimSuffix(b.String(), "\n")
}

func (*jsonText) schema(*schema, *field) object { return object{} }
func (*jsonText) kind(*field) string            { return "anything" }
func (*jsonText) inside() []inner               { return nil }

// wrapSpec is a name, or a mapping of paths to names.
type wrapSpec struct{ dict[str] }

func (w *wrapSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		w.at = place(n, p)
		w.items = []entry[str]{{at: w.at}}
		w.items[0].v.decode(d, n, p, nil)
		return
	}
	w.dict.decode(d, n, p, nil)
}

func (*wrapSpec) schema(s *schema, _ *field) object {
	return anyOf((&str{}).schema(s, nil), (&dict[str]{}).schema(s, nil))
}
func (*wrapSpec) kind(*field) string { return "name, or mapping of paths to names" }
func (*wrapSpec) inside() []inner    { return nil }

// unquoteJSON is what stands between the quotes.
func unquoteJSON(s string) string { return s[1 : len(s)-1] }
