package translate

import (
	"math"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

// PoolState is what breakers make of a pool at a moment. Targets are by their
// Authority. The zero value leaves all as the blueprint says.
type PoolState struct {
	// Out are the targets that get nothing; Draining those that get nothing new; Gone
	// those that are not in the pool at all.
	Out, Draining, Gone map[string]bool
	// Trial are those that get a small share: the weights of all others are multiplied
	// by Factor, which does nothing below 2, nor where the algorithm follows no weights.
	Trial  map[string]bool
	Factor uint32
	// Drop is the part of the requests, 0 to 1, that Envoy answers itself with 503, where
	// there are no others that could take them.
	Drop float64
}

// weights are those of targetWeights, as the state has them.
func (s PoolState) weights(p *blueprints.Pool) []uint32 {
	weights := targetWeights(p)
	if len(s.Trial) == 0 || s.Factor < 2 || len(weights) == 0 || weights[0] == 0 {
		return weights
	}
	floats := make([]float64, len(weights))
	for i, t := range p.Targets {
		floats[i] = float64(weights[i])
		if !s.Trial[Authority(p, t)] {
			floats[i] *= float64(s.Factor)
		}
	}
	return scale(floats)
}

// health is what the state says of a target's.
func (s PoolState) health(authority string) corev3.HealthStatus {
	switch {
	case s.Draining[authority]:
		return corev3.HealthStatus_DRAINING
	case s.Out[authority]:
		return corev3.HealthStatus_UNHEALTHY
	}
	return corev3.HealthStatus_UNKNOWN // as without a state
}

// million is the finest share that Envoy knows.
const million = 1_000_000

// policy sheds the part that is to be dropped, and says what goes to a fallback; nil:
// nothing of both. Envoy takes one category.
func (s PoolState) policy(p *blueprints.Pool, targets int) *endpointv3.ClusterLoadAssignment_Policy {
	out := &endpointv3.ClusterLoadAssignment_Policy{OverprovisioningFactor: s.overflow(p, targets)}
	if share := uint32(math.Round(min(s.Drop, 1) * million)); s.Drop > 0 && share > 0 {
		out.DropOverloads = []*endpointv3.ClusterLoadAssignment_Policy_DropOverload{{
			Category:       "breaker",
			DropPercentage: &typev3.FractionalPercent{Numerator: share, Denominator: typev3.FractionalPercent_MILLION},
		}}
	} else if out.OverprovisioningFactor == nil {
		return nil
	}
	return out
}
