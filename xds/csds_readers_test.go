package xds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Who may not act for a node reads nothing of it.
func TestClientStatusIsPermitted(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Permit: func(ctx context.Context, n Node) error {
		// A stream of the node itself says no team.
		if md, _ := metadata.FromIncomingContext(ctx); md.Get("team") != nil && !slices.Contains(md.Get("team"), n.Cluster) {
			return errors.New("not yours")
		}
		return nil
	}})
	r.publish("1", cluster("a", 0))
	for _, name := range []string{"mine", "theirs"} {
		c := r.connect(true, name)
		c.node.Cluster = name
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a")
	}
	csds := statusv3.NewClientStatusDiscoveryServiceClient(r.conn)
	for team, want := range map[string][]string{"": nil, "mine": {"mine"}, "theirs": {"theirs"}} {
		got, err := csds.FetchClientStatus(metadata.AppendToOutgoingContext(t.Context(), "team", team), &statusv3.ClientStatusRequest{})
		if err != nil || !slices.Equal(ids(got), want) {
			t.Errorf("team %q reads %v, %v; want %v", team, ids(got), err, want)
		}
	}
}

// ids are the nodes of an answer.
func ids(of *statusv3.ClientStatusResponse) (out []string) {
	for _, c := range of.GetConfig() {
		out = append(out, c.GetNode().GetId())
	}
	return out
}

// Reading goes on while streams do, and shows one state of each at a time.
func TestClientStatusWhileStreamsRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("0", cluster("a", 0), cluster("b", 0))
	var clients sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		c := r.connect(i%2 == 0, fmt.Sprint("n", i))
		c.send(say{url: typeCluster})
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case a := <-c.answers:
					if n%3 == 2 {
						c.nack(a, "", "no")
					} else {
						c.ack(a)
					}
				case <-done:
					return
				}
			}
		})
	}
	stream, err := statusv3.NewClientStatusDiscoveryServiceClient(r.conn).StreamClientStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		r.publish(fmt.Sprint(i), cluster("a", i%7), cluster(fmt.Sprint("c", i%3), i))
		if err := stream.Send(&statusv3.ClientStatusRequest{}); err != nil {
			t.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got.Config {
			for _, x := range c.GenericXdsConfigs {
				if x.ClientStatus == adminv3.ClientResourceStatus_NACKED && x.ErrorState.GetDetails() != "no" {
					t.Fatalf("NACKED without an error_state: %v", x)
				}
			}
		}
	}
	close(done)
	clients.Wait()
}

// A reader that does not read keeps nobody else from reading; there may not be any
// number of them.
func TestReadersOfClientStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", fat("a"), fat("b"), fat("c"), fat("d"))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster})
	c.want(typeCluster, "a", "b", "c", "d")
	csds := statusv3.NewClientStatusDiscoveryServiceClient(r.dial())
	var ends []context.CancelFunc
	for range maxReaders {
		ctx, end := context.WithCancel(t.Context())
		defer end()
		slow, err := csds.StreamClientStatus(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // more than fits on the way
			if err := slow.Send(&statusv3.ClientStatusRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := slow.Recv(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	fetch := func() error {
		_, err := statusv3.NewClientStatusDiscoveryServiceClient(r.conn).FetchClientStatus(t.Context(), &statusv3.ClientStatusRequest{
			ExcludeResourceContents: true,
		})
		return err
	}
	if err := fetch(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
	ends[0]()
	until(t, "there is room again", func() bool { return fetch() == nil })
}
