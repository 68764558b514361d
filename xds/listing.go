package xds

import (
	"maps"
	"slices"
)

// Listed is a resource by its name, and where it was written.
type Listed struct {
	Type   string // "CDS", "EDS", "LDS", "RDS", "SDS"; else the message's full name
	Name   string
	Origin string
}

// List names the resources by type and name.
func (s *Snapshot) List() (out []Listed) {
	if s == nil {
		return nil
	}
	for _, url := range slices.Sorted(maps.Keys(s.sets)) {
		rule, _ := ruleOf(url)
		for _, r := range s.sets[url].all {
			out = append(out, Listed{rule.label(), r.name, r.origin})
		}
	}
	return out
}
