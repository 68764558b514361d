package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"backworks/envoy/testport"
)

// longLived are blueprints that differ in what WebSockets, streams and uploads go through.
type longLived struct {
	*site
	one, two, calls string // targets
}

// longKinds is how many kinds of edit there are.
const longKinds = 10

// text is the blueprint after edit i.
func (l *longLived) text(i int) string {
	targets := fmt.Sprintf("[%q, %q]", l.one, l.two)
	echo := "  - {path: /echo}\n"
	pool, calls, endpoint, server, plugin := "", "", "", "", ""
	switch i % longKinds {
	case 1: // another filter of the listener
		endpoint = "  - {path: /small, config: {proxy: {max_request_size: 1000}}}\n"
	case 2: // a setting of the listener, because of a route
		endpoint = "  - {path: /off, config: {proxy: {websocket: false, timeout: 0}}}\n"
	case 3: // the clusters are made anew
		pool, calls = "      connect_timeout: 7\n", "connect_timeout: 7, "
	case 4: // and wait for the first check
		pool, calls = "      health_check: {type: tcp, interval: 1, timeout: 1}\n", "health_check: {type: grpc, interval: 1, timeout: 1}, "
	case 5: // a target goes that streams are on, whichever it is
		targets = fmt.Sprintf("[%q]", l.one)
	case 6:
		targets = fmt.Sprintf("[%q]", l.two)
	case 7:
		server = ", request_timeout: 7m"
	case 8:
		pool, calls = "      max_request_size: 1GiB\n      retry_attempts: 2\n", "circuit_breaker: {}, "
	case 9: // the endpoint goes that WebSockets came by
		plugin, echo = "  cors: {}\n", ""
	}
	return fmt.Sprintf(`server: {host: 127.0.0.1, port: %d%s}
plugins:
%s  proxy:
    config:
      targets: %s
%s      upstreams:
        calls: {%sprotocol: http2, timeout: 0, targets: [%q]}
endpoints:
  - {path: /a, config: {proxy: {transform_response: {headers: {X-Edit: "%d"}}}}}
%s  - {path: /upload, config: {proxy: {timeout: 0}}}
  - {path: "/grpc.testing.TestService/*", upstream: calls}
%s`, l.port, server, plugin, targets, pool, calls, l.calls, i, echo, endpoint)
}

// echoTarget sends back what comes by WebSocket, and counts the bytes of other requests.
func echoTarget(t testing.TB) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			n, _ := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // it has answered
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// duplex is a gRPC server that sends back what comes.
type duplex struct {
	testgrpc.UnimplementedTestServiceServer
}

func (duplex) FullDuplexCall(s testgrpc.TestService_FullDuplexCallServer) error {
	for {
		if _, err := s.Recv(); err != nil {
			return nil
		}
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
}

// newDuplex serves it with the health service.
func newDuplex(t testing.TB) string {
	lis := testport.Listen(t)
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, duplex{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(lis) }()
	t.Cleanup(s.Stop)
	return "http://" + lis.Addr().String()
}

// webSocket gives a function that sends a message and waits for it.
func (l *longLived) webSocket(ctx context.Context) func() error {
	l.Helper()
	c, _, err := websocket.Dial(ctx, l.proxy+"/echo", nil)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = c.CloseNow() })
	return func() error {
		if err := c.Write(ctx, websocket.MessageText, []byte("x")); err != nil {
			return err
		}
		_, _, err := c.Read(ctx)
		return err
	}
}

// stream is the same for gRPC.
func (l *longLived) stream(ctx context.Context) func() error {
	l.Helper()
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", l.port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = conn.Close() })
	s, err := testgrpc.NewTestServiceClient(conn).FullDuplexCall(ctx)
	if err != nil {
		l.Fatal(err)
	}
	return func() error {
		if err := s.Send(&testgrpc.StreamingOutputCallRequest{}); err != nil {
			return err
		}
		_, err := s.Recv()
		return err
	}
}

// upload is a request under way: the function sends 64 KiB of it, and at the end wants
// the answer to all of them.
func (l *longLived) upload(ctx context.Context) (part, end func() error) {
	body, client := io.Pipe()
	answer := make(chan string, 1)
	total := 0
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, l.proxy+"/upload", body)
		resp, err := curl.Transport.RoundTrip(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		answer <- string(text)
	}()
	part = func() error {
		n, err := client.Write(make([]byte, 64<<10))
		total += n
		return err
	}
	return part, func() error {
		_ = client.Close()
		if got := <-answer; got != fmt.Sprint(total) {
			return errors.New("answered " + got)
		}
		return nil
	}
}

// TestEditsCutNothing: WebSockets, gRPC streams and an upload that were begun before live
// through edits of all that they go through, whether something passes meanwhile or not.
func TestEditsCutNothing(t *testing.T) {
	t.Parallel()
	l := &longLived{site: newSite(t), one: echoTarget(t), two: echoTarget(t), calls: newDuplex(t)}
	l.write("main.yaml", l.text(0))
	l.start("--", "--concurrency", "2").live()
	l.until("it serves", func() bool { status, _ := l.get(l.proxy + "/a"); return status == 200 })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	part, end := l.upload(ctx)
	busy := map[string]func() error{"WebSocket 1": l.webSocket(ctx), "WebSocket 2": l.webSocket(ctx), "gRPC": l.stream(ctx), "upload": part}
	silent := map[string]func() error{"silent WebSocket 1": l.webSocket(ctx), "silent WebSocket 2": l.webSocket(ctx), "silent gRPC": l.stream(ctx)}
	all := func(of map[string]func() error, when string) {
		for name, step := range of {
			if err := step(); err != nil {
				t.Fatalf("%s: %s was cut: %v", when, name, err)
			}
		}
	}
	all(busy, "at first")
	load := run(200, func(int) string { return l.proxy + "/a" }, func(status int, _ string) bool { return status == 200 })
	for i := 1; i <= 2*longKinds; i++ {
		when := fmt.Sprintf("edit %d", i)
		l.write("main.yaml", l.text(i))
		l.until(when+" is live", func() bool {
			all(busy, when)
			status, _, header := ask(&curl, http.MethodGet, l.proxy+"/a", "")
			return status == 200 && header.Get("X-Edit") == fmt.Sprint(i)
		})
	}
	settled := time.Now().Add(time.Second) // what an edit leaves behind may act later
	l.until("the last edit is over", func() bool { all(busy, "after the edits"); return time.Now().After(settled) })
	load.end(t)
	all(silent, "after the edits")
	if err := end(); err != nil {
		t.Errorf("the upload was cut: %v", err)
	}
}
