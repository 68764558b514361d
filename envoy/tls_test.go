package envoy

import (
	"strings"
	"testing"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

func upstreamTLS(t *testing.T, b Bootstrap) *tlsv3.UpstreamTlsContext {
	t.Helper()
	m, err := b.Message()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.ValidateAll(); err != nil {
		t.Error(err)
	}
	var c tlsv3.UpstreamTlsContext
	if err := m.StaticResources.Clusters[0].TransportSocket.GetTypedConfig().UnmarshalTo(&c); err != nil {
		t.Fatal(err)
	}
	return &c
}

// The server's certificate must be made out for the host that is called, or for the
// name that is given; a name of any other kind will not do.
func TestServerIsMadeSureOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		xds            Address
		name, sni, san string
		kind           tlsv3.SubjectAltNameMatcher_SanType
	}{
		{"xds.example.org:18000", "", "xds.example.org", "xds.example.org", tlsv3.SubjectAltNameMatcher_DNS},
		{"10.0.0.5:18000", "", "", "10.0.0.5", tlsv3.SubjectAltNameMatcher_IP_ADDRESS},
		{"[fd00::5]:18000", "", "", "fd00::5", tlsv3.SubjectAltNameMatcher_IP_ADDRESS},
		{"10.0.0.5:18000", "xds.example.org", "xds.example.org", "xds.example.org", tlsv3.SubjectAltNameMatcher_DNS},
	} {
		u := upstreamTLS(t, Bootstrap{NodeID: "a", NodeCluster: "b", XDS: c.xds, TLS: &TLS{CA: "/ca", ServerName: c.name}})
		sans := u.CommonTlsContext.GetValidationContext().GetMatchTypedSubjectAltNames()
		if u.Sni != c.sni || len(sans) != 1 || sans[0].SanType != c.kind || sans[0].Matcher.GetExact() != c.san {
			t.Errorf("%+v: %v", c, u)
		}
		if len(u.CommonTlsContext.TlsCertificates) != 0 {
			t.Error("it shows a certificate that it does not have")
		}
	}
}

// Certificates are read through the files that Secrets is for, where there are such.
func TestCertificatesAreFollowed(t *testing.T) {
	t.Parallel()
	files := TLS{CA: "/tls/ca", Certificate: "/tls/crt", Key: "/tls/key", CertificateSecret: "/envoy/cert.yaml", AuthoritiesSecret: "/envoy/ca.yaml"}
	common := upstreamTLS(t, Bootstrap{NodeID: "a", NodeCluster: "b", XDS: "x:1", TLS: &files}).CommonTlsContext
	if len(common.TlsCertificates) != 0 || common.TlsCertificateSdsSecretConfigs[0].SdsConfig.GetPathConfigSource().Path != "/envoy/cert.yaml" ||
		common.GetCombinedValidationContext().ValidationContextSdsSecretConfig.SdsConfig.GetPathConfigSource().Path != "/envoy/ca.yaml" {
		t.Errorf("%v", common)
	}
	secrets, err := files.Secrets()
	if err != nil || len(secrets) != 2 {
		t.Fatal(secrets, err)
	}
	for path, parts := range map[string][]string{
		"/envoy/cert.yaml": {`name: "backworks_xds_certificate"`, `filename: "/tls/crt"`, `filename: "/tls/key"`},
		"/envoy/ca.yaml":   {`name: "backworks_xds_authorities"`, `filename: "/tls/ca"`},
	} {
		for _, part := range parts {
			if !strings.Contains(string(secrets[path]), part) {
				t.Errorf("%s has no %s:\n%s", path, part, secrets[path])
			}
		}
	}
	files.CertificateSecret, files.AuthoritiesSecret = "", ""
	common = upstreamTLS(t, Bootstrap{NodeID: "a", NodeCluster: "b", XDS: "x:1", TLS: &files}).CommonTlsContext
	if common.TlsCertificates[0].GetPrivateKey().GetFilename() != "/tls/key" || common.GetValidationContext().GetTrustedCa().GetFilename() != "/tls/ca" {
		t.Errorf("%v", common)
	}
}

func TestTLSNeedsItsFiles(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		xds Address
		tls TLS
	}{
		"over a Unix socket there is no TLS": {"unix:///x", TLS{CA: "/ca"}},
		"TLS needs the authorities":          {"a:1", TLS{ServerName: "x"}},
		"certificate and key need each":      {"a:1", TLS{CA: "/ca", Key: "/key"}},
	} {
		if _, err := (Bootstrap{NodeID: "a", NodeCluster: "b", XDS: c.xds, TLS: &c.tls}).Message(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
