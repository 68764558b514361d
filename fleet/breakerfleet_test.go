package fleet

import (
	"testing"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// sharedTwo are two Envoys that have the breakers of a pool together, and others that
// cannot be asked.
type sharedTwo struct {
	*seenNode
	first, second envoy.Host // b as they have it
}

func newSharedTwo(t *testing.T, share blueprints.Share) *sharedTwo {
	n := newNode(t)
	n.pool.Targets[0].Name, n.pool.Targets[1].Name = "a", "b"
	n.pool.Breaker.Scope, n.pool.Breaker.FleetShare = blueprints.ScopeFleet, share
	n.publish(n.pool)
	well := envoy.Host{EDSHealth: "HEALTHY", RequestsTotal: 1000, RequestsError: 400, RequestsSuccess: 600} // long ago
	return &sharedTwo{seenNode: n, first: well, second: well}
}

// look looks at both.
func (f *sharedTwo) look(after time.Duration) {
	f.now = f.now.Add(after)
	for node, b := range map[string]envoy.Host{"one": f.first, "two": f.second} {
		at := place{nodeAt.file, node}
		s := sight{at: f.now, hosts: map[string]envoy.Host{aName: f.a, bName: b}, stats: f.stats}
		f.work.take(at, f.work.watched(at), map[string]sight{"p": s}, f.now)
	}
}

func (f *sharedTwo) wants(what string, overlays int, state BreakerState) {
	f.Helper()
	if got := len(f.server.overlays[place{nodeAt.file, ""}]); got != overlays {
		f.Errorf("%s: all have %d assignments of ours, want %d", what, got, overlays)
	}
	for _, node := range []string{"one", "two"} {
		if got := len(f.server.overlays[place{nodeAt.file, node}]); got != 0 {
			f.Errorf("%s: %s has %d assignments of its own", what, node, got)
		}
	}
	for _, s := range f.work.statuses() {
		if s.Node != "" || s.Scope != blueprints.ScopeFleet {
			f.Errorf("%s: a breaker of %q, scope %s", what, s.Node, s.Scope)
		}
		if s.Target == "b" && s.State != state {
			f.Errorf("%s: b is %s, want %s (%s)", what, s.State, state, s.Reason)
		}
	}
}

// TestFleetBreaker: one of two Envoys is half, so all take the target out; trials are
// counted in both, and the first that fails in either ends it.
func TestFleetBreaker(t *testing.T) {
	t.Parallel()
	f := newSharedTwo(t, blueprints.Share{Percent: 50})
	f.look(0)
	f.look(time.Second)
	f.wants("all is well", 0, BreakerClosed)
	f.first.Ejected = true
	f.look(time.Second)
	f.wants("one took it out", 1, BreakerOpen)
	f.tells()
	f.first.Ejected = false
	f.look(10 * time.Second)
	f.wants("it is tried", 1, BreakerHalfOpen)
	f.second.RequestsTotal++
	f.second.RequestsError++
	f.look(trialLook)
	f.wants("a trial failed in the other one", 1, BreakerOpen)
	f.look(10 * time.Second)
	f.first = envoy.Host{EDSHealth: "HEALTHY", RequestsTotal: 2, RequestsSuccess: 2} // started anew
	f.look(trialLook)
	f.wants("two good ones", 1, BreakerHalfOpen)
	f.second.RequestsTotal++
	f.second.RequestsSuccess++
	f.look(trialLook)
	f.wants("three, in both together", 0, BreakerClosed)
}

// tells looks at what is told of Envoys that are asked, and of one that is not.
func (f *sharedTwo) tells() {
	f.Helper()
	f.work.seen[place{nodeAt.file, "one"}] = time.Now()
	for node, want := range map[string]NodeBreakers{"one": {HalfOpen: 1}, "third": {Followed: 1}} {
		if got := f.work.ofNode(place{nodeAt.file, node}); got == nil || *got != want {
			f.Errorf("%s has %+v, want %+v", node, got, want)
		}
		_, b := f.work.standing(place{nodeAt.file, node}, f.pool, f.pool.Targets[1], node == "one", false)
		if b == nil || b.State != BreakerOpen || b.Scope != blueprints.ScopeFleet {
			f.Errorf("%s: b is %+v", node, b)
		}
	}
	own := newNode(f.T)
	if got := own.work.ofNode(nodeAt); got == nil || *got != (NodeBreakers{Ejection: 1}) {
		f.Errorf("with scope envoy: %+v", got)
	}
	if _, b := own.work.standing(nodeAt, own.pool, own.pool.Targets[1], false, false); b != nil {
		f.Errorf("nobody tells, and b is %+v", b)
	}
}

// TestFleetShare: below it, an Envoy is left to its own ejection.
func TestFleetShare(t *testing.T) {
	t.Parallel()
	for _, share := range []blueprints.Share{{Percent: 51}, {Count: 2}, {Count: 7}} {
		f := newSharedTwo(t, share)
		f.look(0)
		f.look(idleLook)
		f.first.Ejected = true
		f.look(time.Second)
		f.wants("one of two", 0, BreakerClosed)
		f.second.Ejected = true
		f.look(time.Second)
		f.wants("both", 1, BreakerOpen)
	}
	for _, c := range []struct {
		share    blueprints.Share
		of, want int
	}{{blueprints.Share{Percent: 50}, 1, 1}, {blueprints.Share{Percent: 50}, 3, 2}, {blueprints.Share{Percent: 1}, 10, 1}, {blueprints.Share{Percent: 100}, 3, 3}} {
		if got := quorum(c.share, c.of); got != c.want {
			t.Errorf("%+v of %d: %d, want %d", c.share, c.of, got, c.want)
		}
	}
}

// TestFleetLosesOne: an Envoy that tells nothing any more counts neither for nor against,
// and what it counted is not missed.
func TestFleetLosesOne(t *testing.T) {
	t.Parallel()
	f := newSharedTwo(t, blueprints.Share{Percent: 100})
	f.look(time.Second)
	one := place{nodeAt.file, "one"}
	alone := func(after time.Duration) {
		f.now = f.now.Add(after)
		s := sight{at: f.now, hosts: map[string]envoy.Host{aName: f.a, bName: f.first}}
		f.work.take(one, f.work.watched(one), map[string]sight{"p": s}, f.now)
	}
	f.first.Ejected = true
	alone(time.Second)
	f.wants("the other one was well lately", 0, BreakerClosed)
	alone(freshSight)
	f.wants("it is alone", 1, BreakerOpen)
	f.first.Ejected = false
	alone(blind + time.Second)
	f.wants("it is tried", 1, BreakerHalfOpen)
	f.first.RequestsTotal += 2
	f.first.RequestsSuccess += 2
	alone(trialLook)
	f.wants("two good ones", 1, BreakerHalfOpen)
	f.look(trialLook)
	f.wants("the other one is back, with what it counted long ago", 1, BreakerHalfOpen)
	f.second.RequestsTotal++
	f.second.RequestsSuccess++
	f.look(trialLook)
	f.wants("three", 0, BreakerClosed)
}

// TestFleetToEnvoy: an edit that gives each Envoy its own breaker ends that of all.
func TestFleetToEnvoy(t *testing.T) {
	t.Parallel()
	f := newSharedTwo(t, blueprints.Share{Percent: 50})
	f.first.Ejected = true
	f.look(0)
	f.wants("not all have told yet", 0, BreakerClosed)
	f.look(idleLook)
	f.wants("it is open", 1, BreakerOpen)
	f.end()
	f.begin()
	f.wants("another management server", 1, BreakerOpen)
	own := *f.pool
	br := *own.Breaker
	br.Scope = blueprints.ScopeEnvoy
	own.Breaker = &br
	f.publish(&own)
	f.wants("each has its own", 0, BreakerClosed)
}

// TestFleetOverReleases: a canary on another version of the blueprint has the breakers of
// all as well, in its own pool.
func TestFleetOverReleases(t *testing.T) {
	t.Parallel()
	f := newSharedTwo(t, blueprints.Share{Percent: 50})
	f.look(0)
	f.look(idleLook)
	next := *f.pool
	next.Targets = append([]*blueprints.Target{{Name: "c", Host: "10.0.0.3", Port: 1, Weight: 7}}, f.pool.Targets...)
	version := func(p *blueprints.Pool) *release {
		return &release{bp: &blueprints.Blueprint{File: nodeAt.file, Pools: []*blueprints.Pool{p}}, state: &translate.State{}}
	}
	f.work.publish(map[string]placed{nodeAt.file: {base: version(f.pool), others: map[string]*release{"two": version(&next)}}})
	f.first.Ejected = true
	f.look(time.Second)
	all, canary := f.server.overlays[place{nodeAt.file, ""}], f.server.overlays[place{nodeAt.file, "two"}]
	if len(all) != 1 || len(canary) != 1 || all[0].Version() == canary[0].Version() || len(f.server.overlays[place{nodeAt.file, "one"}]) != 0 {
		t.Errorf("all have %d, the canary %d", len(all), len(canary))
	}
}
