package blueprints

import "time"

// leastHalfOpen is the shortest recovery time that leaves room to see an ejection, hold
// the target out and try it.
const leastHalfOpen = 3 * time.Second

// HalfOpens says that targets of p whose breaker was open are tried with a few requests
// before they get their share again. It takes recovery times of 3 s, and addresses
// that are the management server's to give.
func (p *Pool) HalfOpens() bool {
	return p.Breaker != nil && p.Breaker.RecoveryTimeout >= leastHalfOpen && !p.ResolveByEnvoy
}

// halfOpens warns of a breaker that has no trial phase.
func (d *decoder) halfOpens(p *Pool, s *poolSpec) {
	if p.Breaker == nil || p.HalfOpens() {
		return
	}
	place := s.CircuitBreaker.at
	for i := range s.Targets.items {
		if own := s.Targets.items[i].CircuitBreaker.at; !place.given() && own.given() {
			place = own
		}
	}
	const once = "after recovery_timeout a target gets its full share at once, without half_open_max_calls and what else is said of trials and scope: "
	if p.ResolveByEnvoy {
		d.warn(place, once, "Envoy resolves its addresses")
		return
	}
	d.warn(place, once, "that takes a recovery_timeout of 3 s or more")
}

// Failures says which answers of a target are failures.
type Failures string

// Connections that fail, are reset or time out are failures in any case. 501 says that a
// method is not implemented, which is no sign of a sick target.
const (
	FailServer  Failures = "5xx"     // 500 and 502 to 599
	FailGateway Failures = "gateway" // 502 to 504
)

// Scope says whose a breaker is.
type Scope string

// The scopes.
const (
	ScopeEnvoy Scope = "envoy" // each Envoy's own
	ScopeFleet Scope = "fleet" // that of all Envoys of the blueprint together
)

// Counts says whether an answer with the status is a failure.
func (f Failures) Counts(status int) bool {
	if f == FailGateway {
		return status >= 502 && status <= 504
	}
	return status >= 500 && status <= 599 && status != 501
}

// Recovery is how long the target is out when the breaker opens for the n-th time since it
// was closed, from 1.
func (b *Breaker) Recovery(n int) time.Duration {
	grown := float64(b.RecoveryTimeout)
	for range n - 1 {
		if b.RecoveryGrowth <= 1 || grown >= float64(b.MaxRecovery) {
			break
		}
		grown = min(grown*b.RecoveryGrowth, float64(b.MaxRecovery))
	}
	return time.Duration(grown)
}

// growthUntold is how many times recovery_timeout a recovery time grows at most, where the
// blueprint does not say.
const growthUntold = 10

// unitedBreaker is what a target says of its breaker, united with what its pool says.
func (d *decoder) unitedBreaker(own, pool *breakerSpec) *Breaker {
	if !own.given() && !pool.given() || !own.Enabled.or(pool.Enabled.or(true)) {
		return nil
	}
	b := &Breaker{
		Position:         d.position(pick(own.at, pool.at)),
		FailureThreshold: own.FailureThreshold.or(pool.FailureThreshold.or(5)),
		RecoveryTimeout:  own.RecoveryTimeout.or(pool.RecoveryTimeout.or(time.Minute)),
		HalfOpenMaxCalls: own.HalfOpenMaxCalls.or(pool.HalfOpenMaxCalls.or(3)),
		Failures:         Failures(pickStr(own.Failures, pool.Failures).or(string(FailServer))),
		RecoveryGrowth:   own.RecoveryGrowth.or(pool.RecoveryGrowth.or(1)),
	}
	b.Scope = Scope(pickStr(own.Scope, pool.Scope).or(string(ScopeEnvoy)))
	b.FleetShare = own.FleetShare.or(pool.FleetShare.or(Share{Percent: 50}))
	b.SuccessThreshold = own.SuccessThreshold.or(pool.SuccessThreshold.or(b.HalfOpenMaxCalls))
	longest := choose(own.MaxRecovery.given(), own.MaxRecovery, pool.MaxRecovery)
	b.MaxRecovery = longest.or(max(b.RecoveryTimeout, growthUntold*b.RecoveryTimeout)) // not below it when it overflows
	return b
}

// breakerBounds checks what says something of another setting only.
func (d *decoder) breakerBounds(p *Pool, s *poolSpec) {
	longest, most := s.CircuitBreaker.MaxRecovery.at, s.CircuitBreaker.FleetShare.at
	for i := range s.Targets.items {
		own := &s.Targets.items[i].CircuitBreaker
		longest, most = pick(own.MaxRecovery.at, longest), pick(own.FleetShare.at, most)
	}
	b := p.Breaker
	if b == nil {
		return
	}
	switch {
	case !longest.given():
	case b.MaxRecovery < b.RecoveryTimeout:
		d.fail(longest, "must not be below recovery_timeout, which is ", b.RecoveryTimeout.String())
	case b.RecoveryGrowth <= 1:
		d.warn(longest, "has no effect without a recovery_growth above 1")
	}
	if most.given() && b.Scope != ScopeFleet {
		d.warn(most, "has no effect without scope: fleet")
	}
}
