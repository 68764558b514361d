package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"backworks/fleet"
)

var (
	breakerNow   = desc("breaker_state", "1 for the state that the breaker of a target is in, in one Envoy.", "blueprint", "pool", "target", "node", "state")
	breakerTotal = desc("breaker_transitions_total", "How often breakers came to a state.", "blueprint", "pool", "target", "node", "state")
	breakerNodes = desc("breaker_envoys", "Connected Envoys of a blueprint by the least that a breaker of theirs is: half_open, followed (others try for it) or ejection (Envoy's own alone).", "blueprint", "breaker")
	breakerDescs = []*prometheus.Desc{breakerNow, breakerTotal, breakerNodes}
)

// collectBreakers gives the breakers that the management server works.
func (f figures) collectBreakers(emit emitter, nodes []fleet.Node) {
	count := map[string]map[fleet.BreakerKind]int{}
	for _, n := range nodes {
		if n.Breakers == nil {
			continue
		}
		if count[n.Group] == nil {
			count[n.Group] = map[fleet.BreakerKind]int{}
		}
		count[n.Group][n.Breakers.Least()]++
	}
	for file, by := range count {
		for _, kind := range fleet.BreakerKinds {
			emit.gauge(breakerNodes, float64(by[kind]), file, string(kind))
		}
	}
	for _, b := range f.Fleet.Breakers() {
		for _, state := range fleet.BreakerStates {
			emit.gauge(breakerNow, truth(b.State == state), b.Blueprint, b.Pool, b.Target, b.Node, string(state))
			emit.counter(breakerTotal, float64(b.Turns[state]), b.Blueprint, b.Pool, b.Target, b.Node, string(state))
		}
	}
}
