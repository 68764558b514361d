package translate_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/translate"
)

const protocols = `
plugins:
  proxy:
    config:
      health_check: {interval: 100ms, timeout: 90ms}
      protocol: auto
      targets: [{url: "$both"}]
      upstreams:
        old: {protocol: auto, health_check: {interval: 100ms, timeout: 90ms}, targets: [{url: "$old"}]}
        plain: {health_check: {interval: 100ms, timeout: 90ms}, targets: [{url: "$both"}]}
        tls: {protocol: http2, health_check: {interval: 100ms, timeout: 90ms}, targets: [{url: "$both"}]}
        clear: {protocol: http2, targets: [{url: "$clear"}]}
        calls: {protocol: http2, health_check: {type: grpc, interval: 100ms, timeout: 90ms}, targets: [{url: "$calls"}]}
        either: {protocol: auto, health_check: {type: grpc, interval: 100ms, timeout: 90ms}, targets: [{url: "$calls"}]}
endpoints:
  - {path: /auto, handler: proxy}
  - {path: /old, handler: proxy, upstream: old}
  - {path: /plain, handler: proxy, upstream: plain}
  - {path: /tls, handler: proxy, upstream: tls}
  - {path: /clear, handler: proxy, upstream: clear}
`

// TestProtocols: what targets are spoken to in, and that their health is asked for in the
// same.
func TestProtocols(t *testing.T) {
	t.Parallel()
	tells := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Proto) })
	both := httptest.NewUnstartedServer(tells)
	both.EnableHTTP2 = true
	both.StartTLS()
	t.Cleanup(both.Close)
	old := httptest.NewTLSServer(tells)
	t.Cleanup(old.Close)
	clear := httptest.NewUnstartedServer(tells)
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	clear.Start()
	t.Cleanup(clear.Close)
	_, calls := newCalls(t, grpc.Creds(credentials.NewServerTLSFromCert(&both.TLS.Certificates[0])))
	p := serveWith(t, protocols, map[string]string{"both": both.URL, "old": old.URL, "clear": clear.URL, "calls": strings.Replace(calls, "http:", "https:", 1)}, trusting(t, both.Certificate().Raw))
	for _, pool := range []string{"default", "old", "plain", "tls", "clear", "calls", "either"} {
		p.health(t, pool, true, "at first")
	}
	for path, want := range map[string]string{"/auto": "HTTP/2.0", "/old": "HTTP/1.1", "/plain": "HTTP/1.1", "/tls": "HTTP/2.0", "/clear": "HTTP/2.0"} {
		// A target that does not know WebSockets over HTTP/2 would end the connection.
		resp, _ := p.ask(t, "GET", path, "Connection: Upgrade", "Upgrade: websocket")
		if refused := resp.StatusCode == 403; refused != (path != "/plain") {
			t.Errorf("a WebSocket to %s: %d", path, resp.StatusCode)
		}
		if resp, body := p.ask(t, "GET", path); body != want {
			t.Errorf("%s: %d %s, want %s", path, resp.StatusCode, body, want)
		}
	}
}

// trusting has clusters believe a test's certificate.
func trusting(t *testing.T, certificate []byte) func(*translate.Resources) {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(r *translate.Resources) {
		for _, x := range r.Clusters {
			socket := x.Message.(*clusterv3.Cluster).TransportSocket
			if socket == nil {
				continue
			}
			c := new(tlsv3.UpstreamTlsContext)
			if err := socket.GetTypedConfig().UnmarshalTo(c); err != nil {
				t.Fatal(err)
			}
			c.CommonTlsContext.GetValidationContext().TrustedCa = &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: ca}}
			config, err := anypb.New(c)
			if err != nil {
				t.Fatal(err)
			}
			socket.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: config}
		}
	}
}
