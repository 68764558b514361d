package fleet

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"backworks/blueprints"
	"backworks/xds"
)

func with(uris []string, rest x509.Certificate) xds.Peer {
	for _, text := range uris {
		uri, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		rest.URIs = append(rest.URIs, uri)
	}
	return xds.Peer{Address: "10.0.0.7:1234", Certificate: &rest}
}

func TestRights(t *testing.T) {
	t.Parallel()
	var r Rights
	r.Take([]blueprints.Grant{
		{SAN: "spiffe://example.org/edge/*", IDs: []string{"edge-*", "gateway"}, Clusters: []string{"edge"}},
		{SAN: "*.Ops.example.org", IDs: []string{"*"}},
		{SAN: "me@example.org", Clusters: []string{"test"}},
		{SAN: "edge-1", IDs: []string{"edge-1"}},
	})
	edge := with([]string{"spiffe://example.org/edge/7"}, x509.Certificate{})
	both := with([]string{"spiffe://example.org/other"}, x509.Certificate{DNSNames: []string{"x.ops.example.ORG"}})
	for name, c := range map[string]struct {
		peer        xds.Peer
		id, cluster string
		code        codes.Code
		says        string
	}{
		"a URI":                  {edge, "edge-9", "edge", codes.OK, ""},
		"another of the list":    {edge, "gateway", "edge", codes.OK, ""},
		"a stolen id":            {edge, "core-1", "edge", codes.PermissionDenied, `this certificate (spiffe://example.org/edge/7) may not claim node "core-1" of cluster "edge"`},
		"another cluster":        {edge, "edge-9", "core", codes.PermissionDenied, "may not claim"},
		"a DNS name, whose case": {both, "whatever", "x", codes.OK, ""},
		"email":                  {with(nil, x509.Certificate{EmailAddresses: []string{"me@example.org"}}), "any", "test", codes.OK, ""},
		"email, other cluster":   {with(nil, x509.Certificate{EmailAddresses: []string{"me@example.org"}}), "any", "edge", codes.PermissionDenied, "may not claim"},
		"nobody's":               {with(nil, x509.Certificate{DNSNames: []string{"example.org"}}), "edge-1", "edge", codes.PermissionDenied, "no grant is for this certificate (example.org)"},
		"a common name":          {with(nil, x509.Certificate{Subject: pkix.Name{CommonName: "edge-1"}}), "edge-1", "edge", codes.PermissionDenied, "no grant"},
		"a DNS name like a URI":  {with(nil, x509.Certificate{DNSNames: []string{"spiffe://example.org/edge/7"}}), "edge-9", "edge", codes.PermissionDenied, "no grant"},
		"a URI like a DNS name":  {with([]string{"edge-1"}, x509.Certificate{}), "edge-1", "edge", codes.PermissionDenied, "no grant"},
		"no certificate":         {xds.Peer{Address: "10.0.0.7:1"}, "edge-1", "edge", codes.Unauthenticated, "no verified client certificate"},
		"a Unix socket":          {xds.Peer{Local: true}, "sidecar", "backworks", codes.OK, ""},
	} {
		err := r.permit(c.peer, xds.Node{ID: c.id, Cluster: c.cluster})
		if s := status.Convert(err); s.Code() != c.code || !strings.Contains(s.Message(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.Take(nil)
	if err := r.permit(edge, xds.Node{ID: "edge-9", Cluster: "edge"}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("no grants: %v", err)
	}
}
