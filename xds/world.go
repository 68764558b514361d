package xds

import (
	"cmp"
	"maps"
	"slices"
)

// world is everything that is published, at one moment. It is immutable; next is
// closed when another one takes its place.
type world struct {
	seq    uint64
	epoch  uint64 // of the last Publish: nodes are asked for their group again
	groups map[string]*group
	next   chan struct{}
}

// group is what the nodes of a group get: all the same view, but those with
// endpoint state of their own.
type group struct {
	common *view
	nodes  map[string]*view
	quiet  bool
}

// view is what one node gets: the sets of a snapshot, with endpoint state over it.
type view struct {
	version string          // the snapshot's
	private bool            // there are private keys in it
	sets    map[string]*set // by type URL; those in the order are all there
}

// view returns what a node gets, nil when its group has nothing, or leaves those alone
// that came back.
func (w *world) view(name, node string, back bool) *view {
	g := w.groups[name]
	if g == nil {
		return nil
	}
	if v := g.nodes[node]; v != nil {
		return v
	}
	if g.quiet && back {
		return nil
	}
	return g.common
}

// Overlay is endpoint state: resources that replace those of a snapshot by name, or
// are added to them. It is immutable.
type Overlay struct {
	sets map[string]*set // by type URL
	sum  digest
}

// NewOverlay makes an Overlay of resources in any order; of two with one type and name
// the later one holds. Without resources it is nil.
func NewOverlay(resources []*Resource) *Overlay {
	if len(resources) == 0 {
		return nil
	}
	o := &Overlay{sets: map[string]*set{}}
	for url, list := range sortByType(resources) {
		kept := list[:0]
		for i, r := range list {
			if i+1 == len(list) || list[i+1].name != r.name {
				kept = append(kept, r)
			}
		}
		o.sets[url] = newSet(url, kept)
		o.sum += o.sets[url].sum
	}
	return o
}

// With returns o with other resources in it, in the place of those of their type and
// name or added to them.
func (o *Overlay) With(resources []*Resource) *Overlay {
	other := NewOverlay(resources)
	if o == nil || other == nil {
		return cmp.Or(o, other)
	}
	out := &Overlay{sets: maps.Clone(o.sets)}
	for url, s := range other.sets {
		out.sets[url] = s.over(out.sets[url])
	}
	for _, s := range out.sets {
		out.sum += s.sum
	}
	return out
}

// Resources returns those of a type, by its URL, sorted by name.
func (o *Overlay) Resources(url string) []*Resource {
	if o == nil || o.sets[url] == nil {
		return nil
	}
	return o.sets[url].all
}

// state is what the views are built of. It is the Server's, under its lock.
type state struct {
	groups   map[string]Group
	overlays map[string]map[string]*Overlay // group → node, "" for all of it
}

// interned holds the sets of a world by content, so that what an edit did not touch
// is the same pointer after it, and with it all that was computed from it.
type interned map[setKey]*set

type setKey struct {
	url   string
	count int
	sum   digest
}

func (s *set) key() setKey { return setKey{s.url, len(s.all), s.sum} }

// collect returns the sets of a world.
func (w *world) collect() interned {
	in := interned{}
	for _, g := range w.groups {
		in.collect(g)
	}
	return in
}

// collect adds the sets of a group.
func (in interned) collect(g *group) {
	seen := map[*view]bool{}
	add := func(v *view) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, s := range v.sets {
			in[s.key()] = s
		}
	}
	add(g.common)
	for _, v := range g.nodes {
		add(v)
	}
}

// forget drops the memory of the sets that are not in the group's next state, nil when
// it is gone.
func (g *group) forget(next *group) {
	was, is := interned{}, interned{}
	was.collect(g)
	if next != nil {
		is.collect(next)
	}
	for key, s := range was {
		if is[key] != s {
			s.forget()
		}
	}
}

func (in interned) get(s *set) *set {
	if old := in[s.key()]; old != nil {
		return old
	}
	in[s.key()] = s
	return s
}

// build makes the group's views: releases, the group's endpoint state over them, and
// nodes' own over that. Nodes with the same share one view.
func (st *state) build(name string, in interned) *group {
	published, overlays := st.groups[name], st.overlays[name]
	views := map[Release]*view{}
	on := func(r Release) *view {
		if views[r] == nil {
			views[r] = r.view(in).over(overlays[""], in)
		}
		return views[r]
	}
	g := &group{common: on(published.Release), quiet: published.Quiet, nodes: make(map[string]*view, len(published.Others))}
	for node, r := range published.Others {
		if r.Snapshot != nil && r != published.Release {
			g.nodes[node] = on(r)
		}
	}
	type laid struct {
		on  *view
		sum digest
	}
	equal := map[laid]*view{}
	for _, node := range slices.Sorted(maps.Keys(overlays)) {
		if node == "" {
			continue
		}
		base, o := g.common, overlays[node]
		if v := g.nodes[node]; v != nil {
			base = v
		}
		key := laid{base, o.sum}
		if equal[key] == nil {
			equal[key] = base.over(o, in)
		}
		g.nodes[node] = equal[key]
	}
	return g
}

// view is what a release is by itself.
func (r Release) view(in interned) *view {
	v := &view{version: r.Snapshot.version, private: r.Snapshot.private, sets: map[string]*set{}}
	for _, rule := range order {
		v.sets[rule.url] = in.get(newSet(rule.url, nil))
	}
	for url, s := range r.Snapshot.sets {
		v.sets[url] = in.get(s)
	}
	return v.over(r.Overlay, in)
}

// over returns v with endpoint state laid over it.
func (v *view) over(o *Overlay, in interned) *view {
	if o == nil {
		return v
	}
	out := &view{version: v.version, private: v.private, sets: maps.Clone(v.sets)}
	for url, s := range o.sets {
		out.sets[url] = in.get(s.over(v.sets[url]))
	}
	return out
}
