package blueprints

import (
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// PoolRef names a pool.
type PoolRef struct {
	Position
	Pool string

	written string // Pool as in the file
	step    *step
}

// Routing is where an endpoint's requests go beside its pool.
type Routing struct {
	// Split shares out the requests that no canary takes, by weight; empty: all go to the
	// endpoint's pool, which is the heaviest of them otherwise. In the order of the file.
	Split []Weighted
	// Canaries take the requests that match them; the first that does counts.
	Canaries []Canary
	// Mirrors get copies.
	Mirrors []Mirror
}

// Weighted is a pool's part of a split; the weight may be 0.
type Weighted struct {
	PoolRef
	Weight float64
}

// Canary is a pool for the requests that have all of these headers and cookies, sorted
// by name.
type Canary struct {
	PoolRef
	Headers, Cookies []NameValue
}

// NameValue is a header or cookie with its whole value; "*" is any.
type NameValue struct{ Name, Value string }

// Mirror is a pool that gets copies of a part of the requests.
type Mirror struct {
	PoolRef
	Percent float64
}

// Pools are those that answer: the heaviest pool of a split, or the only one, is first.
// One may stand there more than once.
func (r *ProxyRoute) Pools() []string {
	out := []string{r.Pool}
	for _, w := range r.Split {
		if w.Weight > 0 {
			out = append(out, w.Pool)
		}
	}
	for _, c := range r.Canaries {
		out = append(out, c.Pool)
	}
	return out
}

// refs are all pools that r names.
func (r *ProxyRoute) refs() []PoolRef {
	var out []PoolRef
	if len(r.Split) == 0 {
		out = append(out, PoolRef{r.Position, r.Pool, r.written, r.step})
	}
	for _, w := range r.Split {
		out = append(out, w.PoolRef)
	}
	for _, c := range r.Canaries {
		out = append(out, c.PoolRef)
	}
	for _, m := range r.Mirrors {
		out = append(out, m.PoolRef)
	}
	return out
}

func (d *decoder) poolRef(s str) PoolRef {
	return PoolRef{d.position(s.at), s.v, s.src, s.path}
}

// routing fills in what an endpoint says beside upstream, which may be not given.
func (d *decoder) routing(p *ProxyRoute, r *routeSpec, upstream at) {
	total, most := 0.0, -1.0
	for _, x := range r.Split.items {
		w := Weighted{PoolRef{d.position(x.at), x.key, x.key, x.path}, x.v.v}
		if w.Weight > most {
			most = w.Weight
			p.Pool, p.written, p.Position, p.step = w.Pool, w.written, w.Position, w.step
		}
		total += w.Weight
		p.Split = append(p.Split, w)
	}
	switch {
	case !r.Split.given():
	case upstream.given():
		d.fail(r.Split.at, "must not stand beside upstream: take one of the two out")
	case r.Targets.given():
		d.fail(r.Split.at, "must not stand beside targets: make them a pool under upstreams, and name that here")
	case total == 0:
		d.fail(r.Split.at, "must have a pool with a weight above 0")
	}
	for i := range r.Canary.items {
		if c := &r.Canary.items[i]; c.Upstream.given() {
			p.Canaries = append(p.Canaries, d.canary(c))
		}
	}
	for i := range r.Mirror.items {
		if m := &r.Mirror.items[i]; m.Upstream.given() {
			p.Mirrors = append(p.Mirrors, Mirror{d.poolRef(m.Upstream), m.Percent.or(100)})
		}
	}
}

func (d *decoder) canary(c *canarySpec) Canary {
	out := Canary{PoolRef: d.poolRef(c.Upstream), Headers: d.matched(&c.Headers), Cookies: d.matched(&c.Cookies)}
	if len(out.Headers)+len(out.Cookies) == 0 {
		d.fail(c.at, "needs the key headers or cookies: which requests go there; for a part of all requests use split")
	}
	return out
}

// matched are the names and values of a canary.
func (d *decoder) matched(m *dict[str]) (out []NameValue) {
	for _, x := range m.items {
		if !token(x.key) {
			d.fail(x.at, "must be the name of a header or cookie, got ", quote(x.key))
		} else if x.v.given() {
			out = append(out, NameValue{x.key, x.v.v})
		}
	}
	slices.SortFunc(out, func(a, b NameValue) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// A mirror may be its pool's name alone.
func (s *mirrorSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		s.at = place(n, p)
		s.Upstream.decode(d, n, p, nil)
		return
	}
	d.object(reflect.ValueOf(s).Elem(), n, p)
}

func (*mirrorSpec) schema(s *schema, _ *field) object {
	return anyOf(object{"type": []string{"string", "number", "boolean"}}, s.ref(reflect.TypeFor[mirrorSpec]()))
}
func (*mirrorSpec) kind(*field) string { return "pool or mapping" }
func (*mirrorSpec) inside() []inner    { return self[mirrorSpec]() }
