package fleet

import (
	"maps"
	"sync"

	"backworks/blueprints"
)

// memory is a LastGood.
type memory struct {
	mu    sync.Mutex
	good  map[string]blueprints.FileSet
	fails error
	saved chan struct{}
}

func (m *memory) Load() (map[string]blueprints.FileSet, error) { return nil, nil }

func (m *memory) Save(good map[string]blueprints.FileSet) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() {
		select {
		case m.saved <- struct{}{}:
		default:
		}
	}()
	if m.fails != nil {
		return m.fails
	}
	m.good = good
	return nil
}

// versions is an Archive.
type versions struct {
	mu      sync.Mutex
	records map[string]map[string][]byte
	files   map[string]blueprints.FileSet
}

func (v *versions) Records(main string) (map[string][]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.records[main]), nil
}

func (v *versions) Files(_, version string) (blueprints.FileSet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.files[version], nil
}

func (v *versions) Keep(main, version string, record []byte, files blueprints.FileSet, drop []string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.records[main] == nil {
		v.records[main] = map[string][]byte{}
	}
	v.records[main][version], v.files[version] = record, files
	for _, d := range drop {
		delete(v.records[main], d)
	}
	return nil
}

func (v *versions) Drop(main, version string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.records[main], version)
	return nil
}
