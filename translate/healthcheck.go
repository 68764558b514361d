package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"

	"backworks/blueprints"
)

// healthChecks asks each target of a pool, with the target's Host and below the
// path of its URL.
func healthChecks(p *blueprints.Pool) []*corev3.HealthCheck {
	h := p.HealthCheck
	if h == nil {
		return nil
	}
	return []*corev3.HealthCheck{{
		Timeout:  duration(h.Timeout),
		Interval: duration(h.Interval),
		// The default of 60 s holds for pools without traffic, and traffic does
		// not shorten a wait that has begun.
		NoTrafficInterval:  duration(h.Interval),
		HealthyThreshold:   u32(h.HealthyThreshold),
		UnhealthyThreshold: u32(h.UnhealthyThreshold),
		HealthChecker: &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: &corev3.HealthCheck_HttpHealthCheck{
			Path:             p.PathPrefix + h.Path,
			ExpectedStatuses: []*typev3.Int64Range{{Start: 200, End: 300}},
			// A status outside both ranges makes a target unhealthy at once,
			// whatever the threshold.
			RetriableStatuses: []*typev3.Int64Range{{Start: 100, End: 200}, {Start: 300, End: 600}},
		}},
	}}
}
