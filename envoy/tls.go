package envoy

import (
	"errors"
	"net"
	"path/filepath"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	certificateSecret = "backworks_xds_certificate"
	authoritiesSecret = "backworks_xds_authorities"
)

// TLS is how an Envoy makes sure of the management server, and the other way round. All
// paths are those that Envoy finds the files by.
type TLS struct {
	// CA is the file with the authorities that sign the server's certificate.
	CA string
	// Certificate and Key are Envoy's own; "": it shows none.
	Certificate, Key string
	// ServerName is what the server's certificate must be made out for; by default the
	// host of the server's address.
	ServerName string
	// CertificateSecret and AuthoritiesSecret are files with what Secrets returns, through
	// which Envoy reads the others: it then reads them again when they are replaced by a
	// rename, without a restart. "": it reads them once, when it starts.
	CertificateSecret, AuthoritiesSecret string
}

func (t *TLS) check(xds Address) error {
	network, _, err := xds.Split()
	switch {
	case err != nil:
		return err
	case network == "unix":
		return errors.New("make bootstrap: over a Unix socket there is no TLS")
	case t.CA == "":
		return errors.New("make bootstrap: TLS needs the authorities that sign the server's certificate")
	case (t.Certificate == "") != (t.Key == ""):
		return errors.New("make bootstrap: certificate and key need each other")
	}
	return nil
}

// over makes the cluster speak TLS.
func (t *TLS) over(c *clusterv3.Cluster, xds Address) {
	_, address, _ := xds.Split()
	host, _, _ := net.SplitHostPort(address)
	if t.ServerName != "" {
		host = t.ServerName
	}
	san := &tlsv3.SubjectAltNameMatcher{
		SanType: tlsv3.SubjectAltNameMatcher_DNS,
		Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: host}},
	}
	common := &tlsv3.CommonTlsContext{
		TlsParams: &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2, TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3},
		// gRPC servers insist on it.
		AlpnProtocols: []string{"h2"},
	}
	upstream := &tlsv3.UpstreamTlsContext{CommonTlsContext: common}
	if net.ParseIP(host) != nil {
		san.SanType = tlsv3.SubjectAltNameMatcher_IP_ADDRESS // of which there is no SNI
	} else {
		upstream.Sni = host
	}
	names := &tlsv3.CertificateValidationContext{MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{san}}
	if t.AuthoritiesSecret == "" {
		names.TrustedCa = fromFile(t.CA)
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: names}
	} else {
		common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext:         names,
				ValidationContextSdsSecretConfig: watched(authoritiesSecret, t.AuthoritiesSecret),
			},
		}
	}
	switch {
	case t.Certificate == "":
	case t.CertificateSecret == "":
		common.TlsCertificates = []*tlsv3.TlsCertificate{t.pair()}
	default:
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{watched(certificateSecret, t.CertificateSecret)}
	}
	c.TransportSocket = &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed(upstream)},
	}
}

func (t *TLS) pair() *tlsv3.TlsCertificate {
	return &tlsv3.TlsCertificate{CertificateChain: fromFile(t.Certificate), PrivateKey: fromFile(t.Key)}
}

func fromFile(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

// watched is a secret that Envoy reads from a file, and again when that file or those
// named in it are replaced. The folder is watched, as certificates of Kubernetes are
// replaced by a rename of what they lead over.
func watched(name, path string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: &corev3.ConfigSource{
		ResourceApiVersion: corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{
			Path: path, WatchedDirectory: &corev3.WatchedDirectory{Path: filepath.Dir(path)},
		}},
	}}
}

// Secrets returns what the files CertificateSecret and AuthoritiesSecret are to have, by
// path.
func (t *TLS) Secrets() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, s := range []struct {
		path   string
		secret *tlsv3.Secret
	}{
		{t.CertificateSecret, &tlsv3.Secret{Name: certificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: t.pair()}}},
		{t.AuthoritiesSecret, &tlsv3.Secret{Name: authoritiesSecret, Type: &tlsv3.Secret_ValidationContext{
			ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: fromFile(t.CA)},
		}}},
	} {
		if s.path == "" {
			continue
		}
		text, err := YAML(&discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{packed(s.secret)}})
		if err != nil {
			return nil, err
		}
		out[s.path] = text
	}
	return out, nil
}
