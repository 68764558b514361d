package translate

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	matcherconfigv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/matcher/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	upstreamsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	"backworks/blueprints"
)

// failureStatus matches the answers of a target that are failures: 500 and 502
// to 599. 501 says that a method is not implemented, which is no sign of a sick
// target, and Envoy counts it unless told otherwise.
const failureStatus = "50[02-9]|5[1-9][0-9]"

// ejectionSweep is how often Envoy looks for targets whose time out is over.
const ejectionSweep = 500 * time.Millisecond

// heldFor is how long before the end of the recovery time Envoy itself lets a target
// in again, where the management server holds it out and tries it: at its time the
// sweep must be over.
const heldFor = time.Second

// outlierDetection takes a target out after the breaker's failures in a row, for
// just its recovery time. All that Envoy would do besides is switched off.
func outlierDetection(p *blueprints.Pool) *clusterv3.OutlierDetection {
	br := p.Breaker
	if br == nil {
		return nil
	}
	ejection := br.RecoveryTimeout
	if p.HalfOpens() {
		ejection -= heldFor
	}
	o := &clusterv3.OutlierDetection{
		Consecutive_5Xx:          u32(br.FailureThreshold),
		EnforcingConsecutive_5Xx: u32(100),
		Interval:                 duration(ejectionSweep),
		// The time grows with each ejection unless the maximum equals it.
		BaseEjectionTime:      duration(ejection),
		MaxEjectionTime:       duration(ejection),
		MaxEjectionTimeJitter: duration(0),
		// The default of 10 % ejects nothing among three targets.
		MaxEjectionPercent: u32(100),
		// By default the next passing health check lets an ejected target in again.
		SuccessfulActiveHealthCheckUnejectHost: boolean(false),
		// Not enforced is not enough: these would still be logged as ejections.
		ConsecutiveGatewayFailure:             u32(0),
		EnforcingConsecutiveGatewayFailure:    u32(0),
		EnforcingSuccessRate:                  u32(0),
		EnforcingLocalOriginSuccessRate:       u32(0),
		EnforcingFailurePercentage:            u32(0),
		EnforcingFailurePercentageLocalOrigin: u32(0),
	}
	if br.Failures == blueprints.FailGateway {
		o.Consecutive_5Xx, o.ConsecutiveGatewayFailure = o.ConsecutiveGatewayFailure, o.Consecutive_5Xx
		o.EnforcingConsecutive_5Xx, o.EnforcingConsecutiveGatewayFailure = o.EnforcingConsecutiveGatewayFailure, o.EnforcingConsecutive_5Xx
	}
	return o
}

// failures is the error matcher that goes with outlierDetection, or nil where gateways'
// errors count: Envoy has a counter for these, which knows the statuses of gRPC that stand
// for them. The matcher does not see those, and takes what it matches for a 500. Failures
// to connect and resets count in any case.
func failures(br *blueprints.Breaker) *upstreamsv3.HttpProtocolOptions_OutlierDetection {
	if br == nil || br.Failures == blueprints.FailGateway {
		return nil
	}
	return &upstreamsv3.HttpProtocolOptions_OutlierDetection{ErrorMatcher: &matcherconfigv3.MatchPredicate{
		Rule: &matcherconfigv3.MatchPredicate_HttpResponseHeadersMatch{
			HttpResponseHeadersMatch: &matcherconfigv3.HttpHeadersMatch{Headers: []*routev3.HeaderMatcher{status(failureStatus)}},
		},
	}}
}

// status matches the status of an answer against a regular expression.
func status(pattern string) *routev3.HeaderMatcher { return header(":status", matches(pattern)) }
