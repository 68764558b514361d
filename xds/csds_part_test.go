package xds

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// fat is a cluster of 1 MiB.
func fat(name string) *Resource {
	return made(&clusterv3.Cluster{
		Name: name, AltStatName: strings.Repeat("x", 1<<20), ConnectTimeout: durationpb.New(1),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
	}, name)
}

// A streamed answer comes in messages that every client can receive, and nothing of it
// is lost or told twice; a fetched one is refused when it is too large.
func TestLargeClientStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", fat("a"), fat("b"), fat("c"), fat("d"), fat("e"), cluster("f", 0))
	const clients = 7 // 35 MiB
	var want []string
	for i := range clients {
		c := r.connect(true, fmt.Sprint("n", i))
		c.send(say{url: typeCluster})
		c.want(typeCluster, "a", "b", "c", "d", "e", "f")
		for _, name := range "abcdef" {
			want = append(want, fmt.Sprint("n", i, " ", string(name)))
		}
	}
	csds := statusv3.NewClientStatusDiscoveryServiceClient(r.conn)
	stream, err := csds.StreamClientStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&statusv3.ClientStatusRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var got []string
	messages := 0
	for ; ; messages++ {
		part, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := proto.Size(part); n > maxPart {
			t.Errorf("a message of %d bytes, above %d", n, maxPart)
		}
		for _, c := range part.Config {
			for _, x := range c.GenericXdsConfigs {
				got = append(got, c.Node.Id+" "+x.Name)
			}
		}
	}
	if !slices.Equal(got, want) || messages < clients*5/3 {
		t.Errorf("%d messages with %v, want %v", messages, got, want)
	}
	if _, err = csds.FetchClientStatus(t.Context(), &statusv3.ClientStatusRequest{}); status.Code(err) != codes.ResourceExhausted ||
		!strings.Contains(err.Error(), "exclude the contents") {
		t.Errorf("all at once: %v", err)
	}
	if n := len(r.fetch(&statusv3.ClientStatusRequest{ExcludeResourceContents: true}).Config); n != clients {
		t.Errorf("%d clients without contents, want %d", n, clients)
	}
}
