package blueprints

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

func (s *targetSpec) label(i int) string {
	if s.Name.given() {
		return "target " + s.Name.quote()
	}
	return "targets[" + strconv.Itoa(i) + "]"
}

// targets normalises the targets of p. Envoy has one transport and one prefix
// for a cluster, so these must be equal.
func (d *decoder) targets(p *Pool, s *poolSpec) {
	names, addresses := map[string]int{}, map[string]int{}
	first := -1
	for i := range s.Targets.items {
		spec := &s.Targets.items[i]
		t, u := d.target(spec)
		if t == nil {
			continue
		}
		if j, taken := names[t.Name]; taken {
			d.fail(pick(spec.Name.at, spec.at), "has the name of ", s.Targets.items[j].label(j), " (line ", strconv.Itoa(s.Targets.items[j].line), "): each target of a pool needs its own")
		} else if j, taken := addresses[t.address()]; taken {
			d.warn(spec.URL.at, "has the address of ", s.Targets.items[j].label(j), " (line ", strconv.Itoa(s.Targets.items[j].line), "): Envoy makes one target of the two")
		}
		names[t.Name], addresses[t.address()] = i, i
		tls, prefix := u.Scheme == "https", strings.TrimRight(u.EscapedPath(), "/")
		switch {
		case first < 0:
			first, p.TLS, p.PathPrefix = i, tls, prefix
		case tls != p.TLS:
			d.fail(spec.URL.at, "http and https cannot be mixed in a pool: ", s.Targets.items[first].label(first), " has the other: use two pools")
		case prefix != p.PathPrefix:
			d.fail(spec.URL.at, "the path differs from that of ", s.Targets.items[first].label(first), ", but is one for the whole pool: make them equal, or use two pools")
		}
		p.Targets = append(p.Targets, t)
	}
}

func (t *Target) address() string { return t.Host + ":" + strconv.Itoa(int(t.Port)) }

// target is nil after a problem.
func (d *decoder) target(s *targetSpec) (*Target, *url.URL) {
	if !s.URL.given() {
		return nil, nil
	}
	u, fault := parseTarget(s.URL.v)
	if fault != "" {
		if !strings.Contains(s.URL.src, "@") { // a password is not printed
			fault += ", got " + s.URL.quote()
		}
		d.fail(s.URL.at, fault)
		return nil, nil
	}
	port := uint64(80)
	if u.Scheme == "https" {
		port = 443
	}
	if u.Port() != "" {
		port, _ = strconv.ParseUint(u.Port(), 10, 16) // parseTarget has seen it
	}
	t := &Target{Position: d.position(s.at), URL: s.URL.v, Host: strings.ToLower(u.Hostname()), Port: uint16(port), Weight: s.Weight.or(1)}
	t.Name = s.Name.or(u.Host)
	switch {
	case t.Name == "":
		d.fail(s.Name.at, "must not be empty")
	case len(t.Name) > 256 || strings.ContainsFunc(t.Name, unicode.IsControl):
		d.fail(pick(s.Name.at, s.at), "must be at most 256 bytes, without control characters")
	}
	return t, u
}

// parseTarget reads a target's URL. fault says what is wrong with it, or is
// empty; it never repeats the URL.
func parseTarget(raw string) (u *url.URL, fault string) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "must be a URL such as http://localhost:3001"
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.User != nil:
		return nil, "must not have a user or password: set the header Authorization in transform_request"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, "must not have a query or a fragment"
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"), u.Port() != "" && (err != nil || port == 0):
		return nil, "the port must be 1 to 65535"
	case !hostName(u.Hostname()):
		return nil, "the host must be a name or an IP address"
	case literalFault(strings.ReplaceAll(u.EscapedPath(), "/", "")) != "":
		return nil, "the path " + literalFault(strings.ReplaceAll(u.EscapedPath(), "/", ""))
	}
	return u, ""
}

// hostName takes IP addresses, and names as RFC 1123 has them, with _ as
// container networks use it.
func hostName(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	if len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !alphanumeric(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
