package translate

import (
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	leastrequestv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	roundrobinv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	wrrlocalityv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/wrr_locality/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
)

// The breaker of gRPC clients (proposal A50) counts the calls of an interval.
const (
	// grpcSweep is that interval, and how often a client looks whose time out is over.
	grpcSweep = 5 * time.Second
	// grpcAllFailed is exceeded when every call failed: with fewer, statuses such as
	// NOT_FOUND, which count as failures here, would take healthy targets out.
	grpcAllFailed = 99
	// grpcMaxEjected keeps some targets in: when calls fail by their own fault, they
	// fail everywhere.
	grpcMaxEjected = 50
)

// grpcSplit says that each target of p is a cluster of its own. Where the client
// resolves names, a cluster is one name (proposal A37).
func grpcSplit(p *blueprints.Pool) bool { return p.ResolveByEnvoy && len(p.Targets) > 1 }

// grpcTargetCluster names the cluster of a target. Pools' names have no slash.
func grpcTargetCluster(p *blueprints.Pool, i int) string {
	return ClusterName(p) + "/" + strconv.Itoa(i)
}

func (b *builder) grpcClusters(p *blueprints.Pool) []Resource {
	if !p.ResolveByEnvoy {
		c := b.grpcCluster(ClusterName(p), p)
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
		c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()}
		return []Resource{{Name: c.Name, Message: c, Position: p.Position}}
	}
	var out []Resource
	for i, t := range p.Targets {
		name := ClusterName(p)
		if grpcSplit(p) {
			name = grpcTargetCluster(p, i)
		}
		c := b.grpcCluster(name, p)
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_LOGICAL_DNS}
		c.LoadAssignment = &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{lbEndpoint(&endpointv3.Endpoint{
				Address: socketAddress(t.Host, t.Port), Hostname: Authority(p, t),
			}, 0)},
		}}}
		out = append(out, Resource{Name: name, Message: c, Position: position(t.Position, p.Position)})
	}
	return out
}

// grpcCluster is what all clusters of p have. A transport socket is not among it: it
// could only name a certificate provider of the client's own bootstrap, and without
// it the credentials of the channel hold.
func (b *builder) grpcCluster(name string, p *blueprints.Pool) *clusterv3.Cluster {
	c := &clusterv3.Cluster{
		Name: name,
		// The default of gRPC is 1,024 calls (proposal A32), the only limit that it has.
		CircuitBreakers:  &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{MaxRequests: circuitBreakers(p.Limits).Thresholds[0].MaxRequests}}},
		OutlierDetection: grpcOutlierDetection(p.Breaker),
	}
	switch p.Algorithm {
	case blueprints.IPHash, blueprints.RingHash, blueprints.Maglev: // they know no Maglev
		c.LbPolicy = clusterv3.Cluster_RING_HASH
	case blueprints.LeastConnections:
		// Not every client knows it, and a client refuses a cluster with an lb_policy
		// that it does not know; of this list it takes the first that it does
		// (proposal A52).
		c.LoadBalancingPolicy = b.policies(&leastrequestv3.LeastRequest{},
			&wrrlocalityv3.WrrLocality{EndpointPickingPolicy: b.policies(&roundrobinv3.RoundRobin{})})
	}
	// Otherwise ROUND_ROBIN, the default: between localities by their weights, and in
	// each in turn. See GRPCAssignment.
	return c
}

func (b *builder) policies(configs ...proto.Message) *clusterv3.LoadBalancingPolicy {
	l := new(clusterv3.LoadBalancingPolicy)
	for _, m := range configs {
		l.Policies = append(l.Policies, &clusterv3.LoadBalancingPolicy_Policy{TypedExtensionConfig: &corev3.TypedExtensionConfig{
			Name: string(m.ProtoReflect().Descriptor().FullName()), TypedConfig: b.typed(m),
		}})
	}
	return l
}

// grpcOutlierDetection takes a target out when all of its calls in an interval
// failed, and at least the breaker's number of them: failures in a row are not
// counted by gRPC clients.
func grpcOutlierDetection(br *blueprints.Breaker) *clusterv3.OutlierDetection {
	if br == nil {
		return nil
	}
	return &clusterv3.OutlierDetection{
		Interval: duration(min(grpcSweep, br.RecoveryTimeout)),
		// The time grows with each ejection unless the maximum equals it.
		BaseEjectionTime:               duration(br.RecoveryTimeout),
		MaxEjectionTime:                duration(br.RecoveryTimeout),
		MaxEjectionPercent:             u32(grpcMaxEjected),
		EnforcingSuccessRate:           u32(0),
		EnforcingFailurePercentage:     u32(100),
		FailurePercentageThreshold:     u32(grpcAllFailed),
		FailurePercentageMinimumHosts:  u32(1),
		FailurePercentageRequestVolume: u32(br.FailureThreshold),
	}
}
