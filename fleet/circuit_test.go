package fleet

import (
	"testing"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
)

// two is a pool of equal targets a and b, and an Envoy that has it.
type two struct {
	*testing.T
	pool  *blueprints.Pool
	is    *poolBreaker
	now   time.Time
	a, b  envoy.Host
	stats map[string]uint64
}

func newTwo(t *testing.T) *two {
	x := &two{T: t, now: time.Unix(1_700_000_000, 0), is: &poolBreaker{circuits: map[string]*circuit{}}}
	x.pool = &blueprints.Pool{
		Name: "p", Algorithm: blueprints.RoundRobin, Breaker: &blueprints.Breaker{RecoveryTimeout: 10 * time.Second, HalfOpenMaxCalls: 3, SuccessThreshold: 3},
		Targets: []*blueprints.Target{{Host: "10.0.0.1", Port: 1, Weight: 1}, {Host: "10.0.0.2", Port: 1, Weight: 1}},
	}
	x.a, x.b = envoy.Host{EDSHealth: "HEALTHY"}, envoy.Host{EDSHealth: "HEALTHY"}
	return x
}

const aName, bName = "10.0.0.1:1", "10.0.0.2:1"

// after lets time pass, and looks.
func (x *two) after(d time.Duration) *two {
	x.now = x.now.Add(d)
	x.is.step(x.pool, sight{at: x.now, hosts: map[string]envoy.Host{aName: x.a, bName: x.b}, stats: x.stats}, x.now)
	return x
}

func (x *two) want(what string, a, b BreakerState) {
	x.Helper()
	if x.is.is(aName) != a || x.is.is(bName) != b {
		x.Errorf("%s: a is %s, b %s; want %s and %s", what, x.is.is(aName), x.is.is(bName), a, b)
	}
}

// opened is two with b half open, after requests at a rate.
func opened(t *testing.T, rate uint64) *two {
	x := newTwo(t)
	x.after(0)
	x.b.RequestsTotal, x.b.RequestsError, x.b.Ejected = 5, 5, true
	x.after(time.Second).want("Envoy takes it out", BreakerClosed, BreakerOpen)
	x.b.Ejected = false // a second before its time
	for range 10 {
		x.want("before its time", BreakerClosed, BreakerOpen)
		x.a.RequestsTotal += rate
		x.a.RequestsSuccess += rate
		x.after(time.Second)
	}
	x.want("at its time", BreakerClosed, BreakerHalfOpen)
	return x
}

func TestTrial(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		see  func(x *two)
		want BreakerState
	}{
		"nothing comes":                {func(*two) {}, BreakerHalfOpen},
		"two are good":                 {func(x *two) { x.b.RequestsTotal += 2; x.b.RequestsSuccess += 2 }, BreakerHalfOpen},
		"three are good":               {func(x *two) { x.b.RequestsTotal += 3; x.b.RequestsSuccess += 3 }, BreakerClosed},
		"one fails":                    {func(x *two) { x.b.RequestsTotal++; x.b.RequestsError++ }, BreakerOpen},
		"one of four fails":            {func(x *two) { x.b.RequestsTotal += 4; x.b.RequestsSuccess += 3; x.b.RequestsError++ }, BreakerOpen},
		"Envoy takes it out":           {func(x *two) { x.b.Ejected = true }, BreakerOpen},
		"Envoy is new, three are good": {func(x *two) { x.b = envoy.Host{EDSHealth: "HEALTHY", RequestsTotal: 3, RequestsSuccess: 3} }, BreakerClosed},
		"Envoy is new, one failed":     {func(x *two) { x.b = envoy.Host{EDSHealth: "HEALTHY", RequestsTotal: 1, RequestsError: 1} }, BreakerOpen},
	} {
		x := opened(t, 20)
		c.see(x)
		x.after(trialLook).want(name, BreakerClosed, c.want)
	}
}

// TestEjectionThatLasts: that Envoy's own ejection is not over yet at the time is no
// failure of the trial, and another after it is.
func TestEjectionThatLasts(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	x.b.Ejected = true
	x.after(time.Second)
	x.after(10*time.Second).want("at its time", BreakerClosed, BreakerHalfOpen)
	x.after(trialLook).want("still taken out", BreakerClosed, BreakerHalfOpen)
	x.b.Ejected = false
	x.after(trialLook).want("in again", BreakerClosed, BreakerHalfOpen)
	x.b.Ejected = true
	x.after(trialLook).want("out again", BreakerClosed, BreakerOpen)
}

// TestWhatIsNoFailure: Envoy counts a 501 as an error of the target; it is one only when
// something else may have been.
func TestWhatIsNoFailure(t *testing.T) {
	t.Parallel()
	before := map[string]uint64{"external.upstream_rq_501": 4, "external.upstream_rq_500": 9}
	for name, c := range map[string]struct {
		now  map[string]uint64
		want bool
	}{
		"501 alone":         {map[string]uint64{"external.upstream_rq_501": 6, "external.upstream_rq_500": 9}, true},
		"too few":           {map[string]uint64{"external.upstream_rq_501": 5, "external.upstream_rq_500": 9}, false},
		"500 too":           {map[string]uint64{"external.upstream_rq_501": 6, "external.upstream_rq_500": 10}, false},
		"503 that is new":   {map[string]uint64{"external.upstream_rq_501": 6, "retry.upstream_rq_503": 1}, false},
		"nothing is known":  {nil, false},
		"others that count": {map[string]uint64{"external.upstream_rq_501": 6, noneHealthy: 7}, true},
	} {
		if got := onlyOthers(blueprints.FailServer, before, c.now, 2); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	x := newTwo(t)
	x.stats = before
	x.b.Ejected = true
	x.after(time.Second)
	x.b.Ejected = false
	x.after(10*time.Second).want("at its time", BreakerClosed, BreakerHalfOpen)
	x.b.RequestsTotal, x.b.RequestsError = 3, 3
	x.stats = map[string]uint64{"external.upstream_rq_501": 7, "external.upstream_rq_500": 9}
	x.after(trialLook).want("three 501", BreakerClosed, BreakerClosed)
}

// TestTrialsUnderWay: as many as there are to be are enough until they have ended.
func TestTrialsUnderWay(t *testing.T) {
	t.Parallel()
	x := opened(t, 20)
	x.b.RequestsTotal, x.b.RequestsActive = x.b.RequestsTotal+3, 3
	x.after(trialLook).want("three hang", BreakerClosed, BreakerHalfOpen)
	if s, _ := x.is.stands(); !s.Out[bName] {
		t.Error("more come while three hang")
	}
	x.b.RequestsActive = 1 // two clients went away
	x.after(trialLook)
	if s, _ := x.is.stands(); !s.Trial[bName] || s.Out[bName] {
		t.Errorf("no more come though there is room: %+v", s)
	}
}

// TestShare: between two looks come half of the calls that there are to be.
func TestShare(t *testing.T) {
	t.Parallel()
	for rate, factor := range map[uint64]uint32{0: 1, 10: 1, 20: 1, 100: 6, 200: 13, 1000: 66, 10_000_000: maxFactor} {
		x := opened(t, rate)
		s, _ := x.is.stands()
		if s.Factor != factor || s.Drop != 0 || !s.Trial[bName] || len(s.Out) > 0 {
			t.Errorf("at %d a second: %+v, want a factor of %d", rate, s, factor)
		}
	}
	x := opened(t, 200)
	x.a.RequestsTotal += 1000 * 11 / 10
	x.after(1100 * time.Millisecond)
	if s, _ := x.is.stands(); s.Factor != 66 {
		t.Errorf("the rate is 1,000 now, and the factor %d", s.Factor)
	}
}

// TestNoOther: with no target that is well, all but a part is shed, and its size is known
// before the first is tried; one is tried at a time.
func TestNoOther(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	x.a.Ejected, x.b.Ejected = true, true
	x.stats = map[string]uint64{noneHealthy: 0}
	x.after(0).want("both are out", BreakerOpen, BreakerOpen)
	x.a.Ejected, x.b.Ejected = false, false
	for range 10 {
		x.stats = map[string]uint64{noneHealthy: x.stats[noneHealthy] + 200}
		x.after(time.Second)
	}
	x.want("the first at its time", BreakerHalfOpen, BreakerOpen)
	if s, _ := x.is.stands(); s.Drop < 0.949 || s.Drop > 0.951 || !s.Out[bName] || !s.Trial[aName] {
		t.Errorf("at 200 a second: %+v, want 1 of 20 let through", s)
	}
	x.a.RequestsTotal, x.a.RequestsSuccess = 3, 3
	x.after(trialLook).want("one after the other", BreakerClosed, BreakerHalfOpen)
	if s, _ := x.is.stands(); s.Drop != 0 {
		t.Errorf("there is another now: %+v", s)
	}
	x.b.RequestsTotal, x.b.RequestsSuccess = 3, 3
	x.after(trialLook).want("all is well", BreakerClosed, BreakerClosed)
	if _, any := x.is.stands(); any {
		t.Error("something is left over the assignment")
	}
}

// TestIdleTrial: a target to which nothing comes does not keep the next one waiting for
// ever.
func TestIdleTrial(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	x.stats = map[string]uint64{}
	x.a.Ejected, x.b.Ejected = true, true
	x.after(0)
	x.a.Ejected, x.b.Ejected = false, false
	x.after(5 * time.Second)
	x.after(5*time.Second).want("the first", BreakerHalfOpen, BreakerOpen)
	x.after(9*time.Second).want("the first has its time", BreakerHalfOpen, BreakerOpen)
	x.after(time.Second).want("the next one too", BreakerHalfOpen, BreakerHalfOpen)
}

func TestPace(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	is := func(what string, want time.Duration) {
		t.Helper()
		if got := x.is.pace(x.pool, x.now); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	is("all is well", 2*time.Second)
	x.b.Ejected = true
	x.after(time.Second)
	is("open", time.Second)
	x.b.Ejected = false
	x.after(9500 * time.Millisecond)
	is("nearly over", 500*time.Millisecond)
	x.after(time.Second)
	is("half open", trialLook)
	x.is, x.pool.Breaker.RecoveryTimeout = &poolBreaker{}, 3*time.Second
	is("in time for the shortest", time.Second)
}
