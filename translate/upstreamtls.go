package translate

import (
	"net/netip"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

const (
	// socketMatch is where Envoy looks for what an endpoint says of its transport socket,
	// and socketHost what ours says there.
	socketMatch = "envoy.transport_socket_match"
	socketHost  = "host"
)

// serverNames are the names by which the targets of p are asked for their certificates,
// sorted: each target's own host, or what the pool says. Envoy's auto_sni would ask for
// the host of the client's request, which no target need know, and auto_host_sni for a
// host with its port.
func serverNames(p *blueprints.Pool) []string {
	switch {
	case !p.TLS:
		return nil
	case p.Secure != nil && p.Secure.SNI != "":
		return []string{p.Secure.SNI}
	}
	var out []string
	for _, t := range p.Targets {
		out = append(out, t.Host)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// secure has the cluster speak TLS: by one socket, or by one for each name, of which
// each endpoint says its own.
func (b *builder) secure(c *clusterv3.Cluster, p *blueprints.Pool) {
	names := serverNames(p)
	if len(names) == 1 {
		c.TransportSocket = b.upstreamTLS(p, names[0])
		return
	}
	for _, n := range names {
		c.TransportSocketMatches = append(c.TransportSocketMatches, &clusterv3.Cluster_TransportSocketMatch{
			Name: n, Match: hostOf(n), TransportSocket: b.upstreamTLS(p, n),
		})
	}
}

func hostOf(name string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{socketHost: structpb.NewStringValue(name)}}
}

// ownSocket is what a target's endpoint says of its socket; nil where the pool, whose
// names these are, has but one.
func ownSocket(names []string, t *blueprints.Target) *corev3.Metadata {
	if len(names) < 2 {
		return nil
	}
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{socketMatch: hostOf(t.Host)}}
}

// upstreamTLS is a socket for targets whose certificates are made out for name.
func (b *builder) upstreamTLS(p *blueprints.Pool, name string) *corev3.TransportSocket {
	trusted := &tlsv3.CertificateValidationContext{MatchTypedSubjectAltNames: sanMatchers([]string{name})}
	common := new(tlsv3.CommonTlsContext)
	c := &tlsv3.UpstreamTlsContext{CommonTlsContext: common}
	if _, err := netip.ParseAddr(name); err != nil {
		c.Sni = name // which an IP address cannot be (RFC 6066, section 3)
	}
	t := p.Secure
	if t != nil {
		common.TlsParams = tlsParams(t.MinVersion)
		if t.Certificate != nil {
			common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{sds(poolCertificate(p))}
		}
	}
	switch {
	case t != nil && t.Insecure:
	case t != nil && t.CA != nil:
		common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext: trusted, ValidationContextSdsSecretConfig: sds(poolCA(p)),
			},
		}
	default:
		trusted.TrustedCa = &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: systemRoots}}
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: trusted}
	}
	return b.socket(tlsSocket, &corev3.TransportSocket_TypedConfig{TypedConfig: b.typed(c)})
}
