package main

import (
	"path/filepath"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/envoy/testport"
)

// CSDS can read all that is made of the reference blueprint, so it shows just what was
// sent: what it could not read would be left out.
func TestClientStatusShowsWhatIsSent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	reference, err := filepath.Abs("../../blueprints/main.yaml")
	if err != nil {
		t.Fatal(err)
	}
	xds, admin := testport.Address(t), testport.Address(t)
	s.run("start", "--envoy", "none", "-c", reference, "--state-dir", "s", "--xds-listen", xds, "--admin-listen", admin).live()
	conn, err := grpc.NewClient(xds, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]*anypb.Any{} // by type and bytes
	for _, q := range []*discoveryv3.DiscoveryRequest{
		{TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster", Node: &corev3.Node{Id: "n", Cluster: "c"}},
		{TypeUrl: "type.googleapis.com/envoy.config.listener.v3.Listener"},
		{TypeUrl: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", ResourceNames: []string{"*"}},
	} {
		if err := stream.Send(q); err != nil {
			t.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Resources {
			sent[got.TypeUrl+string(r.Value)] = r
		}
		q.VersionInfo, q.ResponseNonce, q.Node = got.VersionInfo, got.Nonce, nil
		if err := stream.Send(q); err != nil {
			t.Fatal(err)
		}
	}
	got, err := statusv3.NewClientStatusDiscoveryServiceClient(conn).FetchClientStatus(t.Context(), &statusv3.ClientStatusRequest{})
	if err != nil || len(got.Config) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	for _, x := range got.Config[0].GenericXdsConfigs {
		key := x.TypeUrl + string(x.XdsConfig.GetValue())
		if !proto.Equal(sent[key], x.XdsConfig) {
			t.Errorf("%s is shown as it was not sent: %v", x.Name, x.XdsConfig)
		}
		delete(sent, key)
	}
	if len(got.Config[0].GenericXdsConfigs) < 3 || len(sent) > 0 {
		t.Errorf("%d resources are shown, %d are not", len(got.Config[0].GenericXdsConfigs), len(sent))
	}
}
