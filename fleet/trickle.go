package fleet

import (
	"math"
	"slices"
	"strings"
	"time"

	"backworks/blueprints"
)

// share finds how much the tried targets get. What is between two looks comes without
// being judged, and looks may be late: so it is half of half_open_max_calls, or one.
func (b *poolBreaker) share(p *blueprints.Pool, s sight, now time.Time) {
	others, tried := b.weights(p, s)
	if tried == 0 {
		b.factor, b.drop, b.sharedFor = 0, 0, ""
		return
	}
	factor, drop := b.trickle(p, others, tried)
	who := b.trials(others > 0)
	if who == b.sharedFor {
		if now.Sub(b.sharedAt) < adaptEvery || near(float64(factor), float64(b.factor)) && near(1-drop, 1-b.drop) {
			return
		}
	}
	b.factor, b.drop, b.sharedFor, b.sharedAt = factor, drop, who, now
}

func (b *poolBreaker) trickle(p *blueprints.Pool, others, tried float64) (factor uint32, drop float64) {
	wanted := 1.0
	calls := max(1, float64(p.Breaker.HalfOpenMaxCalls)/2)
	if others == 0 {
		calls = max(1, float64(p.Breaker.HalfOpenMaxCalls)/3) // Envoy sheds by chance
	}
	rate := b.flow.rate
	if others == 0 && p.Fallback != nil {
		rate = b.rateWithFallback(calls)
	}
	if came := rate * trialLook.Seconds(); came > calls {
		wanted = calls / came
	}
	switch {
	case others == 0:
		return 1, min(1-wanted, maxDrop)
	case p.Algorithm == blueprints.Random || p.Algorithm == blueprints.IPHash:
		return 1, 0
	}
	return uint32(max(1, min(maxFactor, math.Ceil(tried*(1-wanted)/(wanted*others))))), 0
}

// rateWithFallback is the rate of the requests for a pool whose fallback takes what it
// does not: known by the part that it gets. At first, when it got nothing, it is taken
// for one of which firstPart is the calls of a look.
func (b *poolBreaker) rateWithFallback(calls float64) float64 {
	if b.sharedFor == "" {
		return calls / (firstPart * trialLook.Seconds())
	}
	return b.flow.rate / (1 - b.drop)
}

// near says that two shares do not differ twofold.
func near(a, b float64) bool { return a < 2*b && b < 2*a }

// trials are the targets being tried, and whether there are others, as one text.
func (b *poolBreaker) trials(others bool) string {
	var list []string
	for a, c := range b.circuits {
		if c.state == BreakerHalfOpen {
			list = append(list, a)
		}
	}
	slices.Sort(list)
	if !others {
		list = append(list, "alone")
	}
	return strings.Join(list, " ")
}
