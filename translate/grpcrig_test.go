package translate_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// calls is a gRPC server whose calls take as long as their client asks.
type calls struct {
	testgrpc.UnimplementedTestServiceServer
	health *health.Server
	ended  chan error // of the context of calls that had a deadline
}

// newCalls serves in clear text.
func newCalls(t *testing.T, options ...grpc.ServerOption) (*calls, string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &calls{health: health.NewServer(), ended: make(chan error, 10)}
	s := grpc.NewServer(options...)
	testgrpc.RegisterTestServiceServer(s, c)
	healthpb.RegisterHealthServer(s, c.health)
	go func() { _ = s.Serve(lis) }()
	t.Cleanup(s.Stop)
	return c, "http://" + lis.Addr().String()
}

func (c *calls) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "of the call"))
	if s := in.ResponseStatus; s != nil {
		return nil, status.Error(codes.Code(s.Code), s.Message)
	}
	if in.ResponseSize > 0 {
		return &testgrpc.SimpleResponse{Payload: in.Payload}, nil
	}
	<-ctx.Done()
	c.ended <- ctx.Err()
	return nil, ctx.Err()
}

func (c *calls) EmptyCall(context.Context, *testgrpc.Empty) (*testgrpc.Empty, error) {
	return nil, status.Error(codes.Unavailable, "sick")
}

func (c *calls) StreamingOutputCall(in *testgrpc.StreamingOutputCallRequest, s testgrpc.TestService_StreamingOutputCallServer) error {
	for _, p := range in.ResponseParameters {
		select {
		case <-time.After(time.Duration(p.IntervalUs) * time.Microsecond):
		case <-s.Context().Done():
			return s.Context().Err()
		}
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
	s.SetTrailer(metadata.Pairs("x-trailer", "of the stream"))
	return status.Error(codes.DataLoss, "50% lost: “ü”")
}

func (c *calls) FullDuplexCall(s testgrpc.TestService_FullDuplexCallServer) error {
	for {
		in, err := s.Recv()
		if err != nil {
			return nil
		}
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{Payload: in.Payload}); err != nil {
			return err
		}
	}
}

func (c *calls) StreamingInputCall(s testgrpc.TestService_StreamingInputCallServer) error {
	var total int32
	for {
		in, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&testgrpc.StreamingInputCallResponse{AggregatedPayloadSize: total})
		} else if err != nil {
			return err
		}
		total += int32(len(in.Payload.Body))
	}
}

func grpcDial(t *testing.T, url string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func expectStatus(t *testing.T, what string, err error, code codes.Code, message string) {
	t.Helper()
	if s := status.Convert(err); s.Code() != code || message != "" && s.Message() != message {
		t.Errorf("%s: %v, want %v %s", what, err, code, message)
	}
}
