package blueprints

import (
	"math"

	"gopkg.in/yaml.v3"
)

// free is a value of any shape, as Static.JSON describes it.
type free struct {
	at
	v    any
	text bool // a plain string
	also []string
	// parts are the strings in v that have placeholders.
	parts []freeText
}

type freeText struct {
	str
	text Text
}

func (x *free) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	x.at = place(n, p)
	if f != nil {
		x.also = f.also
	}
	x.text = n.Kind == yaml.ScalarNode && n.Tag == "!!str"
	x.v = x.value(d, n, p)
}

func (x *free) value(d *decoder, n *yaml.Node, p *step) any {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		d.pairs(n, p, func(k, v *yaml.Node) { m[k.Value] = x.value(d, v, p.under(k.Value)) })
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = x.value(d, c, p.item(i))
		}
		return list
	}
	return x.scalar(d, n, p)
}

func (x *free) scalar(d *decoder, n *yaml.Node, p *step) any {
	if isNull(n) {
		return nil
	}
	var s str
	s.decode(d, n, p, nil)
	switch n.Tag {
	case "!!bool":
		v, ok := parseBool(s.v)
		if ok {
			return v
		}
	case "!!int", "!!float":
		v, ok := parseFloat(s.v)
		switch {
		case !ok:
			d.fail(s.at, "must be a number that JSON has, got ", n.Value)
		case math.Abs(v) >= 1<<53 && v == math.Trunc(v):
			d.fail(s.at, "is a number that many JSON readers cannot hold exactly: write it in quotes")
		}
		return v
	}
	t := d.placeholders(s.at, s.v, s.src, x.also...)
	if len(t) > 1 || len(t) == 1 && t[0].Var != "" {
		x.parts = append(x.parts, freeText{s, t})
	}
	return t
}

// textValue is a text with placeholders.
type textValue struct {
	str
	text Text
}

func (t *textValue) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	t.str.decode(d, n, p, nil)
	if t.given() {
		var also []string
		if f != nil {
			also = f.also
		}
		t.text = d.placeholders(t.at, t.v, t.src, also...)
	}
}

func (*textValue) kind(*field) string { return "string with placeholders" }
