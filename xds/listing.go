package xds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
)

// Listed is a resource by its name, and where it was written.
type Listed struct {
	Type   string // "CDS", "EDS", "LDS", "RDS", "SDS"; else the message's full name
	Name   string
	Origin string
}

// List names the resources by type and name.
func (r Release) List() (out []Listed) {
	for label, x := range r.each() {
		out = append(out, Listed{label, x.name, x.origin})
	}
	return out
}

// Content is a resource as JSON, as it is shown: without what Envoy's API calls
// sensitive, and without private, which are values and what stands for them. It is nil
// when there is none of that type, as in Listed, and name.
func (r Release) Content(label, name string, private map[string]string) (json.RawMessage, error) {
	for l, x := range r.each() {
		if l == label && x.name == name {
			return x.show(private)
		}
	}
	return nil, nil
}

// each gives the resources with the labels of their types; those of the overlay take the
// place of those of the snapshot.
func (r Release) each() func(yield func(string, *Resource) bool) {
	types := map[string][]*Resource{}
	if r.Snapshot != nil {
		for url, s := range r.Snapshot.sets {
			types[url] = s.all
		}
	}
	if r.Overlay != nil {
		if over := r.Overlay.Resources(typeEndpoint); len(over) > 0 {
			types[typeEndpoint] = over
		}
	}
	return func(yield func(string, *Resource) bool) {
		for _, url := range slices.Sorted(maps.Keys(types)) {
			rule, _ := ruleOf(url)
			for _, x := range types[url] {
				if !yield(rule.label(), x) {
					return
				}
			}
		}
	}
}

// show is the resource as JSON, without secrets.
func (r *Resource) show(private map[string]string) (json.RawMessage, error) {
	content := r.bare().content
	if content == nil {
		return nil, nil
	}
	m, err := content.UnmarshalNew()
	if err != nil {
		return nil, fmt.Errorf("read resource %q: %w", r.name, err)
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write resource %q: %w", r.name, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // 64 bits stay
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("read resource %q: %w", r.name, err)
	}
	if c := NewConcealer(private); c != nil {
		tree = c.conceal(tree)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("write resource %q: %w", r.name, err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
