package translate_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/envoy/testport"
	"backworks/translate"
)

// TestHTTP3Limit: who comes over HTTP/3 has no second share. Listeners have their routes
// from one place, as from the management server.
func TestHTTP3Limit(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	port := testport.Free(t)
	p := serveWith(t, `
server: {host: 127.0.0.1, port: $PORT}
plugins:
  tls: {config: {certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}, http3: true}}
  proxy: {config: {targets: [$BACKEND]}}
  rate_limit: {config: {requests: 4, per: 1h, by: client_ip, limits: [{requests: 5, per: 1h}]}}
`, map[string]string{"DIR": f.dir, "PORT": strconv.Itoa(port), "BACKEND": target(t)}, func(r *translate.Resources) {
		for i := range r.Listeners {
			r.Listeners[i].Message = routesByFile(t, r.Listeners[i].Message.(*listenerv3.Listener), f.dir)
		}
	})
	client := serveQUIC(t, port, filepath.Join(f.dir, "ca.pem"), map[string]quicName{"a": {"a.example", ""}})
	for i := range 6 {
		var resp *http.Response
		if i%2 == 0 {
			resp, _ = p.by(f, "a.example").must("/")
		} else {
			resp, _ = client.ask(t, "GET", "/a/")
		}
		if want := map[bool]int{true: 200, false: 429}[i < 4]; resp.StatusCode != want {
			t.Errorf("request %d: %s, want %d", i, resp.Status, want)
		}
	}
}

// routesByFile has a listener take its routes from a file.
func routesByFile(t *testing.T, l *listenerv3.Listener, dir string) *listenerv3.Listener {
	t.Helper()
	l = proto.CloneOf(l)
	for _, chain := range l.FilterChains {
		for _, f := range chain.Filters {
			m := new(hcmv3.HttpConnectionManager)
			if err := f.GetTypedConfig().UnmarshalTo(m); err != nil {
				t.Fatal(err)
			}
			c := m.GetRouteConfig()
			file := filepath.Join(dir, c.Name+".json")
			text, err := protojson.Marshal(&discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{pack(t, c)}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: c.Name, ConfigSource: &corev3.ConfigSource{
				ResourceApiVersion:    corev3.ApiVersion_V3,
				ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{Path: file}},
			}}}
			f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: pack(t, m)}
		}
	}
	return l
}

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	out, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
