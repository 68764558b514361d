package main

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// resource is one that a client holds.
type resource struct {
	name, version string // version: delta's
	sum           uint64 // of name and body
	// refs are the names of what it needs: of a cluster its assignment, of a listener
	// its routes.
	refs []string
}

// digest identifies what a client holds of one kind, its versions apart.
type digest struct {
	sum   uint64
	count int
}

// holding is what clients hold of one kind. It is immutable: all clients with the
// same hold the same.
type holding struct {
	digest
	versions uint64
	byName   map[string]*resource
	refs     *nameList
	once     sync.Once
	initial  []byte // as initial_resource_versions
}

var nothing = &holding{refs: newNameList(nil)}

// step is a response that was applied to a holding, and what came of it.
type step struct {
	from    *holding
	content uint64
}

type outcome struct {
	to      *holding
	put     map[string]bool
	changed []string // refs of what was added or changed
}

// memory is what all clients of a fleet share, so that the second one to get a
// response only looks up what it leads to.
type memory struct {
	delta     bool
	mu        sync.RWMutex
	steps     map[step]*outcome
	resources map[uint64]*resource
	holdings  map[[3]uint64]*holding
}

// maxSteps bounds what is remembered; servers that order resources by chance never
// say the same twice.
const maxSteps = 1 << 10

func newMemory(delta bool) *memory {
	return &memory{delta: delta, steps: map[step]*outcome{}, resources: map[uint64]*resource{}, holdings: map[[3]uint64]*holding{}}
}

func (m *memory) apply(from *holding, r response) *outcome {
	key := step{from, r.content}
	m.mu.RLock()
	out := m.steps[key]
	m.mu.RUnlock()
	if out != nil {
		return out
	}
	out = m.work(from, r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.steps) >= maxSteps {
		clear(m.steps)
	}
	m.steps[key] = out
	return out
}

func (m *memory) work(from *holding, r response) *outcome {
	out := &outcome{put: make(map[string]bool, r.resources)}
	next := make(map[string]*resource, max(len(from.byName), r.resources))
	// A SotW response of these kinds is all there is; else it adds to what there is.
	if m.delta || r.kind == assignments || r.kind == routes {
		maps.Copy(next, from.byName)
	}
	_ = eachField(r.raw, func(number protowire.Number, v []byte, _, _ int) {
		switch number {
		case responseResources:
			x := m.resource(r.kind, v)
			out.put[x.name] = true
			if old := from.byName[x.name]; old == nil || old.sum != x.sum {
				out.changed = append(out.changed, x.refs...)
			}
			next[x.name] = x
		case responseRemoved:
			delete(next, string(v))
		}
	})
	out.to = m.hold(r.kind, next)
	return out
}

// hold returns the one holding of these resources.
func (m *memory) hold(k kind, of map[string]*resource) *holding {
	h := &holding{digest: digest{count: len(of)}, byName: of}
	for _, x := range of {
		h.sum += x.sum
		h.versions += maphash.String(seed, x.name+"\x00"+x.version)
	}
	key := [3]uint64{uint64(k), h.sum, h.versions}
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.holdings[key]; known != nil {
		return known
	}
	var refs []string
	for _, x := range of {
		refs = append(refs, x.refs...)
	}
	slices.Sort(refs)
	h.refs = newNameList(slices.Compact(refs))
	m.holdings[key] = h
	return h
}

// resource reads one of a response: an Any, in delta within a Resource.
func (m *memory) resource(k kind, raw []byte) *resource {
	key := maphash.Bytes(seed, raw)
	m.mu.RLock()
	x := m.resources[key]
	m.mu.RUnlock()
	if x != nil {
		return x
	}
	x = &resource{}
	wrapped := raw
	if m.delta {
		x.name, x.version, wrapped = string(field(raw, resourceName)), string(field(raw, resourceVersion)), field(raw, resourceBody)
	}
	body := field(wrapped, anyValue)
	if !m.delta { // the name is field 1 of all four
		x.name = string(field(body, 1))
	}
	x.sum, x.refs = sumOf(x.name, body), refsOf(k, x.name, body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resources[key] = x
	return x
}

func sumOf(name string, body []byte) uint64 {
	return mix(maphash.String(seed, name), maphash.Bytes(seed, body))
}

// refsOf finds what a resource needs: Cluster.eds_cluster_config.service_name, or the
// cluster's name; the rds.route_config_name of a listener's connection managers.
func refsOf(k kind, name string, body []byte) (refs []string) {
	each := func(b []byte, wanted protowire.Number, f func([]byte)) {
		_ = eachField(b, func(number protowire.Number, v []byte, _, _ int) {
			if number == wanted {
				f(v)
			}
		})
	}
	switch k {
	case clusters:
		each(body, 3, func(eds []byte) {
			if service := field(eds, 2); len(service) > 0 {
				name = string(service)
			}
			refs = append(refs, name)
		})
	case listeners:
		each(body, 3, func(chain []byte) {
			each(chain, 3, func(filter []byte) {
				if config := field(field(field(filter, 4), anyValue), 3); config != nil {
					refs = append(refs, string(field(config, 2)))
				}
			})
		})
	}
	return refs
}

// initialVersions are the holding's, as fields of a first delta request.
func (h *holding) initialVersions() []byte {
	h.once.Do(func() {
		for _, name := range slices.Sorted(maps.Keys(h.byName)) {
			entry := appendString(appendString(nil, 1, name), 2, h.byName[name].version)
			h.initial = appendString(h.initial, deltaFields.initial, entry)
		}
	})
	return h.initial
}

// digests are what a client holds that has all of a world.
func digests(w world) (out [kinds]digest, err error) {
	for k, list := range w {
		for _, x := range list {
			body, err := marshal(x.message)
			if err != nil {
				return out, err
			}
			out[k].sum += sumOf(x.name, body)
			out[k].count++
		}
	}
	return out, nil
}

// replace puts a resource in the place of the one that sum is of.
func (d *digest) replace(sum *uint64, by named) error {
	body, err := marshal(by.message)
	if err != nil {
		return err
	}
	next := sumOf(by.name, body)
	d.sum += next - *sum
	*sum = next
	return nil
}
