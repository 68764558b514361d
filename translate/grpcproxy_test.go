package translate_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const grpcProxied = `
plugins:
  proxy:
    config:
      protocol: http2
      targets: [{url: "$calls"}]
      timeout: 500ms
      upstreams:
        dead: {protocol: http2, targets: [{url: "$dead"}]}
        failing: {protocol: http2, circuit_breaker: {failure_threshold: 3}, targets: [{url: "$calls"}]}
        half: {protocol: http2, load_balancing: round_robin, retry_attempts: 2, targets: [{url: "$dead"}, {url: "$calls"}]}
endpoints:
  - {path: /grpc.testing.TestService/UnaryCall, method: POST, handler: proxy}
  - {path: /grpc.testing.TestService/*, method: POST, handler: proxy, config: {proxy: {timeout: 0}}}
  - {path: /grpc.testing.TestService/StreamingInputCall, method: POST, handler: proxy, config: {proxy: {max_request_size: 1000}}}
  - {path: /grpc.testing.TestService/EmptyCall, method: POST, handler: proxy, upstream: failing}
  - {path: /grpc.testing.UnimplementedService/*, method: POST, handler: proxy, upstream: dead}
  - {path: /grpc.health.v1.Health/Check, method: POST, handler: proxy, upstream: half}
`

// TestGRPCThroughTheProxy: calls, streams and their trailers arrive as they were sent, and
// what the proxy says by itself is a status of gRPC.
func TestGRPCThroughTheProxy(t *testing.T) {
	t.Parallel()
	server, url := newCalls(t)
	p := serve(t, grpcProxied, map[string]string{"calls": url, "dead": "http://" + closedPort(t)})
	conn := grpcDial(t, p.url)
	client := testgrpc.NewTestServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	var trailer metadata.MD
	large := &testgrpc.Payload{Body: make([]byte, 3<<20)}
	out, err := client.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseSize: 1, Payload: large}, grpc.Trailer(&trailer))
	if err != nil || len(out.Payload.Body) != 3<<20 || trailer.Get("x-trailer")[0] != "of the call" {
		t.Errorf("a call of 3 MiB: %v, %v", err, trailer)
	}
	_, err = client.UnaryCall(ctx, &testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: 9, Message: "no"}}, grpc.Trailer(&trailer))
	expectStatus(t, "a status of the target", err, codes.FailedPrecondition, "no")

	server.streams(t, ctx, client)

	// The client never ends these by itself, so that it is the proxy that does.
	_, err = client.UnaryCall(ctx, &testgrpc.SimpleRequest{})
	expectStatus(t, "beyond the timeout", err, codes.DeadlineExceeded, "")
	<-server.ended
	_, err = testgrpc.NewUnimplementedServiceClient(conn).UnimplementedCall(ctx, &testgrpc.Empty{})
	expectStatus(t, "no target", err, codes.Unavailable, "")
	if strings.Contains(status.Convert(err).Message(), "{") {
		t.Errorf("the message is no text: %v", err)
	}
	_, err = testgrpc.NewReconnectServiceClient(conn).Start(ctx, &testgrpc.ReconnectParams{})
	expectStatus(t, "no endpoint", err, codes.Unimplemented, "")
	for range 6 { // every other one meets the dead target first
		_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		expectStatus(t, "one of two targets", err, codes.OK, "")
	}
	upload, err := client.StreamingInputCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_ = upload.Send(&testgrpc.StreamingInputCallRequest{Payload: &testgrpc.Payload{Body: make([]byte, 500)}})
	}
	_, err = upload.CloseAndRecv()
	expectStatus(t, "more than max_request_size", err, codes.ResourceExhausted, "")
}

// TestGRPCDeadline: a call ends when its client's deadline is over, also where the client
// does not see to it.
func TestGRPCDeadline(t *testing.T) {
	t.Parallel()
	server, url := newCalls(t)
	p := serve(t, strings.ReplaceAll(grpcProxied, "timeout: 500ms", "timeout: 0"), map[string]string{"calls": url, "dead": "http://" + closedPort(t)})
	clear := new(http.Protocols)
	clear.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: clear}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/grpc.testing.TestService/UnaryCall", strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "Grpc-Timeout": {"300m"}}
	begun := time.Now()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("ended after %v", took)
	}
	// 4 is DEADLINE_EXCEEDED. The target has the deadline too, and may be the first to act.
	if s := resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status"); s != "4" && s != "14" {
		t.Errorf("%d, status %q", resp.StatusCode, s)
	}
	<-server.ended
}

// TestGRPCBreaker: statuses of gRPC open a breaker as those of HTTP that they stand for do.
func TestGRPCBreaker(t *testing.T) {
	t.Parallel()
	_, url := newCalls(t)
	p := serve(t, `
plugins:
  proxy:
    config:
      upstreams:
        all: {protocol: http2, circuit_breaker: {failure_threshold: 3}, targets: [{url: "$calls"}]}
        gateway: {protocol: http2, circuit_breaker: {failure_threshold: 3, failures: gateway}, targets: [{url: "$calls"}]}
endpoints:
  - {path: /grpc.testing.TestService/EmptyCall, method: POST, handler: proxy, upstream: all}
  - {path: /grpc.testing.TestService/UnaryCall, method: POST, handler: proxy, upstream: gateway}
`, map[string]string{"calls": url})
	client := testgrpc.NewTestServiceClient(grpcDial(t, p.url))
	for _, x := range []struct {
		pool string
		call func() error
	}{
		{"all", func() error { _, err := client.EmptyCall(t.Context(), &testgrpc.Empty{}); return err }},
		{"gateway", func() error {
			_, err := client.UnaryCall(t.Context(), &testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(codes.Unavailable), Message: "sick"}})
			return err
		}},
	} {
		for _, code := range []codes.Code{codes.Unknown, codes.Unimplemented, codes.Internal, codes.Unknown} {
			if x.pool == "gateway" { // an application's own
				_, err := client.UnaryCall(t.Context(), &testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(code), Message: "own"}})
				expectStatus(t, x.pool, err, code, "own")
			}
		}
		for range 3 {
			expectStatus(t, x.pool, x.call(), codes.Unavailable, "sick")
		}
		poll(t, func() bool { // Envoy's workers learn of it a moment later
			err := x.call()
			expectStatus(t, x.pool, err, codes.Unavailable, "")
			return status.Convert(err).Message() == "no healthy upstream"
		})
	}
}

// streams are silent for longer than the pool's timeout.
func (c *calls) streams(t *testing.T, ctx context.Context, client testgrpc.TestServiceClient) {
	t.Helper()
	out, err := client.StreamingOutputCall(ctx, &testgrpc.StreamingOutputCallRequest{ResponseParameters: []*testgrpc.ResponseParameters{
		{}, {IntervalUs: 1_200_000}, {},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := out.Recv(); err != nil {
			t.Fatalf("message %d of a stream: %v", i, err)
		}
	}
	_, err = out.Recv()
	expectStatus(t, "the end of a stream", err, codes.DataLoss, "50% lost: “ü”")
	if got := out.Trailer().Get("x-trailer"); len(got) != 1 || got[0] != "of the stream" {
		t.Errorf("trailers of a stream: %v", out.Trailer())
	}

	both, err := client.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if i == 3 {
			<-time.After(1200 * time.Millisecond)
		}
		if err := both.Send(&testgrpc.StreamingOutputCallRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := both.Recv(); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	_ = both.CloseSend()
	if _, err := both.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of a stream in both directions: %v", err)
	}
}
