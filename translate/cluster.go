package translate

import (
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/blueprints"
)

const (
	// maxInFlight replaces Envoy's limits of 1,024 connections and requests a
	// cluster, which answer 503 under a load that the targets would bear. The
	// listener's connection limit is the one that protects the proxy.
	maxInFlight = 100_000
	// systemRoots is where Debian, Ubuntu, Alpine and Envoy's own images have the
	// certificate authorities.
	systemRoots = "/etc/ssl/certs/ca-certificates.crt"
)

// cluster is the Envoy cluster of a pool. Its addresses, weights and health come
// apart from it, by EDS: any change of the cluster itself makes Envoy build it
// anew and forget ejections and counters.
func (b *builder) cluster(p *blueprints.Pool) *clusterv3.Cluster {
	if strings.HasPrefix(p.Name, reserved) {
		b.problem(p.Position, "pool name "+p.Name+": names that begin with "+reserved+" are taken by the proxy's own clusters")
	}
	c := &clusterv3.Cluster{
		Name:           ClusterName(p),
		ConnectTimeout: duration(p.ConnectTimeout),
		// By default 1 MiB is kept of an answer whose client reads slowly.
		PerConnectionBufferLimitBytes: u32(connectionBuffer),
		UpstreamConnectionOptions:     &clusterv3.UpstreamConnectionOptions{TcpKeepalive: keepAlive()},
		CommonLbConfig: &clusterv3.Cluster_CommonLbConfig{
			// By default Envoy sends to ejected targets once half of them are out.
			HealthyPanicThreshold: &typev3.Percent{Value: 0},
			// By default the effect of an ejection waits for up to 1 s.
			UpdateMergeWindow: duration(0),
		},
		CircuitBreakers: circuitBreakers(p.Limits),
		HealthChecks:    b.healthChecks(p),
		// By default a removed target is used as long as it is healthy.
		IgnoreHealthOnHostRemoval:     p.HealthCheck != nil,
		OutlierDetection:              outlierDetection(p),
		TypedExtensionProtocolOptions: map[string]*anypb.Any{protocolOptions: b.typed(b.httpOptions(p))},
	}
	b.balancing(c, p)
	if p.ResolveByEnvoy {
		b.dns(c, p)
	} else {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
		c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()}
	}
	if p.TLS {
		b.secure(c, p)
	}
	return c
}

// dns leaves the names to Envoy. The type envoy.cluster.dns stands in for
// STRICT_DNS, whose fields are deprecated.
func (b *builder) dns(c *clusterv3.Cluster, p *blueprints.Pool) {
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name:        "envoy.cluster.dns",
		TypedConfig: b.typed(&dnsclusterv3.DnsCluster{DnsLookupFamily: dnsv3.DnsLookupFamily_V4_PREFERRED}),
	}}
	weights, names := targetWeights(p), serverNames(p)
	locality := new(endpointv3.LocalityLbEndpoints)
	for i, t := range p.Targets {
		lb := lbEndpoint(endpoint(p, t, socketAddress(t.Host, t.Port)), weights[i])
		lb.Metadata = ownSocket(names, t)
		locality.LbEndpoints = append(locality.LbEndpoints, lb)
	}
	c.LoadAssignment = &endpointv3.ClusterLoadAssignment{ClusterName: c.Name, Endpoints: []*endpointv3.LocalityLbEndpoints{locality}}
}
