package xds

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const bootstrap = `
node: {id: "n", cluster: "test"}
admin: {address: {pipe: {path: "%[1]s/admin"}}}
dynamic_resources:
  ads_config: {api_type: %[2]s, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
  cds_config: {resource_api_version: V3, ads: {}}
  lds_config: {resource_api_version: V3, ads: {}}
cluster_manager:
  load_stats_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: xds
      endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: "%[1]s/xds"}}}}]}]
`

// envoy is a real Envoy, served by a server of the test's.
type envoy struct {
	t      *testing.T
	dir    string
	server *Server
	admin  *http.Client
	log    string
	events *recorder
}

// recorder keeps all events.
type recorder struct {
	mu  sync.Mutex
	all []Event
}

func (r *recorder) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

// count returns how many events of a kind there were for a type; "" for any.
func (r *recorder) count(kind EventKind, typ string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.Kind == kind && (typ == "" || e.Type == typ) {
			n++
		}
	}
	return n
}

func findEnvoy(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("ENVOY"); p != "" {
		return p
	}
	if p, err := exec.LookPath("envoy"); err == nil {
		return p
	}
	p, err := filepath.Abs("../.tools/bin/envoy")
	if err == nil {
		_, err = os.Stat(p)
	}
	if err != nil {
		t.Fatalf("no Envoy by $ENVOY, PATH or .tools: %v", err)
	}
	return p
}

// startEnvoy runs an Envoy whose server is not there yet.
func startEnvoy(t *testing.T, delta bool) *envoy {
	t.Helper()
	path := findEnvoy(t)
	dir, err := os.MkdirTemp("", "xds") // short: a socket's path has under 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	e := &envoy{t: t, dir: dir, log: filepath.Join(dir, "log")}
	api := "GRPC"
	if delta {
		api = "DELTA_GRPC"
	}
	config := filepath.Join(dir, "bootstrap.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, bootstrap, dir, api), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", config, "--log-path", e.log, "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning",
		"--component-log-level", "config:debug,upstream:debug")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			b, _ := os.ReadFile(e.log)
			t.Logf("Envoy's log:\n%s", b[max(0, len(b)-6000):])
		}
	})
	e.admin = &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", dir+"/admin")
		},
	}}
	t.Cleanup(e.admin.CloseIdleConnections)
	return e
}

// serve starts a server for it; returned is what stops that one.
func (e *envoy) serve(version string, resources ...*Resource) (stop func()) {
	e.t.Helper()
	_ = os.Remove(e.dir + "/xds")
	lis, err := net.Listen("unix", e.dir+"/xds")
	if err != nil {
		e.t.Fatal(err)
	}
	e.server, e.events = NewServer(Options{}), &recorder{}
	e.server.Notify(e.events.add)
	e.publish(version, resources...)
	done := make(chan error, 1)
	server := e.server
	go func() { done <- server.Serve(lis) }()
	stop = sync.OnceFunc(func() {
		server.Stop()
		if err := <-done; err != nil {
			e.t.Error(err)
		}
	})
	e.t.Cleanup(stop)
	return stop
}

func (e *envoy) publish(version string, resources ...*Resource) {
	e.server.Publish(map[string]*Snapshot{"": NewSnapshot(version, resources)})
}

// synced waits until Envoy acknowledged a version.
func (e *envoy) synced(version string) {
	e.t.Helper()
	until(e.t, "Envoy in sync with "+version, func() bool {
		n := e.server.Nodes()
		return len(n) == 1 && n[0].Synced && n[0].Snapshot == version
	})
}

// address returns where a listener listens.
func (e *envoy) address() (addr string) {
	e.t.Helper()
	until(e.t, "a listener", func() bool {
		res, err := e.admin.Get("http://envoy/listeners?format=json")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var body struct {
			Statuses []struct {
				Local struct {
					Socket struct {
						Address string `json:"address"`
						Port    int    `json:"port_value"`
					} `json:"socket_address"`
				} `json:"local_address"`
			} `json:"listener_statuses"`
		}
		if json.NewDecoder(res.Body).Decode(&body) != nil || len(body.Statuses) == 0 {
			return false
		}
		s := body.Statuses[0].Local.Socket
		addr = net.JoinHostPort(s.Address, strconv.Itoa(s.Port))
		return s.Port != 0
	})
	return addr
}

// backend answers with its name.
func backend(t *testing.T, name string) (port int) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

// proxied is a listener whose routes are "r", on a port that the system chooses.
func proxied(n int) *Resource {
	wrap := func(m proto.Message) *anypb.Any {
		a, err := anypb.New(m)
		if err != nil {
			panic(err)
		}
		return a
	}
	hcm := &hcmv3.HttpConnectionManager{
		StatPrefix:     "l" + strconv.Itoa(n),
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: "r"}},
		HttpFilters: []*hcmv3.HttpFilter{{
			Name: "envoy.filters.http.router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: wrap(&routerv3.Router{})},
		}},
	}
	return made(&listenerv3.Listener{
		Name: "l",
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 0},
		}}},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: wrap(hcm)},
		}}}},
	}, "l")
}

// stat waits until one of Envoy's numbers has a value.
func (e *envoy) stat(name string, want int) {
	e.t.Helper()
	until(e.t, fmt.Sprintf("%s %d", name, want), func() bool {
		res, err := e.admin.Get("http://envoy/stats?filter=^" + name + "$")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b) == fmt.Sprintf("%s: %d\n", name, want)
	})
}
