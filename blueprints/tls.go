package blueprints

import (
	"net/netip"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// tlsSpec is the plugin tls.
type tlsSpec struct {
	at
	Certificates list[certificateSpec] `yaml:"certificates,certificate" single:"true" doc:"Certificates and their keys, in files that are read again when they change. A client gets the one that is made out for the name it asks for, else the first."`
	SelfSigned   selfSigned            `yaml:"self_signed" default:"false" doc:"A certificate for development, made by the proxy and kept in its state dir: true for localhost, or a list of names and addresses. No client trusts it by itself."`
	MinVersion   str                   `yaml:"min_version" enum:"1.2|1.3" default:"1.2" doc:"The oldest version of TLS that clients may speak."`
	HTTP2        boolean               `yaml:"http2" default:"true" doc:"Whether clients may speak HTTP/2."`
	HTTP3        boolean               `yaml:"http3" default:"false" doc:"Whether clients may speak HTTP/3, on the UDP port of the same number; answers tell them of it (alt-svc)."`
	RedirectPort integer               `yaml:"redirect_port" min:"1" max:"65535" doc:"A port on which requests in plain HTTP are sent to HTTPS (308); none without it."`
	PublicPort   integer               `yaml:"public_port" min:"1" max:"65535" doc:"The port under which clients know this one, for redirects and HTTP/3; server.port without it."`
	HSTS         hstsSpec              `yaml:"hsts" default:"false" doc:"Tells browsers to use nothing but HTTPS from now on (RFC 6797): true, false or a mapping."`
	ClientAuth   clientAuthSpec        `yaml:"client_auth" doc:"Asks clients for certificates."`
}

type certificateSpec struct {
	at
	Certificate str `yaml:"certificate,cert,cert_file" required:"true" doc:"A PEM file with the certificate and those of its chain; its path is relative to this file."`
	Key         str `yaml:"key,private_key,key_file" required:"true" doc:"A PEM file with the private key, without a password."`
}

type hstsSpec struct {
	at
	Enabled    boolean  `yaml:"enabled" default:"true" doc:"Whether browsers are told."`
	MaxAge     duration `yaml:"max_age" default:"8760h" min:"0" doc:"For how long they remember it; 0 has them forget it."`
	Subdomains boolean  `yaml:"include_subdomains" default:"false" doc:"Whether it holds for all subdomains too."`
	Preload    boolean  `yaml:"preload" default:"false" doc:"Whether the domain may stand in the lists of browsers; needs include_subdomains and a year."`
}

func (s *hstsSpec) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	d.toggled(reflect.ValueOf(s).Elem(), &s.Enabled, n, p)
}

type clientAuthSpec struct {
	at
	CA       str       `yaml:"ca" required:"true" doc:"A PEM file with the authorities of which one must have signed a client's certificate; it is read again when it changes."`
	Required boolean   `yaml:"required" default:"true" doc:"Whether a client needs one. With false, one that has none may come, but none with a bad one."`
	SANs     list[str] `yaml:"sans,san" single:"true" doc:"DNS names, URIs, email or IP addresses, exact or with * as a glob, of which the certificate must have one; any without it. With required: false they are DNS names and URIs, and a certificate without one of them is answered with 403."`
	Forward  boolean   `yaml:"forward" default:"false" doc:"Whether targets are told of the certificate in X-Forwarded-Client-Cert. What clients send in it never reaches them."`
}

// TLS is how the proxy's listener speaks it.
type TLS struct {
	Position
	// Certificates are at least one.
	Certificates []*Certificate
	// MinVersion is "1.2", the default, or "1.3".
	MinVersion string
	// HTTP2 is true by default, HTTP3 false.
	HTTP2, HTTP3 bool
	// RedirectPort is 0 where plain HTTP is not listened to.
	RedirectPort int
	// PublicPort is the server's by default.
	PublicPort int
	// HSTS and Clients are nil without them.
	HSTS    *HSTS
	Clients *ClientAuth
}

// HSTS is what browsers are told of HTTPS.
type HSTS struct {
	// MaxAge is a year by default.
	MaxAge              time.Duration
	Subdomains, Preload bool
}

// ClientAuth is what clients' certificates must be like.
type ClientAuth struct {
	Position
	CA *Authorities
	// Required is true by default, Forward false.
	Required, Forward bool
	// SANs are exact or globs; nil: any.
	SANs []string
}

const year = 365 * 24 * time.Hour

// tls is the plugin tls; nil where it is not there or off.
func (d *decoder) tls(s *pluginSpec[tlsSpec], port int) *TLS {
	if !s.given() || !s.Enabled.or(true) {
		return nil
	}
	c := &s.Config
	t := &TLS{
		Position: d.position(s.at), MinVersion: c.MinVersion.or("1.2"), HTTP2: c.HTTP2.or(true), HTTP3: c.HTTP3.or(false),
		RedirectPort: c.RedirectPort.or(0), PublicPort: c.PublicPort.or(0), HSTS: d.hsts(&c.HSTS), Clients: d.clientAuth(&c.ClientAuth),
	}
	for i := range c.Certificates.items {
		x := &c.Certificates.items[i]
		if pair := d.certificate(x.at, x.Certificate, x.Key); pair != nil {
			t.Certificates = append(t.Certificates, pair)
		}
	}
	if pair := d.selfSigned(c.SelfSigned); pair != nil {
		t.Certificates = append(t.Certificates, pair)
	}
	if len(c.Certificates.items) == 0 && !c.SelfSigned.wanted {
		d.fail(s.at, "needs certificates, each with its key; or, for development, self_signed: true")
	}
	if t.RedirectPort != 0 && t.RedirectPort == port {
		d.fail(c.RedirectPort.at, "is the server's own port, on which HTTPS is spoken: choose another, such as 80")
	}
	if t.HSTS != nil && len(c.Certificates.items) == 0 && len(c.SelfSigned.names) > 0 {
		d.warn(c.HSTS.at, "has no effect with self_signed alone: browsers ignore it behind a certificate that they do not trust")
	}
	return t
}

func (d *decoder) hsts(s *hstsSpec) *HSTS {
	if !s.given() || !s.Enabled.or(true) {
		return nil
	}
	h := &HSTS{MaxAge: s.MaxAge.or(year), Subdomains: s.Subdomains.or(false), Preload: s.Preload.or(false)}
	if h.Preload && (!h.Subdomains || h.MaxAge < year) {
		d.fail(s.Preload.at, "needs include_subdomains: true and a max_age of a year (8760h): the lists take no others")
	}
	return h
}

func (d *decoder) clientAuth(s *clientAuthSpec) *ClientAuth {
	if !s.given() {
		return nil
	}
	c := &ClientAuth{
		Position: d.position(s.at), CA: d.authorities(s.CA), Required: s.Required.or(true), Forward: s.Forward.or(false),
		SANs: d.globs(s.SANs),
	}
	if s.SANs.given() && len(s.SANs.items) == 0 {
		d.fail(s.SANs.at, "must name at least one; without the key any will do")
	}
	for _, x := range s.SANs.items {
		if _, err := netip.ParseAddr(x.v); !c.Required && (err == nil || strings.Contains(x.v, "@")) {
			d.fail(x.at, "must be a DNS name or a URI where required is false")
		}
		if x.given() && strings.Trim(x.v, "*") == "" && x.v != "" {
			d.fail(x.at, "is every name: leave the key out where any will do")
		}
	}
	return c
}
