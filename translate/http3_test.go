package translate_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"gopkg.in/yaml.v3"

	"backworks/blueprints/testca"
	"backworks/envoy/testport"
)

// quicClient is an Envoy that sends what it gets on by HTTP/3: to a port of 127.0.0.1, asking
// for a name, and trusting an authority. The path that is asked for chooses the name.
const quicClient = `
static_resources:
  listeners:
  - name: proxy
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [$ROUTES]
  clusters: [$CLUSTERS]
`

const quicCluster = `
    {name: $NAME, type: STATIC, connect_timeout: 2s,
      load_assignment: {cluster_name: $NAME, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $PORT}}}}]}]},
      typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
        explicit_http_config: {http3_protocol_options: {}}}},
      transport_socket: {name: envoy.transport_sockets.quic, typed_config: {
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.quic.v3.QuicUpstreamTransport,
        upstream_tls_context: {sni: $SNI, common_tls_context: {$OWN validation_context: {trusted_ca: {filename: $CA},
          match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: $SNI}}]}}}}}}`

// quicName is what a client asks for, and the files of its own certificate, without their
// endings.
type quicName struct{ sni, own string }

// serveQUIC starts that client, for names by the paths that choose them.
func serveQUIC(t *testing.T, port int, ca string, names map[string]quicName) *proxy {
	t.Helper()
	var routes, clusters []string
	for path, n := range names {
		routes = append(routes, `{match: {prefix: /`+path+`/}, route: {cluster: `+path+`, prefix_rewrite: /}}`)
		own := ""
		if n.own != "" {
			own = "tls_certificates: [{certificate_chain: {filename: " + n.own + ".pem}, private_key: {filename: " + n.own + ".key}}],"
		}
		clusters = append(clusters, strings.NewReplacer("$NAME", path, "$SNI", n.sni, "$OWN", own, "$PORT", strconv.Itoa(port), "$CA", ca).Replace(quicCluster))
	}
	text := strings.NewReplacer("$ROUTES", strings.Join(routes, ", "), "$CLUSTERS", strings.Join(clusters, ",")).Replace(quicClient)
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	own := new(bootstrapv3.Bootstrap)
	if err := protojson.Unmarshal(out, own); err != nil {
		t.Fatal(err)
	}
	return launch(t, func(config *bootstrapv3.Bootstrap) { config.StaticResources = own.StaticResources })
}

// HTTP/3 is spoken on the UDP port of the same number, with the certificate of the name
// that is asked for, the same routes and headers; answers tell of it.
func TestHTTP3(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("first.example")
	f.has("two.example")
	port := testport.Free(t)
	p := serve(t, `
server: {host: 127.0.0.1, port: $PORT}
plugins:
  tls:
    config:
      certificates:
        - {certificate: $DIR/first.example.pem, key: $DIR/first.example.key}
        - {certificate: $DIR/two.example.pem, key: $DIR/two.example.key}
      http3: true
      public_port: 443
      hsts: true
  proxy: {config: {targets: [$BACKEND], transform_request: {headers: {X-Scheme: "{{scheme}}", X-Ip: "{{client_ip}}"}}}}
`, map[string]string{"DIR": f.dir, "PORT": strconv.Itoa(port), "BACKEND": target(t, "X-Scheme", "X-Ip", "X-Forwarded-Proto")})
	const told = `h3=":443"; ma=86400`
	if resp, _ := p.by(f, "two.example").must("/a"); resp.Header.Get("Alt-Svc") != told {
		t.Errorf("answers tell %q", resp.Header.Get("Alt-Svc"))
	}
	client := serveQUIC(t, port, filepath.Join(f.dir, "ca.pem"), map[string]quicName{
		"first.example": {"first.example", ""}, "two.example": {"two.example", ""}, "none.example": {"none.example", ""},
	})
	for name, status := range map[string]int{"first.example": 200, "two.example": 200, "none.example": http.StatusServiceUnavailable} {
		resp, body := client.ask(t, "GET", "/"+name+"/a?x=1")
		if resp.StatusCode != status || status == 200 && (body != "GET /a?x=1\nX-Scheme: https\nX-Ip: 127.0.0.1\nX-Forwarded-Proto: https" ||
			resp.Header.Get("Alt-Svc") != told || resp.Header.Get("Strict-Transport-Security") == "") {
			t.Errorf("%s: %d %s %v", name, resp.StatusCode, body, resp.Header)
		}
	}
}

// Clients are let in by their certificates over HTTP/3 as over TCP.
func TestHTTP3ClientCertificates(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.has("a.example")
	f.has("app.example")
	f.has("bad.example")
	testca.New(t).Sign(day, "app.example").Save(t, f.dir, "others")
	f.ca.Sign(-time.Minute, "app.example").Save(t, f.dir, "expired")
	for rules, lets := range map[string][]string{"sans: [app.example], forward: true": {"app"}, "required: false": {"app", "bad", "none"}} {
		t.Run(rules, func(t *testing.T) {
			t.Parallel()
			port := testport.Free(t)
			serve(t, `
server: {host: 127.0.0.1, port: $PORT}
plugins:
  tls:
    config:
      certificate: {cert: $DIR/a.example.pem, key: $DIR/a.example.key}
      http3: true
      client_auth: {ca: $DIR/ca.pem, $RULES}
  proxy: {config: {targets: [$BACKEND]}}
`, map[string]string{"DIR": f.dir, "PORT": strconv.Itoa(port), "RULES": rules, "BACKEND": target(t, "X-Forwarded-Client-Cert")})
			own := map[string]quicName{"none": {"a.example", ""}}
			for path, stem := range map[string]string{"app": "app.example", "bad": "bad.example", "others": "others", "expired": "expired"} {
				own[path] = quicName{"a.example", filepath.Join(f.dir, stem)}
			}
			client := serveQUIC(t, port, filepath.Join(f.dir, "ca.pem"), own)
			for path := range own {
				for range 2 { // anew, and where it could by a session of before
					resp, body := client.ask(t, "GET", "/"+path+"/a", "X-Forwarded-Client-Cert: Hash=0;DNS=admin.example")
					let := slices.Contains(lets, path)
					if let != (resp.StatusCode == 200) || strings.Contains(body, "admin.example") || let && strings.Contains(body, "Hash=") != strings.Contains(rules, "forward") {
						t.Errorf("%s: %d %s", path, resp.StatusCode, body)
					}
				}
			}
		})
	}
}
