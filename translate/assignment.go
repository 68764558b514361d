package translate

import (
	"cmp"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// State is what is known of endpoints at a moment, beside the blueprint.
type State struct {
	// Addresses are those of each host name of Hosts; the first is tried first.
	// A name without any leaves its targets out.
	Addresses map[string][]netip.Addr
	// Pools are by name; one that is not there has all its targets as the blueprint says.
	Pools map[string]PoolState
}

// Hosts are the names of bp's targets that the management server resolves,
// sorted, each once. Envoy refuses names in an assignment ("malformed IP address").
func Hosts(bp *blueprints.Blueprint) []string {
	var out []string
	for _, p := range bp.Pools {
		out = hosts(out, p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hosts adds those of a pool.
func hosts(to []string, p *blueprints.Pool) []string {
	if p.ResolveByEnvoy {
		return to
	}
	for _, t := range p.Targets {
		if _, err := netip.ParseAddr(t.Host); err != nil {
			to = append(to, t.Host)
		}
	}
	return to
}

// Assignments are those of all pools of bp that Envoy does not resolve itself,
// sorted by name.
func Assignments(bp *blueprints.Blueprint, state State) []Resource {
	var out []Resource
	for _, p := range bp.Pools {
		if !p.ResolveByEnvoy {
			out = append(out, Resource{Name: ClusterName(p), Message: Assignment(p, state), Position: p.Position})
		}
	}
	slices.SortFunc(out, func(a, b Resource) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Assignment lists the addresses and weights of a pool. One target is one
// endpoint: its further addresses are tried when the first does not connect,
// so that a name with several addresses does not get several shares.
func Assignment(p *blueprints.Pool, state State) *endpointv3.ClusterLoadAssignment {
	known := state.Pools[p.Name]
	weights, names := known.weights(p), serverNames(p)
	var endpoints []*endpointv3.LbEndpoint
	for i, t := range p.Targets {
		addresses := state.Addresses[t.Host]
		if ip, err := netip.ParseAddr(t.Host); err == nil {
			addresses = []netip.Addr{ip}
		}
		if len(addresses) == 0 || known.Gone[Authority(p, t)] {
			continue
		}
		e := endpoint(p, t, socketAddress(addresses[0].String(), t.Port))
		for _, a := range addresses[1:] {
			e.AdditionalAddresses = append(e.AdditionalAddresses, &endpointv3.Endpoint_AdditionalAddress{Address: socketAddress(a.String(), t.Port)})
		}
		lb := lbEndpoint(e, weights[i])
		lb.Metadata = ownSocket(names, t)
		lb.HealthStatus = known.health(Authority(p, t))
		endpoints = append(endpoints, lb)
	}
	// One locality without a weight: between localities Envoy would follow the
	// localities' weights and not the hosts'.
	return &endpointv3.ClusterLoadAssignment{
		ClusterName: ClusterName(p),
		Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: endpoints}},
		Policy:      known.policy(p, len(endpoints)),
	}
}

// targetWeights are the weights to send, or zeros where the algorithm does not
// follow them: ring hash would, though the blueprint's ip_hash does not.
func targetWeights(p *blueprints.Pool) []uint32 {
	if p.Algorithm == blueprints.Random || p.Algorithm == blueprints.IPHash {
		return make([]uint32, len(p.Targets))
	}
	floats := make([]float64, len(p.Targets))
	for i, t := range p.Targets {
		floats[i] = t.Weight
	}
	return scale(floats)
}

func endpoint(p *blueprints.Pool, t *blueprints.Target, address *corev3.Address) *endpointv3.Endpoint {
	return &endpointv3.Endpoint{
		Address: address,
		// The Host header of requests (auto_host_rewrite).
		Hostname:          Authority(p, t),
		HealthCheckConfig: checkConfig(p, t),
	}
}

func lbEndpoint(e *endpointv3.Endpoint, weight uint32) *endpointv3.LbEndpoint {
	out := &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: e}}
	if weight > 0 {
		out.LoadBalancingWeight = wrapperspb.UInt32(weight)
	}
	return out
}

func socketAddress(host string, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}}
}
