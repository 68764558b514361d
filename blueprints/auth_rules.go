package blueprints

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// ruleSpec is one of auth's rules.
type ruleSpec struct {
	at
	Name    str              `yaml:"name" doc:"What the rule is for, for people."`
	Action  str              `yaml:"action" enum:"allow|deny" default:"allow" doc:"What becomes of requests to which all of the rule applies."`
	Clients list[str]        `yaml:"clients,client" single:"true" doc:"Clients with these API keys, and users with these passwords, by name."`
	Claims  dict[list[str]]  `yaml:"claims" single:"true" doc:"Claims of the token by name, and the values of which each must have one; realm.role is role in realm, and * stands for any characters. A claim that is a list, or scope, must hold the value."`
	Methods list[methodName] `yaml:"methods,method" single:"true" doc:"Methods of the request; GET is HEAD as well."`
	Paths   list[str]        `yaml:"paths,path" single:"true" doc:"Paths of the request, as those of endpoints are written."`
	Sources list[str]        `yaml:"sources,source" single:"true" doc:"Addresses of clients, as 10.0.0.0/8 or 2001:db8::1; behind proxies in front as many as server.trusted_hops says."`
}

// Rule allows or denies requests to which all that it says applies; of each list it is
// enough that one does.
type Rule struct {
	Position
	Deny    bool
	Clients []Named
	// Claims are sorted by name.
	Claims []ClaimRule
	// Methods are upper case and sorted.
	Methods []string
	Paths   []Path
	Sources []netip.Prefix
}

// ClaimRule is a claim and the values of which it must have one, in which * stands for
// any characters.
type ClaimRule struct {
	Claim  string
	Values []string
}

// ClaimPath leads to a claim: realm.role is role in realm. Names that are URLs, as
// issuers have them for claims of their own, are one part.
func ClaimPath(claim string) []string {
	if strings.Contains(claim, "/") {
		return []string{claim}
	}
	return strings.Split(claim, ".")
}

func (d *decoder) rules(l list[ruleSpec]) []Rule {
	if l.given() && len(l.items) == 0 {
		d.fail(l.at, "must not be empty: leave the key out where no rules hold")
	}
	var out []Rule
	for i := range l.items {
		out = append(out, d.rule(&l.items[i]))
	}
	return out
}

func (d *decoder) rule(s *ruleSpec) Rule {
	r := Rule{
		Position: d.position(s.at), Deny: s.Action.v == "deny",
		Clients: d.named(s.Clients), Claims: d.claimRules(s.Claims), Methods: d.methods(s.Methods),
	}
	if s.Methods.given() && len(r.Methods) == 0 {
		d.fail(s.Methods.at, "must name methods: leave the key out where any will do")
	}
	for _, p := range d.atLeastOne(s.Paths) {
		if path := d.path(p); !path.broken {
			r.Paths = append(r.Paths, path)
		}
	}
	for _, a := range d.atLeastOne(s.Sources) {
		if p, ok := d.addressRange(a); ok {
			r.Sources = append(r.Sources, p)
		}
	}
	if !s.Clients.given() && !s.Claims.given() && !s.Methods.given() && !s.Paths.given() && !s.Sources.given() {
		d.fail(s.at, "says nothing of requests, and would hold for all: give it clients, claims, methods, paths or sources")
	}
	return r
}

// atLeastOne are the values of a list that is not empty where it is there.
func (d *decoder) atLeastOne(l list[str]) (out []str) {
	if l.given() && len(l.items) == 0 {
		d.fail(l.at, "must not be empty: leave the key out, or name one")
	}
	for _, s := range l.items {
		if s.given() {
			out = append(out, s)
		}
	}
	return out
}

func (d *decoder) claimRules(m dict[list[str]]) (out []ClaimRule) {
	if m.given() && len(m.items) == 0 {
		d.fail(m.at, "must not be empty: leave the key out, or name one")
	}
	for _, e := range m.items {
		if slices.Contains(ClaimPath(e.key), "") {
			d.fail(e.at, "must be a claim such as sub or realm.role")
		}
		c := ClaimRule{Claim: e.key}
		if !e.v.given() {
			d.fail(e.at, "needs a value")
		}
		for _, s := range d.atLeastOne(e.v) {
			c.Values = append(c.Values, s.v)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b ClaimRule) int { return cmp.Compare(a.Claim, b.Claim) })
	return out
}

func (d *decoder) addressRange(s str) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s.v)
	if a, single := netip.ParseAddr(s.v); single == nil && a.Zone() == "" {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	switch {
	case err != nil:
		d.fail(s.at, "must be an address or a range such as 10.0.0.0/8, got ", s.quote())
		return p, false
	case p.Masked() != p:
		d.fail(s.at, "has bits behind the length of its range: is it ", unlessFilledIn(s.src, p.Masked().String()), "?")
		return p, false
	}
	return p, true
}
