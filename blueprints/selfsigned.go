package blueprints

import (
	"reflect"

	"gopkg.in/yaml.v3"
)

// selfSigned is true, false, or names.
type selfSigned struct {
	at
	wanted bool
	names  []string
}

// selfSignedNames are what a development machine is called.
var selfSignedNames = []string{"localhost", "127.0.0.1", "::1"}

func (s *selfSigned) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	s.at = place(n, p)
	if n.Kind == yaml.ScalarNode && !isNull(n) && plain(n, "!!bool") {
		text, ok := d.text(n, p, "true, false or a list of names")
		if on, is := parseBool(text); ok && is && on {
			s.wanted, s.names = true, selfSignedNames
		} else if ok && !is {
			d.fail(s.at, "must be true, false or a list of names, got ", quote(n.Value))
		}
		return
	}
	s.wanted = true
	var l list[str]
	d.value(reflect.ValueOf(&l), n, p, &field{single: true})
	for _, x := range l.items {
		switch {
		case !x.given():
		case !hostName(x.v):
			d.fail(x.at, "must be a DNS name or an IP address, got ", x.quote())
		default:
			s.names = append(s.names, x.v)
		}
	}
	if l.given() && len(l.items) == 0 {
		d.fail(s.at, "must name at least one")
	}
}

// selfSigned is the certificate for development; nil without one, or after a problem.
func (d *decoder) selfSigned(s selfSigned) *Certificate {
	switch {
	case len(s.names) == 0:
		return nil
	case d.develop == nil:
		d.fail(s.at, "cannot be made here: there is no state dir to keep it in")
		return nil
	}
	cert, key, err := d.develop(s.names)
	if err != nil {
		d.fail(s.at, "cannot be made: ", err.Error())
		return nil
	}
	return d.certificate(s.at, str{at: s.at, v: cert, src: cert}, str{at: s.at, v: key, src: key})
}
