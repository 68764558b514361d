package envoy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"backworks/envoy/testport"
)

// patience is how long tests wait for what should take well under a second.
const patience = 20 * time.Second

// turns holds back tests: three Envoys at a time are enough for two cores.
var turns = make(chan struct{}, 3)

func takeTurn(t *testing.T) {
	t.Helper()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
}

// binary is the Envoy under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// shortDir is a temporary folder whose sockets have short enough paths.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// eventually polls until the check passes, and fails the test with its last error.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %v", patience, err)
		case <-tick.C:
		}
	}
}

// site is an Envoy's bootstrap with a listener that leads to a backend.
type site struct {
	bootstrap *bootstrapv3.Bootstrap
	stateDir  string
	url       string
	slow      chan struct{} // a request to /slow is in the backend
}

// newSite has a backend that answers with its path, /slow after a second.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{stateDir: shortDir(t), slow: make(chan struct{}, 100)}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			s.slow <- struct{}{}
			<-time.After(time.Second)
		}
		io.WriteString(w, r.URL.Path)
	}))
	t.Cleanup(backend.Close)
	admin, err := AdminSocket(s.stateDir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Bootstrap{NodeID: "edge-1", NodeCluster: "edge", Admin: admin}.Message()
	if err != nil {
		t.Fatal(err)
	}
	port := testport.Free(t)
	s.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	target, err := Address(backend.URL).cluster("backend")
	if err != nil {
		t.Fatal(err)
	}
	m.StaticResources.Clusters = []*clusterv3.Cluster{target}
	m.StaticResources.Listeners = []*listenerv3.Listener{listener(port)}
	s.bootstrap = m
	return s
}

func listener(port int) *listenerv3.Listener {
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix: "proxy",
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{{
				Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				Action: &routev3.Route_Route{Route: &routev3.RouteAction{
					ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "backend"},
				}},
			}}}},
		}},
		HttpFilters: []*hcmv3.HttpFilter{{
			Name:       "envoy.filters.http.router",
			ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: packed(&routerv3.Router{})},
		}},
	}
	return &listenerv3.Listener{
		Name: "proxy",
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
		}}},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed(manager)},
		}}}},
	}
}

// get asks for a path by a connection of its own.
func (s *site) get(path string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	return ask(client, s.url+path)
}

func ask(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}
