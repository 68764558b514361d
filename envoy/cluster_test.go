package envoy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

// Envoy knows two addresses of localhost, and only one of them is listened on.
func TestAllAddressesOfANameAreTried(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(backend.Close)
	target, err := Address(strings.Replace(backend.URL, "127.0.0.1", "localhost", 1)).cluster("backend")
	if err != nil {
		t.Fatal(err)
	}
	s.bootstrap.StaticResources.Clusters = []*clusterv3.Cluster{target}
	s.run(t).waitLive(s)
	for range 20 {
		if err := s.get("/"); err != nil {
			t.Fatal(err)
		}
	}
}
