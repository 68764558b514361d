package translate

import (
	"slices"
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
)

// GRPCAssignment is Assignment as gRPC clients take it. They refuse a locality
// without an ID, pass over one without a weight, refuse an address that stands twice,
// and round robin follows the weights of localities but not those of endpoints
// (proposals A27 and A37). So where targets have different shares, each is a locality.
func GRPCAssignment(p *blueprints.Pool, state State) *endpointv3.ClusterLoadAssignment {
	out := &endpointv3.ClusterLoadAssignment{ClusterName: ClusterName(p)}
	var endpoints []*endpointv3.LbEndpoint
	for _, l := range Assignment(p, state).Endpoints {
		endpoints = append(endpoints, l.LbEndpoints...)
	}
	endpoints = uniqueAddresses(endpoints)
	if !grpcByLocality(p, endpoints) {
		if len(endpoints) > 0 {
			out.Endpoints = []*endpointv3.LocalityLbEndpoints{grpcLocality("", 1, endpoints...)}
		}
		return out
	}
	for _, e := range endpoints {
		// Two targets of one name have one address, and have become one.
		out.Endpoints = append(out.Endpoints, grpcLocality(e.GetEndpoint().Hostname, shareOf(e), e))
	}
	return out
}

// grpcByLocality says that which endpoint is next is a choice between localities. It
// is made at random, so that equal shares, to be taken in turn, are better off in one.
func grpcByLocality(p *blueprints.Pool, endpoints []*endpointv3.LbEndpoint) bool {
	switch p.Algorithm {
	case blueprints.Random:
		return true
	case blueprints.WeightedRoundRobin, blueprints.RoundRobin:
		return slices.ContainsFunc(endpoints, func(e *endpointv3.LbEndpoint) bool { return shareOf(e) != shareOf(endpoints[0]) })
	}
	return false
}

func shareOf(e *endpointv3.LbEndpoint) uint32 { return max(1, e.GetLoadBalancingWeight().GetValue()) }

func grpcLocality(name string, weight uint32, endpoints ...*endpointv3.LbEndpoint) *endpointv3.LocalityLbEndpoints {
	return &endpointv3.LocalityLbEndpoints{
		Locality:            &corev3.Locality{SubZone: name},
		LoadBalancingWeight: wrapperspb.UInt32(weight),
		LbEndpoints:         endpoints,
	}
}

// uniqueAddresses leaves each address where it stands first. An endpoint whose own
// address stands before gives its share to the one that has it.
func uniqueAddresses(list []*endpointv3.LbEndpoint) []*endpointv3.LbEndpoint {
	first := map[string]*endpointv3.LbEndpoint{}
	var out []*endpointv3.LbEndpoint
	for _, e := range list {
		if before := first[addressKey(e.GetEndpoint().Address)]; before != nil {
			before.LoadBalancingWeight = wrapperspb.UInt32(shareOf(before) + shareOf(e))
			continue
		}
		first[addressKey(e.GetEndpoint().Address)] = e
		e.GetEndpoint().AdditionalAddresses = slices.DeleteFunc(e.GetEndpoint().AdditionalAddresses, func(a *endpointv3.Endpoint_AdditionalAddress) bool {
			key := addressKey(a.Address)
			if first[key] != nil {
				return true
			}
			first[key] = e
			return false
		})
		out = append(out, e)
	}
	return out
}

func addressKey(a *corev3.Address) string {
	s := a.GetSocketAddress()
	return s.GetAddress() + " " + strconv.Itoa(int(s.GetPortValue()))
}
