package xds

import (
	"fmt"
	"slices"
	"strings"
)

// Snapshot is all resources of a group at one version. It is immutable.
type Snapshot struct {
	version string
	sets    map[string]*set // by type URL
	private bool            // there are private keys in it
}

// NewSnapshot makes a snapshot of resources in any order. version is shown to
// people; what is sent is decided by content alone. Two resources of one type and
// name are a mistake of the caller's, for which it panics.
func NewSnapshot(version string, resources []*Resource) *Snapshot {
	s := &Snapshot{version: version, sets: map[string]*set{}}
	for url, list := range sortByType(resources) {
		for i := 1; i < len(list); i++ {
			if list[i].name == list[i-1].name {
				panic(fmt.Sprintf("xds: two resources %q of type %s", list[i].name, url))
			}
		}
		s.sets[url] = newSet(url, list)
		s.private = s.private || slices.ContainsFunc(list, func(r *Resource) bool { return r.private })
	}
	return s
}

// As returns the same resources at another version.
func (s *Snapshot) As(version string) *Snapshot {
	return &Snapshot{version: version, sets: s.sets, private: s.private}
}

// Private returns the same snapshot as one that holds what others must not read on the
// way: it goes out over TLS, loopback and Unix sockets only.
func (s *Snapshot) Private() *Snapshot {
	if s.private {
		return s
	}
	return &Snapshot{version: s.version, sets: s.sets, private: true}
}

// Version returns the version that the snapshot was made with.
func (s *Snapshot) Version() string { return s.version }

// sortByType returns the resources by type URL, sorted by name; of two with one
// name the later one comes later.
func sortByType(resources []*Resource) map[string][]*Resource {
	types := map[string][]*Resource{}
	for _, r := range resources {
		types[r.url] = append(types[r.url], r)
	}
	order := func(a, b *Resource) int { return strings.Compare(a.name, b.name) }
	for _, list := range types {
		if !slices.IsSortedFunc(list, order) { // as they mostly are
			slices.SortStableFunc(list, order)
		}
	}
	return types
}
