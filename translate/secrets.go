package translate

import (
	"slices"
	"strconv"
	"strings"

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

// secrets are all of a blueprint, sorted by name.
func secrets(bp *blueprints.Blueprint, from source) []Resource {
	var out []Resource
	add := func(name string, pos blueprints.Position, s *tlsv3.Secret) {
		s.Name = name
		out = append(out, Resource{Name: name, Position: pos, Message: s})
	}
	pair := func(name string, c *blueprints.Certificate) {
		if c != nil {
			add(name, c.Position, &tlsv3.Secret{Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
				CertificateChain: from(c.File, c.Chain), PrivateKey: from(c.KeyFile, c.Key),
			}}})
		}
	}
	trusted := func(name string, a *blueprints.Authorities, sans []string) {
		if a != nil {
			add(name, a.Position, &tlsv3.Secret{Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
				TrustedCa: from(a.File, a.Certificates), MatchTypedSubjectAltNames: sanMatchers(sans),
			}}})
		}
	}
	if t := bp.TLS; t != nil {
		for i, c := range t.Certificates {
			pair(certificateName(i), c)
		}
		if t.Clients != nil {
			trusted(clientCA, t.Clients.CA, t.Clients.SANs)
		}
	}
	for _, p := range bp.Pools {
		if p.Secure != nil {
			pair(poolCertificate(p), p.Secure.Certificate)
			trusted(poolCA(p), p.Secure.CA, nil)
		}
	}
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

// Confidential says that private keys are among the resources, which must not go out
// where others can read them.
func (r *Resources) Confidential() bool {
	return slices.ContainsFunc(r.Secrets, func(s Resource) bool { return s.Message.(*tlsv3.Secret).GetTlsCertificate() != nil })
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
