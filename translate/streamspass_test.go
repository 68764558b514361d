package translate_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// TestStreamsPassTransformations: nothing is held up where there is no JSON to change.
func TestStreamsPassTransformations(t *testing.T) {
	t.Parallel()
	p := serve(t, messageRules, map[string]string{"one": speaker(t)})
	for _, path := range []string{"/pass/events", "/refuse/events"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{Timeout: 10 * time.Second}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(path, err)
		}
		end := byte('\n')
		if path == "/refuse/events" {
			end = '}'
		}
		line, err := bufio.NewReader(resp.Body).ReadString(end)
		if err != nil || path == "/pass/events" && line != "data: 1\n" || path == "/refuse/events" && resp.StatusCode != 502 {
			t.Errorf("%s: %d %q %v", path, resp.StatusCode, line, err)
		}
		_ = resp.Body.Close()
	}
}

// TestWebSocketsPassTransformations: what is no HTTP any more is not looked into, whatever
// is asked for.
func TestWebSocketsPassTransformations(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins:
  proxy: {config: {targets: [{url: "$echo"}]}}
  transformations:
    config:
      request: {other_bodies: refuse, query: {set: {a: "1"}}, body: {wrap: w}}
      response: {other_bodies: refuse, force_status: 200, body: {wrap: w}, rename_headers: {Sec-Websocket-Protocol: X-Protocol}}
endpoints: [{path: /echo}]
`, map[string]string{"echo": echo(t)})
	c, resp := dial(t, p.url+"/echo")
	if c == nil || resp.StatusCode != http.StatusSwitchingProtocols || !echoes(t, c, 100_000) {
		t.Errorf("no WebSocket: %d %v", resp.StatusCode, resp.Header)
	}
}

// TestCallsPassTransformations: gRPC streams are neither held up nor changed.
func TestCallsPassTransformations(t *testing.T) {
	t.Parallel()
	server, url := newCalls(t)
	p := serve(t, strings.Replace(grpcProxied, "\nendpoints:", `
  transformations:
    config:
      request: {body: {wrap: w}}
      response: {status: {5xx: 500}, body: {wrap: w}}
endpoints:`, 1), map[string]string{"calls": url, "dead": "http://" + closedPort(t)})
	server.streams(t, t.Context(), testgrpc.NewTestServiceClient(grpcDial(t, p.url)))
}
