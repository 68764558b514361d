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
	if p.ResolveByEnvoy {
		d.warn(place, "after recovery_timeout a target gets its full share at once, without half_open_max_calls: Envoy resolves its addresses")
		return
	}
	d.warn(place, "after recovery_timeout a target gets its full share at once, without half_open_max_calls: that takes a recovery_timeout of 3 s or more")
}
