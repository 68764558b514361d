package fleet

import (
	"fmt"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
)

// BreakerState is that of a target's breaker.
type BreakerState string

// The states, in the words that Backworks has always had for them.
const (
	BreakerClosed   BreakerState = "Closed"
	BreakerOpen     BreakerState = "Open"     // the target gets nothing
	BreakerHalfOpen BreakerState = "HalfOpen" // it is tried with a few requests
)

// BreakerStates are all there are.
var BreakerStates = []BreakerState{BreakerClosed, BreakerOpen, BreakerHalfOpen}

// circuit is the breaker of one target in one Envoy.
type circuit struct {
	state        BreakerState
	since, until time.Time // until: when an open one is to be tried
	reason       string
	turns        map[BreakerState]uint64 // how often it came to each state
	openings     int                     // how often it opened since it was closed
	// renewed: it was closed by hand, and the target is taken out of the pool until that
	// is seen, since nothing else ends Envoy's own ejection.
	renewed bool

	// What follows is of the trial. The counters run since base; admitted: it was seen
	// that Envoy's own ejection is over; full: as many are under way as there are to be.
	base           envoy.Host
	codes          map[string]uint64
	excused        uint64
	started, good  uint64
	admitted, full bool
}

func (c *circuit) turn(to BreakerState, now time.Time, reason string) {
	if c.turns == nil {
		c.turns = map[BreakerState]uint64{}
	}
	c.turns[to]++
	*c = circuit{state: to, since: now, reason: reason, turns: c.turns, openings: c.openings}
	if to == BreakerClosed {
		c.openings = 0
	}
}

func (c *circuit) open(now time.Time, br *blueprints.Breaker, reason string) {
	c.turn(BreakerOpen, now, reason)
	c.openings++
	c.until = now.Add(br.Recovery(c.openings))
}

// restore closes it by hand; with renew also where it may be open and nobody has seen that
// yet.
func (c *circuit) restore(now time.Time, renew bool) {
	renew = renew || c.state != BreakerClosed
	if c.state != BreakerClosed {
		c.turn(BreakerClosed, now, "restored by hand")
	}
	c.renewed = renew
}

// try lets the target have its trial.
func (c *circuit) try(h envoy.Host, codes map[string]uint64, now time.Time) {
	c.turn(BreakerHalfOpen, now, "its time is over, and it is tried")
	c.base, c.codes, c.admitted = h, codes, !h.Ejected
}

// judge sees what came of a trial so far. stats are the pool's counters, nil when they
// were not asked for.
func (c *circuit) judge(h envoy.Host, stats map[string]uint64, br *blueprints.Breaker, now time.Time) {
	if h.RequestsTotal < c.base.RequestsTotal || h.RequestsError < c.base.RequestsError || h.RequestsSuccess < c.base.RequestsSuccess {
		// Envoy was started anew, or made the cluster anew: all is since then.
		c.base, c.codes, c.excused = envoy.Host{}, nil, 0
	}
	c.started = h.RequestsTotal - c.base.RequestsTotal
	failed := h.RequestsError - c.base.RequestsError
	if failed > c.excused && onlyOthers(br.Failures, c.codes, stats, failed) {
		c.excused = failed
	}
	switch {
	case failed > c.excused:
		c.open(now, br, fmt.Sprintf("%d of %d trial requests failed", failed-c.excused, max(c.started, failed)))
		return
	case h.Ejected && c.admitted:
		c.open(now, br, "its trial requests failed: Envoy took it out")
		return
	}
	c.admitted = c.admitted || !h.Ejected
	c.good = h.RequestsSuccess - c.base.RequestsSuccess + c.excused
	wanted, calls := uint64(br.SuccessThreshold), uint64(br.HalfOpenMaxCalls)
	if c.good >= wanted {
		c.turn(BreakerClosed, now, fmt.Sprintf("%d trial requests were good", c.good))
		return
	}
	c.full = c.good+h.RequestsActive >= wanted || h.RequestsActive >= calls
}

// onlyOthers says that as many answers of codes which are no failures came to the pool's
// requests as Envoy counts errors of one target, and none of codes that are. When it is
// not sure, they are failures.
func onlyOthers(fails blueprints.Failures, before, now map[string]uint64, errors uint64) bool {
	if before == nil || now == nil {
		return false
	}
	var excused uint64
	for name, n := range now {
		code, is := cutCode(name)
		switch {
		case !is || n <= before[name]:
		case !fails.Counts(code):
			excused += n - before[name]
		default:
			return false
		}
	}
	return excused >= errors
}
