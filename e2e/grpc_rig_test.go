package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"

	"backworks/envoy/testport"
)

// callee is a gRPC server with the health service. It counts its calls, and can fail
// them.
type callee struct {
	url   string
	calls atomic.Int64
	sick  atomic.Bool
}

func newCallee(t testing.TB) *callee {
	t.Helper()
	c := &callee{}
	lis := testport.Listen(t)
	c.url = "http://" + lis.Addr().String()
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		c.calls.Add(1)
		if c.sick.Load() {
			return nil, grpcstatus.Error(codes.Unavailable, "sick")
		}
		return next(ctx, req)
	}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	return c
}

// caller is a client without a proxy.
type caller interface {
	// call makes so many calls to xds:///name and says how many went well, and the
	// first failure.
	call(name string, n int) (well int, failure string)
}

// callers make one of each implementation, for a management server.
var callers = map[string]func(t testing.TB, server string) caller{"go": newGoCaller, "python": newPythonCaller}

// grpcBootstrap is what a client without a proxy is told of the management server.
func grpcBootstrap(id, server string) string {
	return fmt.Sprintf(`{"node": {"id": %q, "cluster": "mesh"},
 "xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}]}`, id, server)
}

// goCaller is grpc-go.
type goCaller struct {
	testing.TB
	resolver resolver.Builder
	conns    map[string]*grpc.ClientConn
}

func newGoCaller(t testing.TB, server string) caller {
	t.Helper()
	r, err := xds.NewXDSResolverWithConfigForTesting([]byte(grpcBootstrap("go", server)))
	if err != nil {
		t.Fatal(err)
	}
	return &goCaller{t, r, map[string]*grpc.ClientConn{}}
}

func (c *goCaller) call(name string, n int) (well int, failure string) {
	c.Helper()
	if c.conns[name] == nil {
		conn, err := grpc.NewClient("xds:///"+name, grpc.WithResolvers(c.resolver), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			c.Fatal(err)
		}
		c.Cleanup(func() { _ = conn.Close() })
		c.conns[name] = conn
	}
	for range n {
		err := c.check(c.conns[name])
		// It turns to new routes an instant before it has the clusters that they name
		// (ClientConn.updateResolverStateAndUnlock): docs/fleet.md tells.
		for err != nil && strings.Contains(err.Error(), "unknown cluster selected for RPC") {
			err = c.check(c.conns[name])
		}
		switch {
		case err == nil:
			well++
		case failure == "":
			failure = err.Error()
		}
	}
	return well, failure
}

func (c *goCaller) check(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := healthpb.NewHealthClient(conn).Check(ctx, new(healthpb.HealthCheckRequest))
	return err
}

// pythonCaller is Python's grpcio, a process of its own on gRPC's C core.
type pythonCaller struct {
	testing.TB
	in  *os.File
	out *bufio.Scanner
	log *buffer
}

func newPythonCaller(t testing.TB, server string) caller {
	t.Helper()
	library, err := filepath.Abs("../.tools/grpcio")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(library); err != nil {
		t.Fatal("Python's gRPC is missing, make grpcio installs it: ", err)
	}
	in, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &pythonCaller{TB: t, in: stdin, log: new(buffer)}
	cmd := exec.Command("python3", "testdata/grpc_client.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+library, "PYTHONDONTWRITEBYTECODE=1", "GRPC_XDS_BOOTSTRAP_CONFIG="+grpcBootstrap("python", server))
	cmd.Stdin, cmd.Stderr = in, c.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	t.Cleanup(func() {
		_ = stdin.Close() // which ends it
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(c.log.String())
		}
	})
	return c
}

func (c *pythonCaller) call(name string, n int) (well int, failure string) {
	c.Helper()
	if _, err := fmt.Fprintln(c.in, "xds:///"+name, n); err != nil {
		c.Fatal(err)
	}
	if !c.out.Scan() {
		c.Fatalf("python ended: %v\n%s", c.out.Err(), c.log.String())
	}
	answer, failure, _ := strings.Cut(c.out.Text(), " ")
	if _, err := fmt.Sscan(answer, &well); err != nil {
		c.Fatalf("python answers %q: %v", c.out.Text(), err)
	}
	return well, failure
}
