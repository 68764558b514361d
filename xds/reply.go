package xds

import (
	"slices"
	"strings"
	"time"
)

// step is what a response depends on, besides the set that it leads to.
type step struct {
	delta bool
	// from is the id of the set that the client has, fromNames what of it. 0: none.
	from           uint64
	fromNames, now *names
	// again are names whose resources are sent whatever the client has; nil: none.
	again *names
}

// reply is a response, ready to be sent but for its nonce.
type reply struct {
	step
	to      *set
	version string
	// send: false when the client needs to be told nothing.
	send bool
	body []byte
	// put are the resources that the response adds, changes or sends again, gone the
	// names that it removes: none where it cannot say so. In a full response the
	// unchanged ones are not among put.
	put  []*Resource
	gone []string
	// full: it holds the whole state.
	full bool
	// assignments names what the clusters among put wait for.
	assignments *names
}

// reply returns the response that leads a client from a set, nil for none, to s.
func (s *set) reply(k step, from *set, rule rule, in *interner) *reply {
	var c *change
	if from != nil && from != s {
		k.from = from.id
		c = s.since(from)
		s.inherit(from, c, k.now)
	} else if from == s {
		k.from = s.id
		c = &change{}
	}
	version := s.version(k.now)
	s.mu.Lock()
	defer s.mu.Unlock()
	return recall(&s.replies, k, func() *reply {
		r := &reply{step: k, to: s, version: version}
		r.full = rule.full && !k.delta
		r.pick(c)
		r.decide(rule)
		if r.send {
			r.encode(rule.url)
			now := time.Now().UnixNano()
			for _, x := range r.put {
				x.first.CompareAndSwap(0, now)
			}
		}
		r.assignments = assignmentsOf(r.put, in)
		return r
	})
}

// assignmentsOf names what clusters wait for; nil: nothing.
func assignmentsOf(clusters []*Resource, in *interner) *names {
	var wanted []string
	for _, x := range clusters {
		if x.assignment != "" {
			wanted = append(wanted, x.assignment)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return in.get(false, wanted)
}

// pick finds what the client lacks; c is what changed in what it has.
func (r *reply) pick(c *change) {
	before := r.fromNames
	if c == nil {
		before, c = nobody, &change{}
	}
	for _, x := range c.put {
		if r.now.has(x.name) {
			r.put = append(r.put, x)
		}
	}
	for _, x := range c.gone {
		if r.now.has(x.name) && before.has(x.name) {
			r.gone = append(r.gone, x.name)
		}
	}
	if before != r.now {
		if r.now.wild && !before.wild {
			for _, x := range r.to.all {
				if !before.lists(x.name) {
					r.put = append(r.put, x)
				}
			}
		}
		for _, name := range r.now.list {
			if !before.lists(name) && (!before.wild || r.to.find(name) == nil) {
				r.answer(name)
			}
		}
	}
	if r.again != nil {
		if r.again.wild {
			r.put = append(r.put, r.to.subset(r.now)...)
		}
		for _, name := range r.again.list {
			if r.now.has(name) {
				r.answer(name)
			}
		}
	}
	r.tidy()
}

// answer adds what is to be said of a name: its resource, or that there is none.
func (r *reply) answer(name string) {
	if x := r.to.find(name); x != nil {
		r.put = append(r.put, x)
	} else {
		r.gone = append(r.gone, name)
	}
}

// tidy sorts what was picked; no name may be in a response twice. What only the client
// knows, and keeps until nothing uses it, cannot be sent.
func (r *reply) tidy() {
	r.put = slices.DeleteFunc(r.put, func(x *Resource) bool { return x.delta == nil })
	slices.SortFunc(r.put, func(a, b *Resource) int { return strings.Compare(a.name, b.name) })
	r.put = slices.CompactFunc(r.put, func(a, b *Resource) bool { return a.name == b.name })
	slices.Sort(r.gone)
	r.gone = slices.Compact(r.gone)
	if !r.delta && !r.full {
		r.gone = nil // such a response has no words for it
	}
}

// decide says whether there is anything to tell.
func (r *reply) decide(rule rule) {
	first := r.from == 0
	switch {
	case len(r.put) > 0:
		r.send = true
	case r.delta:
		// An empty answer to a first wildcard ends a client's wait for the type.
		r.send = len(r.gone) > 0 || first && r.now.wild && rule.short != ""
	case rule.full:
		r.send = len(r.gone) > 0 || first && !r.now.empty()
	}
}

// Fields of the responses.
const (
	sotwVersion, deltaVersion = 1, 1
	responseURL               = 4
	responseNonce             = 5
	deltaGone                 = 6
)

func (r *reply) encode(url string) {
	body := appendString(nil, sotwVersion, r.version)
	body = appendString(body, responseURL, url)
	if r.full {
		for _, x := range r.to.subset(r.now) {
			body = append(body, x.sotw...)
		}
		r.body = body
		return
	}
	for _, x := range r.put {
		if r.delta {
			body = append(body, x.delta...)
		} else {
			body = append(body, x.sotw...)
		}
	}
	if r.delta {
		for _, name := range r.gone {
			body = appendString(body, deltaGone, name)
		}
	}
	r.body = body
}

// touched returns the names of everything that the response adds, changes or removes.
func (r *reply) touched(in *interner) *names {
	list := slices.Clone(r.gone)
	for _, x := range r.put {
		list = append(list, x.name)
	}
	return in.get(false, list)
}

// resumed is what a client has by its own words.
type resumed struct {
	words *initial // kept, so that they need not be read again
	set   *set
	names *names
}

// resume returns what a client has that said so.
func (s *set) resume(has *initial, in *interner) resumed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return recall(&s.resumed, has.hash, func() resumed {
		var all []*Resource
		var list []string
		has.each(func(name, version string) {
			list = append(list, name)
			if x := s.find(name); x != nil && x.version == version {
				all = append(all, x)
				return
			}
			all = append(all, &Resource{url: s.url, name: name, version: version, sum: sumOf(name, version)})
		})
		slices.SortFunc(all, func(a, b *Resource) int { return strings.Compare(a.name, b.name) })
		all = slices.CompactFunc(all, func(a, b *Resource) bool { return a.name == b.name })
		out := newSet(s.url, all)
		if out.sum == s.sum && len(all) == len(s.all) {
			out = s
		}
		return resumed{has, out, in.get(false, list)}
	})
}
