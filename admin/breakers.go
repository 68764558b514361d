package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"backworks/fleet"
)

var (
	breakerNow   = desc("breaker_state", "1 for the state that the breaker of a target is in, in one Envoy.", "blueprint", "pool", "target", "node", "state")
	breakerTotal = desc("breaker_transitions_total", "How often breakers came to a state.", "blueprint", "pool", "target", "node", "state")
	breakerDescs = []*prometheus.Desc{breakerNow, breakerTotal}
)

// collectBreakers gives the breakers that the management server works.
func (f figures) collectBreakers(emit emitter) {
	for _, b := range f.Fleet.Breakers() {
		for _, state := range fleet.BreakerStates {
			emit.gauge(breakerNow, truth(b.State == state), b.Blueprint, b.Pool, b.Target, b.Node, string(state))
			emit.counter(breakerTotal, float64(b.Turns[state]), b.Blueprint, b.Pool, b.Target, b.Node, string(state))
		}
	}
}
