package xds

import (
	"fmt"
	"hash/maphash"
	"runtime"
	"unicode/utf8"
	"weak"
)

// maxSaid bounds how many ways of saying names are known, by number: clients say the
// same names in orders of their own, but each in the same one again.
const maxSaid = 1 << 16

// rawKey hashes names as they stand in a request. Nobody outside knows the seeds, so
// that nobody finds two lists with one key.
type rawKey [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// runs are where fields of one number stand in a message: from, to. Mostly it is one.
type runs [][2]int

// with returns r with the field from there to there.
func (r runs) with(from, to int) runs {
	if last := len(r) - 1; last >= 0 && r[last][1] == from {
		r[last][1] = to
		return r
	}
	return append(r, [2]int{from, to})
}

func (r runs) key(b []byte) (key rawKey) {
	for i, s := range seeds {
		var h maphash.Hash
		h.SetSeed(s)
		for _, run := range r {
			_, _ = h.Write(b[run[0]:run[1]])
		}
		key[i] = h.Sum64()
	}
	return key
}

// said returns the names that stand in b at these places; "*" among them is all there
// are. Each SotW request of a large client, acknowledgements too, has thousands, which
// are nearly always those of its request before: so they are only read when they are
// not known by the bytes they are made of.
func (i *interner) said(b []byte, at runs) (*names, error) {
	key := at.key(b)
	i.mu.Lock()
	n := i.raw[key].Value()
	i.mu.Unlock()
	if n != nil {
		return n, nil
	}
	var list []string
	wild := false
	for _, run := range at {
		for rest := b[run[0]:run[1]]; len(rest) > 0; {
			number, v, size, err := nextField(rest)
			switch {
			case err != nil:
				return nil, err
			case !utf8.Valid(v):
				return nil, fmt.Errorf("parse request: field %d is not UTF-8", number)
			case string(v) == "*":
				wild = true
			default:
				list = append(list, string(v))
			}
			rest = rest[size:]
		}
	}
	n = i.get(wild, list)
	i.remember(key, n)
	return n, nil
}

func (i *interner) remember(key rawKey, n *names) {
	if n == everybody {
		return // it never goes, and costs nothing to read
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.raw == nil || len(i.raw) >= maxSaid {
		i.raw = map[rawKey]weak.Pointer[names]{}
	}
	i.raw[key] = weak.Make(n)
	runtime.AddCleanup(n, i.forgetSaid, key)
}

func (i *interner) forgetSaid(key rawKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p, ok := i.raw[key]; ok && p.Value() == nil {
		delete(i.raw, key)
	}
}

// had returns what stands in b at these places: names and versions, of this hash. A
// fleet that comes back says thousands of them in each request, and all say the same.
func (i *interner) had(b []byte, at runs, hash uint64) *initial {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h := i.initials[hash].Value(); h != nil {
		return h
	}
	h := &initial{hash: hash}
	for _, run := range at {
		h.entries = append(h.entries, b[run[0]:run[1]]...)
	}
	if i.initials == nil {
		i.initials = map[uint64]weak.Pointer[initial]{}
	}
	i.initials[hash] = weak.Make(h)
	runtime.AddCleanup(h, i.forgetHad, hash)
	return h
}

func (i *interner) forgetHad(hash uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p, ok := i.initials[hash]; ok && p.Value() == nil {
		delete(i.initials, hash)
	}
}
