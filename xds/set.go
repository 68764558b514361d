package xds

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// maxMemo bounds what a set remembers of the ways that lead to it, by number: the
// clients of a fleet are in few states at a time.
const maxMemo = 64

// set is all resources of one type at one moment. The resources never change; what
// was computed from them is kept.
type set struct {
	id  uint64 // names the set in memos without holding it
	url string
	all []*Resource // sorted by name, unique
	sum digest
	// claimed: some are known by the words of a client only.
	claimed bool

	mu       sync.Mutex
	changes  map[uint64]*change
	replies  map[step]*reply
	unions   map[uint64]*set
	resumed  map[uint64]resumed
	versions map[*names]summary
}

// summary is the digest of a part of a set, and its text.
type summary struct {
	sum     digest
	version string
}

var setIDs atomic.Uint64

// newSet takes over a list that is sorted by name and unique.
func newSet(url string, all []*Resource) *set {
	s := &set{id: setIDs.Add(1), url: url, all: all}
	for _, r := range all {
		s.sum += r.sum
		s.claimed = s.claimed || r.delta == nil
	}
	return s
}

func byName(r *Resource, name string) int { return strings.Compare(r.name, name) }

func (s *set) find(name string) *Resource {
	if i, ok := slices.BinarySearchFunc(s.all, name, byName); ok {
		return s.all[i]
	}
	return nil
}

// subset returns the resources that are subscribed to.
func (s *set) subset(n *names) []*Resource {
	if n.wild {
		return s.all
	}
	var out []*Resource
	for _, name := range n.list {
		if r := s.find(name); r != nil {
			out = append(out, r)
		}
	}
	return out
}

// few is how many times fewer resources are looked for one by one in a list.
const few = 16

// over returns a set with s's resources in the place of those of their name, or added
// to them; base may be nil.
func (s *set) over(base *set) *set {
	switch {
	case base == nil || len(base.all) == 0:
		return s
	case len(s.all) == 0:
		return base
	case len(s.all) > len(base.all)/few:
		return newSet(s.url, merge(s.all, base.all))
	}
	all, sum := slices.Clone(base.all), base.sum
	var added []*Resource
	for _, r := range s.all {
		sum += r.sum
		if i, found := slices.BinarySearchFunc(all, r.name, byName); found {
			sum -= all[i].sum
			all[i] = r
		} else {
			added = append(added, r)
		}
	}
	if added != nil {
		all = merge(added, all)
	}
	return &set{id: setIDs.Add(1), url: s.url, all: all, sum: sum}
}

// merge returns both lists as one; a name that is in both is taken from a.
func merge(a, b []*Resource) []*Resource {
	out := make([]*Resource, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch strings.Compare(a[0].name, b[0].name) {
		case -1:
			out, a = append(out, a[0]), a[1:]
		case 1:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// change is what leads from one set to another.
type change struct {
	put  []*Resource // added or changed, sorted
	was  []*Resource // what the changed ones were, sorted
	gone []*Resource // as they were, sorted
}

// since returns what changed on the way from another set to s.
func (s *set) since(from *set) *change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return recall(&s.changes, from.id, func() *change { return compare(from.all, s.all) })
}

func compare(from, to []*Resource) *change {
	c := &change{}
	for len(from) > 0 || len(to) > 0 {
		switch {
		case len(from) > 0 && len(to) > 0 && from[0] == to[0]: // as nearly all are
			from, to = from[1:], to[1:]
			continue
		case len(from) == 0:
			c.put = append(c.put, to...)
			return c
		case len(to) == 0:
			c.gone = append(c.gone, from...)
			return c
		}
		switch d := cmp.Compare(from[0].name, to[0].name); {
		case d < 0:
			c.gone, from = append(c.gone, from[0]), from[1:]
		case d > 0:
			c.put, to = append(c.put, to[0]), to[1:]
		default:
			if from[0].version != to[0].version {
				c.put, c.was = append(c.put, to[0]), append(c.was, from[0])
			}
			from, to = from[1:], to[1:]
		}
	}
	return c
}

// union returns s and what only from has: the state in which nothing is missing yet.
func (s *set) union(from *set) *set {
	c := s.since(from)
	switch {
	case len(c.gone) == 0:
		return s
	case len(c.put) == 0 && !from.learns(s):
		return from
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return recall(&s.unions, from.id, func() *set { return newSet(s.url, merge(s.all, c.gone)) })
}

// learns says that another set has what only the client knew before.
func (s *set) learns(from *set) bool {
	return s.claimed && slices.ContainsFunc(from.all, func(r *Resource) bool { return s.claims(r.name) })
}

// claims says that only the client knows the resource.
func (s *set) claims(name string) bool {
	r := s.find(name)
	return r != nil && r.delta == nil
}

// disclaimed returns s without what only the client knew, of names that it may have no
// more: it asks for them, or does not want them.
func (s *set) disclaimed(lost func(name string) bool) *set {
	if s == nil || !s.claimed {
		return s
	}
	gone := func(r *Resource) bool { return r.delta == nil && lost(r.name) }
	if !slices.ContainsFunc(s.all, gone) {
		return s
	}
	return newSet(s.url, slices.DeleteFunc(slices.Clone(s.all), gone))
}

// version is the digest of the part of s that a client subscribes to.
func (s *set) version(n *names) string {
	if n.wild {
		return s.sum.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return recall(&s.versions, n, func() summary {
		var sum digest
		for _, r := range s.subset(n) {
			sum += r.sum
		}
		return summary{sum, sum.String()}
	}).version
}

// inherit finds the digest of a part of s by what changed since another set, if that
// has it.
func (s *set) inherit(from *set, c *change, n *names) {
	if n.wild || s.knows(n) {
		return
	}
	from.mu.Lock()
	base, known := from.versions[n]
	from.mu.Unlock()
	if !known {
		return
	}
	sum := base.sum
	add := func(list []*Resource, sign digest) {
		for _, r := range list {
			if n.lists(r.name) {
				sum += sign * r.sum
			}
		}
	}
	add(c.put, 1)
	add(c.was, ^digest(0)) // minus
	add(c.gone, ^digest(0))
	s.mu.Lock()
	defer s.mu.Unlock()
	recall(&s.versions, n, func() summary { return summary{sum, sum.String()} })
}

func (s *set) knows(n *names) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.versions[n]
	return known
}

// forget drops the encoded responses that lead to a set which is not published any
// more: a client that does not answer may hold on to the set for long.
func (s *set) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = nil
}

// recall returns what was made for key, or makes it.
func recall[K comparable, V any](memo *map[K]V, key K, make_ func() V) V {
	if v, ok := (*memo)[key]; ok {
		return v
	}
	v := make_()
	if *memo == nil || len(*memo) >= maxMemo {
		*memo = map[K]V{}
	}
	(*memo)[key] = v
	return v
}
