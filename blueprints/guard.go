package blueprints

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// guard bounds what walking a tree costs: its depth, and its size with every
// alias written out. It refuses aliases within themselves and foreign tags.
type guard struct {
	d     *decoder
	known map[*yaml.Node]extent // of anchored nodes, so that each is walked once
	bad   bool
}

type extent struct {
	size, height int
	open         bool // we are inside it
}

func (d *decoder) guard(top *yaml.Node) bool {
	g := guard{d: d, known: map[*yaml.Node]extent{}}
	if e := g.extent(top, 0); e.size > maxNodes {
		g.fail(top, "the file has more than ", strconv.Itoa(maxNodes), " values, those of its aliases counted each time")
	}
	return !g.bad
}

func (g *guard) fail(n *yaml.Node, message ...string) extent {
	if !g.bad {
		g.d.fail(place(n, nil), message...)
	}
	g.bad = true
	return extent{}
}

// extent is that of n, which stands depth below the top.
func (g *guard) extent(n *yaml.Node, depth int) extent {
	if g.bad {
		return extent{}
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	e, known := g.known[n]
	switch {
	case known && e.open:
		return g.fail(n, "the anchor ", quote(n.Anchor), " contains itself")
	case depth+e.height > maxDepth:
		return g.fail(n, "is nested more than ", strconv.Itoa(maxDepth), " deep")
	case known:
		return e
	}
	switch n.Tag {
	case "", "!", "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
	default:
		return g.fail(n, "the tag ", quote(n.Tag), " is not supported: take it out")
	}
	return g.inside(n, depth)
}

func (g *guard) inside(n *yaml.Node, depth int) extent {
	if n.Anchor != "" {
		g.known[n] = extent{open: true}
	}
	e := extent{size: 1}
	for _, c := range n.Content {
		x := g.extent(c, depth+1)
		e.size = min(e.size+x.size, maxNodes+1)
		e.height = max(e.height, x.height+1)
	}
	if n.Anchor != "" {
		g.known[n] = e
	}
	return e
}
