package translate

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"

	"backworks/blueprints"
)

// idempotent are the methods that may be sent twice (RFC 9110, section 9.2.2).
var idempotent = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"}

// When Envoy tries again. What a client must not do twice is sent again only when
// it certainly never reached a target.
const (
	retrySafe   = "reset,connect-failure,refused-stream,retriable-headers"
	retryUnsafe = "connect-failure,refused-stream,reset-before-request"
	// retryBody is how much of a request's body is kept for another try. Envoy's
	// default is the connection's buffer, and a longer body cannot be sent again when its
	// first target was not reached.
	retryBody = 1 << 20
	// otherTargets is how often Envoy looks for a target that was not tried yet.
	otherTargets = 5
)

// retryPart are methods of an endpoint that are retried alike.
type retryPart struct {
	methods []string
	safe    bool
}

// retryParts splits methods (none: any) by whether they may be sent again. The
// second part of an endpoint for any method has what the first one left.
func retryParts(names []string, retries int, unsafeToo bool) []retryPart {
	if retries == 0 || unsafeToo {
		return []retryPart{{names, true}}
	}
	if len(names) == 0 {
		return []retryPart{{idempotent, true}, {nil, false}}
	}
	var safe, other []string
	for _, n := range names {
		if slices.Contains(idempotent, n) {
			safe = append(safe, n)
		} else {
			other = append(other, n)
		}
	}
	var out []retryPart
	if len(safe) > 0 {
		out = append(out, retryPart{safe, true})
	}
	if len(other) > 0 {
		out = append(out, retryPart{other, false})
	}
	return out
}

// retryPolicy tries again up to so many times, each time at another target. All
// tries together have the route's timeout.
func (b *builder) retryPolicy(s settings, safe bool) *routev3.RetryPolicy {
	if s.retries == 0 {
		return nil
	}
	p := &routev3.RetryPolicy{
		RetryOn:    retryUnsafe,
		NumRetries: u32(s.retries),
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{
				TypedConfig: b.typed(&previoushostsv3.PreviousHostsPredicate{}),
			},
		}},
		HostSelectionRetryMaxAttempts: otherTargets,
	}
	if safe {
		p.RetryOn = retrySafe
		p.RetriableHeaders = []*routev3.HeaderMatcher{status(failureStatus)}
	}
	if s.retry != nil {
		shape(p, s.retry, safe)
	}
	return p
}

// shape makes of p what the blueprint says of its retries. What must not be sent twice
// keeps its conditions, and has no limit for a try: after one it would end, not be sent
// again.
func shape(p *routev3.RetryPolicy, r *blueprints.Retry, safe bool) {
	if r.BackoffBase > 0 {
		p.RetryBackOff = &routev3.RetryPolicy_RetryBackOff{BaseInterval: duration(r.BackoffBase)}
		if r.BackoffMax > 0 {
			p.RetryBackOff.MaxInterval = duration(r.BackoffMax)
		}
	}
	if !safe {
		return
	}
	if r.PerTryTimeout > 0 {
		p.PerTryTimeout = duration(r.PerTryTimeout)
	}
	if len(r.On)+len(r.Statuses) == 0 {
		return
	}
	p.RetriableHeaders = nil
	var on []string
	for _, x := range r.On {
		if x == blueprints.RetryFailures {
			x = retrySafe
			p.RetriableHeaders = []*routev3.HeaderMatcher{status(failureStatus)}
		}
		on = append(on, x)
	}
	for _, code := range r.Statuses {
		p.RetriableStatusCodes = append(p.RetriableStatusCodes, uint32(code))
	}
	if len(r.Statuses) > 0 {
		on = append(on, "retriable-status-codes")
	}
	p.RetryOn = strings.Join(on, ",")
}

// hedgePolicy lets a try go on beside the next one.
func hedgePolicy(s settings, safe bool) *routev3.HedgePolicy {
	if !safe || s.retry == nil || s.retry.Hedge == nil || !*s.retry.Hedge {
		return nil
	}
	return &routev3.HedgePolicy{HedgeOnPerTryTimeout: true}
}
