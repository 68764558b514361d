package translate_test

import (
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
	"backworks/translate"
)

func threeTargets(algorithm blueprints.Algorithm) *blueprints.Pool {
	return &blueprints.Pool{Name: "p", Algorithm: algorithm, Targets: []*blueprints.Target{
		{Host: "10.0.0.1", Port: 1, Weight: 1}, {Host: "10.0.0.2", Port: 2, Weight: 2}, {Host: "10.0.0.3", Port: 3, Weight: 0.5},
	}}
}

// TestPoolState: who is out is out; who is tried keeps its weight while all others get
// more; and when all is over, the assignment is the very one of before.
func TestPoolState(t *testing.T) {
	t.Parallel()
	pool := threeTargets(blueprints.WeightedRoundRobin)
	plain := translate.Assignment(pool, translate.State{})
	state := func(s translate.PoolState) translate.State {
		return translate.State{Pools: map[string]translate.PoolState{"p": s}}
	}
	for name, c := range map[string]struct {
		pool    *blueprints.Pool
		state   translate.PoolState
		weights []uint32
		out     []bool
		drop    uint32
	}{
		"nothing is said":     {pool, translate.PoolState{}, []uint32{2, 4, 1}, []bool{false, false, false}, 0},
		"one is out":          {pool, translate.PoolState{Out: map[string]bool{"10.0.0.2:2": true}}, []uint32{2, 4, 1}, []bool{false, true, false}, 0},
		"one is tried":        {pool, translate.PoolState{Trial: map[string]bool{"10.0.0.2:2": true}, Factor: 30}, []uint32{30, 2, 15}, []bool{false, false, false}, 0},
		"a factor of 1":       {pool, translate.PoolState{Trial: map[string]bool{"10.0.0.2:2": true}, Factor: 1}, []uint32{2, 4, 1}, []bool{false, false, false}, 0},
		"a factor for nobody": {pool, translate.PoolState{Factor: 30}, []uint32{2, 4, 1}, []bool{false, false, false}, 0},
		"without weights": {
			threeTargets(blueprints.Random), translate.PoolState{Trial: map[string]bool{"10.0.0.2:2": true}, Factor: 30},
			[]uint32{0, 0, 0}, []bool{false, false, false}, 0,
		},
		"the last one is tried": {
			pool, translate.PoolState{
				Out: map[string]bool{"10.0.0.2:2": true, "10.0.0.3:3": true}, Trial: map[string]bool{"10.0.0.1:1": true}, Drop: 0.85,
			},
			[]uint32{2, 4, 1}, []bool{false, true, true}, 850_000,
		},
		"more than all": {pool, translate.PoolState{Drop: 7}, []uint32{2, 4, 1}, []bool{false, false, false}, 1_000_000},
	} {
		a := translate.Assignment(c.pool, state(c.state))
		var weights []uint32
		var out []bool
		for _, e := range a.Endpoints[0].LbEndpoints {
			weights = append(weights, e.LoadBalancingWeight.GetValue())
			out = append(out, e.HealthStatus == corev3.HealthStatus_UNHEALTHY)
		}
		var drop uint32
		for _, d := range a.GetPolicy().GetDropOverloads() {
			drop += d.DropPercentage.Numerator
		}
		if !slices.Equal(weights, c.weights) || !slices.Equal(out, c.out) || drop != c.drop {
			t.Errorf("%s: weights %v, out %v, drop %d; want %v, %v, %d", name, weights, out, drop, c.weights, c.out, c.drop)
		}
		if err := a.ValidateAll(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := translate.Assignment(pool, state(translate.PoolState{})); !proto.Equal(after, plain) {
		t.Errorf("got %v, want %v", after, plain)
	}
}
