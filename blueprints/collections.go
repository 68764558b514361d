package blueprints

import (
	"reflect"

	"gopkg.in/yaml.v3"
)

// list is a YAML list. Where its field has single:"true", one value stands for a
// list of one.
type list[T any] struct {
	at
	items []T
}

func (l *list[T]) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	l.at = place(n, p)
	switch {
	case n.Kind == yaml.SequenceNode:
		l.items = make([]T, len(n.Content))
		for i, c := range n.Content {
			d.value(reflect.ValueOf(&l.items[i]), c, p.item(i), f)
		}
	case isNull(n):
	case f != nil && f.single:
		l.items = make([]T, 1)
		d.value(reflect.ValueOf(&l.items[0]), n, p, f)
	default:
		d.fail(l.at, "must be a list, got ", kindOf(n))
	}
}

// dict is a YAML mapping with keys of the user's own, in file order.
type dict[T any] struct {
	at
	items []entry[T]
}

type entry[T any] struct {
	at
	key string
	v   T
}

func (m *dict[T]) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	m.at = place(n, p)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(m.at, "must be a mapping of names to values, got ", kindOf(n))
		return
	}
	m.items = make([]entry[T], 0, len(n.Content)/2)
	d.pairs(n, p, func(k, v *yaml.Node) {
		under := p.under(k.Value)
		m.items = append(m.items, entry[T]{at: place(k, under), key: k.Value})
		d.value(reflect.ValueOf(&m.items[len(m.items)-1].v), v, under, f)
	})
}
