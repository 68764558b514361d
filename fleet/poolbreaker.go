package fleet

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

const (
	// trialLook is how often an Envoy is looked at while a breaker is half open.
	trialLook = 100 * time.Millisecond
	// flowLeast is over how long requests are counted, to know their rate.
	flowLeast = 400 * time.Millisecond
	// adaptEvery is how often the share of a trial may follow another rate: each time,
	// Envoy's workers begin their turns anew.
	adaptEvery = time.Second
	// maxFactor bounds how many times less a tried target gets.
	maxFactor = 10_000
	// maxDrop is what is shed at most, so that some trials come.
	maxDrop = 0.999
	// firstPart is the part of the requests that a trial gets, beside a fallback, until it
	// is known how many come.
	firstPart = 0.1
)

// Counters of a cluster that tell of requests which no target got.
const (
	noneHealthy = "upstream_cx_none_healthy"
	dropped     = "upstream_rq_drop_overload"
)

// breakerStats matches, behind a cluster's name, the counters that a breaker asks for.
const breakerStats = `(?:` + noneHealthy + `|` + dropped + `|(?:external|retry)\.upstream_rq_5\d\d)`

// cutCode gives the status in the name of a counter of answers.
func cutCode(name string) (status int, is bool) {
	_, code, _ := strings.Cut(name, ".upstream_rq_")
	status, err := strconv.Atoi(code)
	return status, err == nil
}

// sight is a pool as an Envoy has it.
type sight struct {
	at    time.Time
	hosts map[string]envoy.Host // by authority
	stats map[string]uint64     // breakerStats; nil: not asked for
	// reasons are why targets are taken out, by authority; nil: Envoy did it.
	reasons map[string]string
}

// poolBreaker are the breakers of a pool in one Envoy, or in all of a blueprint.
type poolBreaker struct {
	circuits map[string]*circuit // by authority; who never failed has none
	flow     passage
	factor   uint32
	drop     float64
	// shared is for whom, and when, factor and drop were made.
	sharedFor string
	sharedAt  time.Time
	parts     parts // of all
}

// passage measures the requests that come to a pool.
type passage struct {
	at          time.Time
	hosts, shed uint64
	shedKnown   bool
	rate        float64 // a second
	known       bool
	whole       bool // the rate has those that no target got
}

func (f *passage) measure(s sight) {
	if !f.at.IsZero() && s.at.Sub(f.at) < flowLeast {
		return
	}
	next := passage{at: s.at, shedKnown: s.stats != nil, shed: s.stats[noneHealthy] + s.stats[dropped], rate: f.rate, known: f.known, whole: f.whole}
	for _, h := range s.hosts {
		next.hosts += h.RequestsTotal
	}
	both := next.shedKnown && f.shedKnown
	if !f.at.IsZero() && next.hosts >= f.hosts && (!both || next.shed >= f.shed) {
		came := next.hosts - f.hosts
		if both {
			came += next.shed - f.shed
		}
		next.rate, next.known, next.whole = float64(came)/s.at.Sub(f.at).Seconds(), true, both
	}
	*f = next
}

// is returns the state of a target.
func (b *poolBreaker) is(authority string) BreakerState {
	if c := b.circuits[authority]; c != nil {
		return c.state
	}
	return BreakerClosed
}

// any says that some target is in the state.
func (b *poolBreaker) any(state BreakerState) bool {
	for _, c := range b.circuits {
		if c.state == state {
			return true
		}
	}
	return false
}

// due is the open target whose time is over, the one that waits longest; "" when there
// is none, or another is being tried. One that gets no requests for as long as an open
// one does not keep others waiting.
func (b *poolBreaker) due(p *blueprints.Pool, now time.Time) (authority string) {
	for _, t := range p.Targets {
		a := translate.Authority(p, t)
		c := b.circuits[a]
		switch {
		case c == nil:
		case c.state == BreakerHalfOpen && (c.started > 0 || now.Sub(c.since) < p.Breaker.RecoveryTimeout):
			return ""
		case c.state == BreakerOpen && !now.Before(c.until) && (authority == "" || c.until.Before(b.circuits[authority].until)):
			authority = a
		}
	}
	return authority
}

// weights are those of the targets that are closed and well, and of those being tried.
func (b *poolBreaker) weights(p *blueprints.Pool, s sight) (others, tried float64) {
	for _, t := range p.Targets {
		a := translate.Authority(p, t)
		switch h, seen := s.hosts[a]; {
		case b.is(a) == BreakerHalfOpen:
			tried += t.Weight
		case seen && b.is(a) == BreakerClosed && h.Healthy():
			others += t.Weight
		}
	}
	return others, tried
}

// asksStats says that counters of the pool are needed to go on.
func (b *poolBreaker) asksStats(p *blueprints.Pool, s sight, now time.Time) bool {
	if !b.any(BreakerOpen) && !b.any(BreakerHalfOpen) {
		return false
	}
	if p.Breaker.Scope == blueprints.ScopeFleet {
		return true // what is counted is compared with what others were asked for
	}
	if others, _ := b.weights(p, s); others == 0 || b.due(p, now) != "" {
		return true
	}
	for a, c := range b.circuits {
		if c.state == BreakerHalfOpen && s.hosts[a].RequestsError != c.base.RequestsError {
			return true
		}
	}
	return false
}

// step takes the breakers of the pool as far as they go with what was seen in one Envoy.
func (b *poolBreaker) step(p *blueprints.Pool, s sight, now time.Time) {
	b.flow.measure(s)
	b.advance(p, s, now)
}

// stepAll is step with what was seen in one of all the Envoys that have it together.
func (b *poolBreaker) stepAll(p *blueprints.Pool, node string, s sight, now time.Time) {
	s, b.flow = b.parts.join(p.Breaker, node, s, now)
	b.advance(p, s, now)
}

// advance takes the breakers as far as they go.
//
// What can happen to a target:
//  1. Closed, and Envoy has taken it out: it is open, for the recovery time.
//  2. Half open: see judge.
//  3. Open, its time is over, and none of the pool is being tried: it is half open.
func (b *poolBreaker) advance(p *blueprints.Pool, s sight, now time.Time) {
	for _, t := range p.Targets {
		a := translate.Authority(p, t)
		h, seen := s.hosts[a]
		c := b.circuits[a]
		switch {
		case c != nil && c.renewed:
			c.renewed = seen
		case !seen:
		case c != nil && c.state == BreakerHalfOpen:
			c.judge(h, s.stats, p.Breaker, now)
		case h.Ejected && (c == nil || c.state == BreakerClosed):
			if c == nil {
				c = &circuit{}
				b.circuits[a] = c
			}
			c.open(now, p.Breaker, cmp.Or(s.reasons[a], "its requests failed: Envoy took it out"))
		}
	}
	others, _ := b.weights(p, s)
	if a := b.due(p, now); a != "" && (others > 0 || b.flow.whole) {
		if h, seen := s.hosts[a]; seen {
			b.circuits[a].try(h, s.stats, now)
		}
	}
	b.share(p, s, now)
}

// stands is what the breakers make of the pool's assignment; false: nothing.
func (b *poolBreaker) stands() (translate.PoolState, bool) {
	s := translate.PoolState{Out: map[string]bool{}, Gone: map[string]bool{}, Trial: map[string]bool{}, Factor: b.factor, Drop: b.drop}
	for a, c := range b.circuits {
		switch {
		case c.renewed:
			s.Gone[a] = true
		case c.state == BreakerOpen || c.state == BreakerHalfOpen && c.full:
			s.Out[a] = true
		case c.state == BreakerHalfOpen:
			s.Trial[a] = true
		}
	}
	return s, len(s.Out)+len(s.Trial)+len(s.Gone) > 0
}

// pace is when to look again.
func (b *poolBreaker) pace(p *blueprints.Pool, now time.Time) time.Duration {
	recovery := p.Breaker.RecoveryTimeout
	next := min(idleLook, (recovery-time.Second)/2)
	for _, c := range b.circuits {
		switch {
		case c.state == BreakerHalfOpen || c.renewed:
			return trialLook
		case c.state == BreakerOpen:
			next = min(next, time.Second, recovery/4)
			if left := c.until.Sub(now); left > 0 {
				next = min(next, max(left, trialLook/10))
			}
		}
	}
	return next
}
