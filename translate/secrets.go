package translate

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	quicv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/quic/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
)

// Certificates and authorities travel apart from the listeners and clusters that use
// them (SDS), so that a renewed one makes neither of them anew: connections that there
// are stay, and handshakes from then on get the new one.

// certificateName names a certificate of the listener; clientCA are the authorities of
// its clients. Names of pools have no slash.
func certificateName(i int) string { return "listener/certificate/" + strconv.Itoa(i) }

const clientCA = "listener/client_ca"

func poolCertificate(p *blueprints.Pool) string { return "pool/" + p.Name + "/certificate" }
func poolCA(p *blueprints.Pool) string          { return "pool/" + p.Name + "/ca" }

// source is how the content of a file gets to Envoy.
type source func(path string, content []byte) *corev3.DataSource

// contents is for a stream that a key may go out on.
func contents(_ string, content []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: content}}
}

// filenames is for configuration that people see, which must hold no key.
func filenames(path string, _ []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

// FileSecrets are the secrets of a blueprint as people may see them: keys stay in their
// files.
func FileSecrets(bp *blueprints.Blueprint) []Resource { return secrets(bp, filenames) }

// secret is what becomes one: a certificate and its key, or authorities.
type secret struct {
	name    string
	pair    *blueprints.Certificate
	trusted *blueprints.Authorities
	sans    []string // that a certificate must have to be trusted
}

// served yields all that become secrets of bp.
func served(bp *blueprints.Blueprint) iter.Seq[secret] {
	return func(yield func(secret) bool) {
		var all []secret
		if t := bp.TLS; t != nil {
			for i, c := range t.Certificates {
				all = append(all, secret{name: certificateName(i), pair: c})
			}
			if t.Clients != nil {
				s := secret{name: clientCA, trusted: t.Clients.CA, sans: t.Clients.SANs}
				if optionalNames(t.Clients) {
					s.sans = nil // see clientNames
				}
				all = append(all, s)
			}
		}
		for _, p := range bp.Pools {
			if p.Secure != nil {
				all = append(all, secret{name: poolCA(p), trusted: p.Secure.CA}, secret{name: poolCertificate(p), pair: p.Secure.Certificate})
			}
		}
		for _, s := range all {
			if (s.pair != nil || s.trusted != nil) && !yield(s) {
				return
			}
		}
	}
}

// secrets are all of a blueprint, sorted by name.
func secrets(bp *blueprints.Blueprint, from source) []Resource {
	var out []Resource
	for s := range served(bp) {
		m, pos := &tlsv3.Secret{Name: s.name}, blueprints.Position{}
		if c := s.pair; c != nil {
			pos = c.Position
			m.Type = &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
				CertificateChain: from(c.File, c.Chain), PrivateKey: from(c.KeyFile, c.Key),
			}}
		} else {
			pos = s.trusted.Position
			m.Type = &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
				TrustedCa: from(s.trusted.File, s.trusted.Certificates), MatchTypedSubjectAltNames: sanMatchers(s.sans),
			}}
		}
		out = append(out, Resource{Name: s.name, Position: pos, Message: m})
	}
	out = append(out, oauth2Secrets(bp)...)
	slices.SortFunc(out, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// secretsOf are those of bp, but the same messages as before where these do not differ,
// and the same slice where none does.
func (r *Resources) secretsOf(bp *blueprints.Blueprint) []Resource {
	now := secrets(bp, contents)
	same := len(r.Secrets) == len(now)
	for i, j := range Pairs(now, r.Secrets, func(a, b *Resource) int { return strings.Compare(a.Name, b.Name) }) {
		if j < 0 || !proto.Equal(r.Secrets[j].Message, now[i].Message) {
			same = false
			continue
		}
		now[i].Message = r.Secrets[j].Message
		same = same && r.Secrets[j].Position == now[i].Position
	}
	if same {
		return r.Secrets
	}
	return now
}

// staticSocket has s, which may be nil, take its secrets from the bootstrap by their
// names.
func staticSocket(s *corev3.TransportSocket) {
	if s == nil {
		return
	}
	m, err := s.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return // none of ours
	}
	var common *tlsv3.CommonTlsContext
	switch m := m.(type) {
	case *tlsv3.DownstreamTlsContext:
		common = m.CommonTlsContext
	case *quicv3.QuicDownstreamTransport:
		common = m.DownstreamTlsContext.CommonTlsContext
	case *tlsv3.UpstreamTlsContext:
		common = m.CommonTlsContext
	}
	for _, c := range common.GetTlsCertificateSdsSecretConfigs() {
		c.SdsConfig = nil
	}
	for _, c := range []*tlsv3.SdsSecretConfig{
		common.GetValidationContextSdsSecretConfig(), common.GetCombinedValidationContext().GetValidationContextSdsSecretConfig(),
	} {
		if c != nil {
			c.SdsConfig = nil
		}
	}
	s.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: pack(m)}
}

// sds says that a secret comes over the stream. What waits for one waits until it is
// there: by default it would be used without after 15 s.
func sds(name string) *tlsv3.SdsSecretConfig {
	source := ads()
	source.InitialFetchTimeout = duration(0)
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: source}
}

// Served is a certificate, or authorities, of which a blueprint makes a secret.
type Served struct {
	blueprints.Position
	File string
	// Names are what a certificate is made out for.
	Names   []string
	Expires time.Time
}

// Certificates yields those of bp by the names of their secrets.
func Certificates(bp *blueprints.Blueprint) iter.Seq2[string, Served] {
	return func(yield func(string, Served) bool) {
		for s := range served(bp) {
			if c := s.pair; c != nil && !yield(s.name, Served{c.Position, c.File, c.Names, c.Expires}) {
				return
			}
			if a := s.trusted; a != nil && !yield(s.name, Served{a.Position, a.File, nil, a.Expires}) {
				return
			}
		}
	}
}
