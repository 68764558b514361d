package xds

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"weak"
)

// names is an immutable set of resource names: what a client subscribes to, or what
// it is to be sent again. Equal ones are the same pointer.
type names struct {
	// wild: all names there are. Those in the list are subscribed to by name besides.
	wild bool
	list []string // sorted, unique
	// bytes is the length of all of them.
	bytes int
}

// nobody is the subscription to nothing; everybody the one to all.
var (
	nobody    = &names{}
	everybody = &names{wild: true}
)

func (n *names) has(name string) bool { return n.wild || n.lists(name) }

// lists says whether name itself is in the list.
func (n *names) lists(name string) bool {
	_, ok := slices.BinarySearch(n.list, name)
	return ok
}

func (n *names) empty() bool { return !n.wild && len(n.list) == 0 }

// interner makes equal name sets one pointer, as long as somebody holds it, and equal
// words of clients.
type interner struct {
	mu  sync.Mutex
	all map[[16]byte]weak.Pointer[names]
	// By how clients say it: see said and had.
	raw      map[rawKey]weak.Pointer[names]
	initials map[uint64]weak.Pointer[initial]
}

// get returns the set of these names; it takes the list over.
func (i *interner) get(wild bool, list []string) *names {
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) == 0 {
		if wild {
			return everybody
		}
		return nobody
	}
	key := nameKey(wild, list)
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := i.all[key].Value(); n != nil {
		return n
	}
	if i.all == nil {
		i.all = map[[16]byte]weak.Pointer[names]{}
	}
	n := &names{wild: wild, list: list}
	for _, name := range list {
		n.bytes += len(name)
	}
	i.all[key] = weak.Make(n)
	runtime.AddCleanup(n, i.forget, key)
	return n
}

func (i *interner) forget(key [16]byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p, ok := i.all[key]; ok && p.Value() == nil {
		delete(i.all, key)
	}
}

// nameKey hashes names, each with its length before it.
func nameKey(wild bool, list []string) (key [16]byte) {
	h := sha256.New()
	if wild {
		h.Write([]byte{1})
	}
	var length [4]byte
	for _, s := range list {
		binary.LittleEndian.PutUint32(length[:], uint32(len(s)))
		h.Write(length[:])
		h.Write([]byte(s))
	}
	copy(key[:], h.Sum(nil))
	return key
}

// join returns a and b together; nil is nothing.
func (i *interner) join(a, b *names) *names {
	switch {
	case a == nil || a == b || a.empty():
		return b
	case b == nil || b.empty():
		return a
	}
	return i.get(a.wild || b.wild, slices.Concat(a.list, b.list))
}

// without returns a less the names listed in b; nil when nothing is left.
func (i *interner) without(a, b *names) *names {
	if a == nil || b == nil {
		return a
	}
	out := i.get(a.wild, slices.DeleteFunc(slices.Clone(a.list), b.lists))
	if out.empty() {
		return nil
	}
	return out
}

// both returns what a and b have in common.
func (i *interner) both(a, b *names) *names {
	switch {
	case a == b || b.wild && a.wild || b.wild:
		return a
	case a.wild:
		return b
	}
	if !slices.ContainsFunc(a.list, func(s string) bool { return !b.lists(s) }) {
		return a
	}
	return i.get(false, slices.DeleteFunc(slices.Clone(a.list), func(s string) bool { return !b.lists(s) }))
}
