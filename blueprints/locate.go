package blueprints

import (
	"gopkg.in/yaml.v3"
)

// locate is the path to the value at a place of a file, for a problem that was
// found after decoding; nil where none begins there.
func locate(content []byte, line, column int) *step {
	var root yaml.Node
	if yaml.Unmarshal(content, &root) != nil || len(root.Content) != 1 {
		return nil // it was readable once, and has changed since
	}
	var found *step
	var walk func(n *yaml.Node, here *step, item bool)
	walk = func(n *yaml.Node, here *step, item bool) {
		is := func(x *yaml.Node) bool { return x.Line == line && x.Column == column }
		if is(n) && here != nil {
			found = here // a mapping begins where its first key does: the inmost wins
		}
		for i, c := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				walk(c, here.item(i), true)
			case n.Kind != yaml.MappingNode:
			case i%2 == 1:
				walk(c, here.under(n.Content[i-1].Value), false)
			case is(c) && !(item && is(n)): // but an element of a list is meant as a whole
				found = here.under(c.Value)
			}
		}
	}
	walk(root.Content[0], nil, true)
	return found
}
