package blueprints

import (
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

func reflectOf(ptr any) reflect.Value { return reflect.ValueOf(ptr) }

// toggled decodes what is either true or false or a mapping.
func (d *decoder) toggled(v reflect.Value, enabled *boolean, n *yaml.Node, p *step) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.object(v, n, p)
		return
	}
	v.Addr().Interface().(interface{ put(at) }).put(place(n, p))
	text, ok := d.text(n, p, "true, false or a mapping")
	if on, is := parseBool(text); ok && is && plain(n, "!!bool") {
		*enabled = boolean{at: place(n, p), v: on}
	} else if ok {
		d.fail(place(n, p), "must be true, false or a mapping, got ", quote(n.Value), unquoted(n, is))
	}
}

func (s *healthCheckSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	d.toggled(reflect.ValueOf(s).Elem(), &s.Enabled, n, p)
}

func (s *breakerSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	d.toggled(reflect.ValueOf(s).Elem(), &s.Enabled, n, p)
}

func (s *rewriteSpec) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		s.at = place(n, p)
		s.template.decode(d, n, p, nil)
		return
	}
	d.object(reflect.ValueOf(s).Elem(), n, p)
}

// A target may be its URL alone.
func (s *targetSpec) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		s.at = place(n, p)
		s.URL.decode(d, n, p, nil)
		return
	}
	d.object(reflect.ValueOf(s).Elem(), n, p)
}

// loadBalancing is an algorithm's name, or a mapping with it.
type loadBalancing struct {
	at
	v      Algorithm
	hashOn list[hashSpec]
}

type loadBalancingMap struct {
	at
	Algorithm str            `yaml:"algorithm,type,strategy" required:"true" doc:"The algorithm, as load_balancing alone."`
	HashOn    list[hashSpec] `yaml:"hash_on" single:"true" default:"client_address" doc:"For ring_hash and maglev: what of a request chooses the target. Of several, the first that the request has; a request that has none goes to any target."`
}

// algorithms in every spelling; the first ourAlgorithms are those to suggest.
var algorithmNames = []string{"weighted_round_robin", "round_robin", "least_connections", "random", "ip_hash", "ring_hash", "maglev",
	"least_request", "weighted", "Weighted", "WeightedRoundRobin", "RoundRobin", "IpHash", "IPHash", "LeastConnections", "Random"}

const ourAlgorithms = 7

func (s *loadBalancing) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	var name str
	if n.Kind == yaml.MappingNode {
		var m loadBalancingMap
		d.object(reflect.ValueOf(&m).Elem(), n, p)
		name, s.hashOn = m.Algorithm, m.HashOn
	} else {
		name.decode(d, n, p, nil)
	}
	if !name.given() {
		return
	}
	s.at = name.at
	if !contains(algorithmNames, name.v) {
		message := oneOf(algorithmNames[:ourAlgorithms], name.v, name.src)
		d.fail(s.at, message...)
		return
	}
	s.v = algorithm(name.v)
}

func algorithm(name string) Algorithm {
	switch strings.ReplaceAll(strings.ToLower(name), "_", "") {
	case "roundrobin":
		return RoundRobin
	case "iphash":
		return IPHash
	case "ringhash":
		return RingHash
	case "maglev":
		return Maglev
	case "leastconnections", "leastrequest":
		return LeastConnections
	case "random":
		return Random
	}
	return WeightedRoundRobin
}

// headerValue is a header's value: text with placeholders, or file:PATH.
type headerValue struct {
	str
	secret bool
}

func (h *headerValue) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	h.str.decode(d, n, p, nil)
	if h.given() && strings.HasPrefix(h.v, "file:") {
		ref := h.v
		h.v, _ = d.secret(h.at, ref)
		h.secret = true
		if d.deps.headers == nil {
			d.deps.headers = map[string]string{}
		}
		d.deps.headers[h.v] = d.secretPath(ref)
	}
}

// verbatim is a string in which ${NAME} is no reference: it may be code.
type verbatim struct{ str }

func (s *verbatim) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	if n.Kind == yaml.ScalarNode && !isNull(n) && codePattern.MatchString(n.Value) {
		s.str = str{at: place(n, p), v: n.Value, src: n.Value}
		return
	}
	s.str.decode(d, n, p, f)
}

// endpoints are a list, a mapping by name, or a mapping by path.
type endpoints struct {
	at
	items []*endpointSpec
}

func (e *endpoints) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	e.at = place(n, p)
	switch {
	case n.Kind == yaml.SequenceNode:
		for i, c := range n.Content {
			e.add(d, new(endpointSpec), c, p.item(i))
		}
	case n.Kind == yaml.MappingNode:
		d.pairs(n, p, func(k, v *yaml.Node) {
			s := &endpointSpec{key: k.Value}
			under := p.under(k.Value)
			e.add(d, s, v, under)
			if strings.HasPrefix(k.Value, "/") {
				s.key = ""
				if !s.Path.given() {
					s.Path = str{at: place(k, under), v: k.Value, src: k.Value}
				}
			}
			s.at = place(k, under)
		})
	case !isNull(n):
		d.fail(e.at, "must be a list of endpoints, or a mapping of names or paths to endpoints, got ", kindOf(n))
	}
}

// add leaves out what is no mapping: all there is to say of it is said.
func (e *endpoints) add(d *decoder, s *endpointSpec, n *yaml.Node, p *step) {
	d.value(reflect.ValueOf(s), n, p, nil)
	if n = resolve(n); n.Kind == yaml.MappingNode || isNull(n) {
		e.items = append(e.items, s)
	}
}

// external says that a plugin is a program of the user's.
func external(n *yaml.Node) bool {
	kind := find(resolve(n), "plugin_type")
	return kind != nil && (kind.Value == "external" || kind.Value == "External")
}

// absentPolicy refuses a policy that would silently not hold. One that is
// switched off may stay.
func (d *decoder) absentPolicy(name string, a at, n *yaml.Node) {
	n = resolve(n)
	off := n.Kind == yaml.ScalarNode && n.Tag == "!!bool" && (n.Value == "false")
	for _, m := range []*yaml.Node{n, find(n, "config")} {
		if e := find(m, "enabled"); e != nil && e.Tag == "!!bool" {
			v, _ := parseBool(e.Value)
			off = off || !v
		}
	}
	if !off {
		d.fail(a, "this version has no plugin ", strconv.Quote(name), ", and the policy would not hold: take it out, or set enabled: false")
	}
}

// find is the value of the first of the keys that a mapping has, or nil.
func find(n *yaml.Node, keys ...string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for _, key := range keys {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return resolve(n.Content[i+1])
			}
		}
	}
	return nil
}
