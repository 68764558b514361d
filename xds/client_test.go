package xds

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// patience is how long a test waits for what must come; quiet for what must not.
const (
	patience  = 10 * time.Second
	stillness = 100 * time.Millisecond
)

// rig is a server and a connection to it.
type rig struct {
	t      *testing.T
	server *Server
	conn   *grpc.ClientConn
	lis    *bufconn.Listener
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	return newRigFrom(t, "127.0.0.1:1", o)
}

// newRigFrom has clients come from an address.
func newRigFrom(t *testing.T, address string, o Options) *rig {
	t.Helper()
	r := &rig{t: t, server: NewServer(o), lis: bufconn.Listen(1 << 20)}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(from{r.lis, address}) }()
	r.conn = r.dial()
	t.Cleanup(func() {
		r.server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

func (r *rig) dial() *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpc.NewClient("passthrough:///xds", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxRequest)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return r.lis.DialContext(ctx) }))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

// client speaks one of the two protocols.
type client struct {
	t       *testing.T
	delta   bool
	sotw    discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	deltas  discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	node    *corev3.Node
	answers chan answer
	end     chan error
	cancel  context.CancelFunc
}

// answer is a response of either protocol.
type answer struct {
	url, version, nonce string
	names               []string // sorted
	versions            map[string]string
	removed             []string
}

func (r *rig) connect(delta bool, node string) *client {
	r.t.Helper()
	c := r.open(delta, node)
	go c.receive()
	return c
}

// open is connect for a client that does not read yet.
func (r *rig) open(delta bool, node string) *client {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{
		t: r.t, delta: delta, node: &corev3.Node{Id: node, Cluster: "test"}, answers: make(chan answer, 1000),
		end: make(chan error, 1), cancel: cancel,
	}
	r.t.Cleanup(cancel)
	ads := discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn)
	var err error
	if delta {
		c.deltas, err = ads.DeltaAggregatedResources(ctx)
	} else {
		c.sotw, err = ads.StreamAggregatedResources(ctx)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (c *client) receive() {
	for {
		a := answer{versions: map[string]string{}}
		if c.delta {
			m, err := c.deltas.Recv()
			if err != nil {
				c.end <- err
				return
			}
			a.url, a.version, a.nonce, a.removed = m.TypeUrl, m.SystemVersionInfo, m.Nonce, m.RemovedResources
			for _, x := range m.Resources {
				a.names = append(a.names, x.Name)
				a.versions[x.Name] = x.Version
			}
		} else {
			m, err := c.sotw.Recv()
			if err != nil {
				c.end <- err
				return
			}
			a.url, a.version, a.nonce = m.TypeUrl, m.VersionInfo, m.Nonce
			for _, x := range m.Resources {
				a.names = append(a.names, nameOf(x))
				a.versions[nameOf(x)] = contentVersion(x.Value)
			}
		}
		slices.Sort(a.names)
		c.answers <- a
	}
}

// say is what a request says, in the words of both protocols.
type say struct {
	url, version, nonce string
	names, unsubscribe  []string
	initial             map[string]string
	refuse              string
}

func (c *client) send(s say) {
	c.t.Helper()
	if err := c.trySend(s); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *client) trySend(s say) error {
	var refusal *statuspb.Status
	if s.refuse != "" {
		refusal = &statuspb.Status{Code: 3, Message: s.refuse}
	}
	var err error
	if c.delta {
		err = c.deltas.Send(&discoveryv3.DeltaDiscoveryRequest{
			Node: c.node, TypeUrl: s.url, ResponseNonce: s.nonce, ResourceNamesSubscribe: s.names,
			ResourceNamesUnsubscribe: s.unsubscribe, InitialResourceVersions: s.initial, ErrorDetail: refusal,
		})
	} else {
		err = c.sotw.Send(&discoveryv3.DiscoveryRequest{
			Node: c.node, TypeUrl: s.url, ResponseNonce: s.nonce, ResourceNames: s.names,
			VersionInfo: s.version, ErrorDetail: refusal,
		})
	}
	c.node = nil // only the first request has it
	return err
}

// want waits for a response of a type that puts just these names.
func (c *client) want(url string, names ...string) answer {
	c.t.Helper()
	select {
	case a := <-c.answers:
		slices.Sort(names)
		if a.url != url || !slices.Equal(a.names, names) {
			c.t.Fatalf("got %s %v removed %v, want %s %v", short(a.url), a.names, a.removed, short(url), names)
		}
		return a
	case err := <-c.end:
		c.t.Fatalf("stream ended: %v; want %s %v", err, short(url), names)
	case <-time.After(patience):
		c.t.Fatalf("no response; want %s %v", short(url), names)
	}
	return answer{}
}

// removed waits for a delta response that removes just these names.
func (c *client) removed(url string, names ...string) answer {
	c.t.Helper()
	a := c.want(url)
	if !slices.Equal(a.removed, names) {
		c.t.Fatalf("removed %v, want %v", a.removed, names)
	}
	return a
}

// nothing checks that no response comes: not even before the answer to a question
// that is asked after all that was sent.
func (c *client) nothing() {
	c.t.Helper()
	select {
	case a := <-c.answers:
		c.t.Fatalf("unexpected response: %s %v removed %v", short(a.url), a.names, a.removed)
	case err := <-c.end:
		c.t.Fatalf("stream ended: %v", err)
	case <-time.After(stillness):
	}
}

// ended waits for the end of the stream, and checks why.
func (c *client) ended(code codes.Code, says string) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case <-c.answers: // of before
		case err := <-c.end:
			if s := status.Convert(err); s.Code() != code || !strings.Contains(s.Message(), says) {
				c.t.Fatalf("it ended with %v, want %s: %s", err, code, says)
			}
			return
		case <-deadline:
			c.t.Fatalf("the stream goes on; want %s: %s", code, says)
		}
	}
}

// ack accepts a response; a SotW client repeats what it subscribes to.
func (c *client) ack(a answer, names ...string) {
	c.t.Helper()
	if c.delta {
		names = nil
	}
	c.send(say{url: a.url, version: a.version, nonce: a.nonce, names: names})
}

// nack refuses a response.
func (c *client) nack(a answer, accepted, message string, names ...string) {
	c.t.Helper()
	if c.delta {
		names = nil
	}
	c.send(say{url: a.url, version: accepted, nonce: a.nonce, names: names, refuse: message})
}

func short(url string) string {
	r, _ := ruleOf(url)
	return r.label()
}
