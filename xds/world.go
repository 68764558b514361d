package xds

import (
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
}

// view is what one node gets: the sets of a snapshot, with endpoint state over it.
type view struct {
	version string          // the snapshot's
	sets    map[string]*set // by type URL; those in the order are all there
}

// view returns what a node gets, nil when its group has nothing.
func (w *world) view(name, node string) *view {
	g := w.groups[name]
	if g == nil {
		return nil
	}
	if v := g.nodes[node]; v != nil {
		return v
	}
	return g.common
}

// overlay is endpoint state, sorted, by type URL.
type overlay struct {
	types map[string][]*Resource
	sum   digest
}

func newOverlay(resources []*Resource) *overlay {
	o := &overlay{types: sortByType(resources)}
	for url, list := range o.types {
		kept := list[:0]
		for i, r := range list { // of two with one name the later one holds
			if i+1 == len(list) || list[i+1].name != r.name {
				kept = append(kept, r)
				o.sum += r.sum
			}
		}
		o.types[url] = kept
	}
	return o
}

// state is what the views are built of. It is the Server's, under its lock.
type state struct {
	snapshots map[string]*Snapshot
	overlays  map[string]map[string]*overlay // group → node, "" for all of it
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
	add := func(v *view) {
		for _, s := range v.sets {
			in[s.key()] = s
		}
	}
	for _, g := range w.groups {
		add(g.common)
		for _, v := range g.nodes {
			add(v)
		}
	}
	return in
}

func (in interned) get(s *set) *set {
	if old := in[s.key()]; old != nil {
		return old
	}
	in[s.key()] = s
	return s
}

// build makes the group's views.
func (st *state) build(name string, in interned) *group {
	snapshot, overlays := st.snapshots[name], st.overlays[name]
	base := &view{version: snapshot.version, sets: map[string]*set{}}
	for _, r := range order {
		base.sets[r.url] = in.get(newSet(r.url, nil))
	}
	for url, s := range snapshot.sets {
		base.sets[url] = in.get(s)
	}
	g := &group{common: base.over(overlays[""], in), nodes: map[string]*view{}}
	equal := map[digest]*view{}
	for _, node := range slices.Sorted(maps.Keys(overlays)) {
		if node == "" {
			continue
		}
		o := overlays[node]
		if equal[o.sum] == nil {
			equal[o.sum] = g.common.over(o, in)
		}
		g.nodes[node] = equal[o.sum]
	}
	return g
}

// over returns v with endpoint state laid over it.
func (v *view) over(o *overlay, in interned) *view {
	if o == nil {
		return v
	}
	out := &view{version: v.version, sets: maps.Clone(v.sets)}
	for url, list := range o.types {
		if base := v.sets[url]; base != nil {
			out.sets[url] = in.get(base.with(list))
		} else {
			out.sets[url] = in.get(newSet(url, list))
		}
	}
	return out
}
