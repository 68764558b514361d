package fleet

import (
	"testing"
	"time"

	"backworks/blueprints"
)

// reopened has the trial of b fail, and returns how long it is out then.
func (x *two) reopened() time.Duration {
	x.Helper()
	x.b.RequestsTotal++
	x.b.RequestsError++
	x.after(trialLook).want("its trial failed", BreakerClosed, BreakerOpen)
	c := x.is.circuits[bName]
	return c.until.Sub(c.since)
}

// TestGrowingRecovery: each trial that fails makes the next time out longer, up to a bound;
// once it was closed it is as at first.
func TestGrowingRecovery(t *testing.T) {
	t.Parallel()
	x := opened(t, 20)
	x.pool.Breaker.RecoveryGrowth, x.pool.Breaker.MaxRecovery = 2, 50*time.Second
	for _, want := range []time.Duration{20 * time.Second, 40 * time.Second, 50 * time.Second, 50 * time.Second} {
		if got := x.reopened(); got != want {
			t.Errorf("it is out for %v, want %v", got, want)
		}
		x.after(want-time.Millisecond).want("before its time", BreakerClosed, BreakerOpen)
		x.after(time.Millisecond).want("at its time", BreakerClosed, BreakerHalfOpen)
	}
	x.b.RequestsTotal += 3
	x.b.RequestsSuccess += 3
	x.after(trialLook).want("three are good", BreakerClosed, BreakerClosed)
	x.b.Ejected = true
	x.after(time.Second)
	if c := x.is.circuits[bName]; c.until.Sub(c.since) != 10*time.Second {
		t.Errorf("after it was closed it is out for %v", c.until.Sub(c.since))
	}
}

// TestSuccessThreshold: more good trials may be needed than there are at a time, or fewer.
func TestSuccessThreshold(t *testing.T) {
	t.Parallel()
	x := opened(t, 20)
	x.pool.Breaker.SuccessThreshold = 5
	x.b.RequestsTotal, x.b.RequestsSuccess = x.b.RequestsTotal+4, x.b.RequestsSuccess+4
	x.after(trialLook).want("four of five", BreakerClosed, BreakerHalfOpen)
	x.b.RequestsTotal, x.b.RequestsActive = x.b.RequestsTotal+1, 1
	x.after(trialLook)
	if s, _ := x.is.stands(); !s.Out[bName] {
		t.Error("more come though the last one is under way")
	}
	x.b.RequestsSuccess, x.b.RequestsActive = x.b.RequestsSuccess+1, 0
	x.after(trialLook).want("five", BreakerClosed, BreakerClosed)

	x = opened(t, 20)
	x.pool.Breaker.SuccessThreshold = 10
	x.b.RequestsTotal, x.b.RequestsActive = x.b.RequestsTotal+3, 3
	x.after(trialLook)
	if s, _ := x.is.stands(); !s.Out[bName] {
		t.Error("more come though half_open_max_calls are under way")
	}
}

// TestGatewayFailures: where only gateways' errors count, a trial that ends with a 500 is
// a good one, and with a 503 a failed one.
func TestGatewayFailures(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]BreakerState{"500": BreakerClosed, "501": BreakerClosed, "505": BreakerClosed, "502": BreakerOpen, "504": BreakerOpen} {
		x := newTwo(t)
		x.pool.Breaker.Failures = blueprints.FailGateway
		x.stats = map[string]uint64{}
		x.b.Ejected = true
		x.after(time.Second)
		x.b.Ejected = false
		x.after(10*time.Second).want("at its time", BreakerClosed, BreakerHalfOpen)
		x.b.RequestsTotal, x.b.RequestsError = 3, 3
		x.stats = map[string]uint64{"external.upstream_rq_" + code: 3}
		x.after(trialLook).want("three "+code, BreakerClosed, want)
	}
}
