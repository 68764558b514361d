package envoy

import (
	"net"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	upstreamsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// connectTimeout allows for one lost SYN, which is sent again after a second,
	// and still gives up early on a management server whose host is gone.
	connectTimeout = 3 * time.Second
	// A dead management server is noticed within pingEvery + pingTimeout. More
	// pings would be answered with GOAWAY by servers of stricter policy.
	pingEvery   = 30 * time.Second
	pingTimeout = 5 * time.Second

	httpProtocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
)

// cluster is a static cluster of one endpoint at the address. Host names are
// looked up by Envoy again and again, as the management server may move. Their
// addresses are of one endpoint and tried in turn, by LOGICAL_DNS: with STRICT_DNS
// every other request would go to the ::1 of localhost, where nobody listens.
func (a Address) cluster(name string) (*clusterv3.Cluster, error) {
	address, err := a.message()
	if err != nil {
		return nil, err
	}
	if pipe := address.GetPipe(); pipe != nil {
		pipe.Mode = 0 // the mode is for who listens
	}
	c := &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:       durationpb.New(connectTimeout),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}},
			}}}},
		},
	}
	if s := address.GetSocketAddress(); s != nil && net.ParseIP(s.Address) == nil {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_LOGICAL_DNS}
		c.DnsLookupFamily = clusterv3.Cluster_ALL
	}
	return c, nil
}

// overHTTP2 makes the cluster speak HTTP/2, as gRPC needs, with keepalive pings:
// Envoy's xDS document advises them, since a stream over a dead connection looks
// like one on which nothing changed.
func overHTTP2(c *clusterv3.Cluster) {
	options := &upstreamsv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &upstreamsv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{ConnectionKeepalive: &corev3.KeepaliveSettings{
						Interval: durationpb.New(pingEvery),
						Timeout:  durationpb.New(pingTimeout),
					}},
				},
			},
		},
	}
	c.TypedExtensionProtocolOptions = map[string]*anypb.Any{httpProtocolOptions: packed(options)}
}

// packed wraps a message of ours, for which marshalling cannot fail.
func packed(m proto.Message) *anypb.Any {
	a, err := anypb.New(m)
	if err != nil {
		panic(err)
	}
	return a
}
