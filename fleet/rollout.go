package fleet

import (
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
)

// Stage is how far a version of a blueprint is.
type Stage string

// The stages of a version, in their order; Refused may follow each of them.
const (
	Checking Stage = "checking" // by Envoy's own validation, where that is asked for
	Waiting  Stage = "waiting"  // for a node to connect
	Canary   Stage = "canary"   // the first nodes have it
	Stepping Stage = "stepping" // a part of the others has it
	Spread   Stage = "spread"   // all have it, not all have acknowledged
	Accepted Stage = "accepted" // all have acknowledged, or are held
	Refused  Stage = "refused"  // all are back on the version before
	// RolledBack is what was taken back by hand.
	RolledBack Stage = "rolled back"
)

// Stages are all of them.
var Stages = []Stage{Checking, Waiting, Canary, Stepping, Spread, Accepted, Refused, RolledBack}

// rollout brings the versions of one blueprint to its nodes: whoever is not on next
// is on good. It belongs to the goroutine of the pipeline.
type rollout struct {
	file    string
	how     Rollouts
	members *members
	archive *archive
	log     hclog.Logger

	// good is what was accepted last; nil before anything was. newest is what was
	// loaded last. next is on its way, and queued waits until that has arrived.
	good, newest, next, queued *release

	stage Stage
	step  int             // of plan
	plan  []float64       // of each step: how many nodes when below 0, else per cent of all
	on    map[string]bool // node ids that are on next before all are
	held  map[string]hold // node ids that stay on an older release
	// lost are canaries that did not answer, vanished how many of them went away.
	lost     map[string]bool
	vanished int
	// at is when the step began, acked when it had acknowledged; zero before that.
	at, acked time.Time
	// revived: good was accepted in an earlier run, whose nodes may come back.
	revived bool
	// quiet: nodes that come back with what another process gave them are left alone,
	// until it is known what is good: it may be newer than what this one knows.
	quiet   bool
	judge   *judge
	verdict *Verdict // why newest is not served; nil when it is, or may still be
	trail   []Step
	marks   int // how often a stage began
	// expected are marks, and how many were held, when the members were told what to
	// wait for.
	expected [2]int
}

// hold is why a node stays on an older release.
type hold struct {
	on      *release
	refused string // the version
}

// Rollouts are settings for every blueprint, which win over the blueprint's own.
type Rollouts struct {
	Canary *int           // as Rollout.Canary; nil: the blueprint's
	Steps  []float64      // as Rollout.Steps; nil: the blueprint's
	Watch  *time.Duration // as Rollout.Watch; nil: the blueprint's
	// Check is a last check before a version is sent to anybody, such as Envoy's own
	// validation. It may take its time: others are not held up. nil: none.
	Check func(*blueprints.Blueprint) error

	// checked is told what came of Check.
	checked func(file, version string, err error)
	// load gives what a node has answered; false: that is not known.
	load func(node string) (Load, bool)
	// step is told of each step of a version; nil: nobody is.
	step func(file string, s Step)
}

func (h Rollouts) of(bp *blueprints.Blueprint) blueprints.Rollout {
	r := bp.Rollout
	if h.Canary != nil {
		r.Canary = *h.Canary
	}
	if h.Steps != nil {
		r.Steps = h.Steps
	}
	if h.Watch != nil {
		r.Watch = *h.Watch
	}
	return r
}

// offer takes a release that was loaded, and says whether it is of another version
// than the one before it.
func (r *rollout) offer(rel *release, now time.Time) bool {
	before := r.newest
	r.newest = rel
	for _, p := range []**release{&r.good, &r.next, &r.queued} {
		if *p != nil && (*p).version() == rel.version() {
			*p = rel // with other addresses, or degraded now, or not any more
		}
	}
	if before != nil && before.version() == rel.version() {
		return false
	}
	if r.stage == Spread && now.Before(r.at.Add(spreading)) && len(r.pending(r.members.of(r.file), now)) > 0 {
		r.queued = rel
		return true
	}
	r.take(rel, now)
	return true
}

// take decides what becomes of a version that was loaded.
func (r *rollout) take(rel *release, now time.Time) {
	r.settle(now)
	v := r.archive.verdict(r.file, rel.version())
	switch {
	case r.good != nil && r.good.version() == rel.version():
		r.drop()
		r.verdict, r.quiet = nil, false
		r.mark(Accepted, now, "it is served already")
	case r.good != nil && v != nil:
		r.drop()
		r.verdict, r.quiet = v, false
		r.mark(v.Stage, now, "not tried again: "+v.Reason)
	default:
		r.begin(rel, now)
	}
}

// begin starts with a version.
func (r *rollout) begin(rel *release, now time.Time) {
	tried := r.on
	r.drop()
	r.next, r.verdict, r.trail, r.lost, r.vanished = rel, nil, nil, map[string]bool{}, 0
	how := r.how.of(rel.bp)
	r.plan, r.step = nil, 0
	if how.Canary > 0 {
		r.plan = append([]float64{-float64(how.Canary)}, how.Steps...)
	}
	if r.how.Check != nil {
		r.mark(Checking, now, "")
		go func() { r.how.checked(r.file, rel.version(), r.how.Check(rel.bp)) }()
		return
	}
	r.start(tried, now)
}

// checked goes on, or back, with what came of the check of a version.
func (r *rollout) checked(version string, err error, now time.Time) {
	switch {
	case r.stage != Checking || r.next.version() != version:
	case err != nil:
		r.refuse(Verdict{Reason: err.Error()}, now)
	default:
		r.start(nil, now)
	}
}

// revert gives all nodes a release of before, by hand. What was loaded last is not
// tried again by itself.
func (r *rollout) revert(rel *release, now time.Time) {
	r.settle(now)
	v := Verdict{Stage: RolledBack, At: now, Reason: "it was rolled back by hand to version " + rel.version()}
	r.archive.record(r.file, r.newest, v)
	r.drop()
	r.next, r.verdict, r.plan, r.step, r.trail, r.held = rel, &v, nil, 0, nil, map[string]hold{}
	r.mark(Spread, now, "sent to all: rolled back by hand")
}

// retry begins again with what was loaded last.
func (r *rollout) retry(now time.Time) error {
	if r.verdict == nil {
		return fmt.Errorf("retry rollout: version %s of %s was not refused", r.newest.version(), r.file)
	}
	r.archive.forget(r.file, r.newest.version())
	r.begin(r.newest, now)
	return nil
}

// drop leaves next alone: its nodes go back to good.
func (r *rollout) drop() { r.next, r.queued, r.on, r.judge = nil, nil, map[string]bool{}, nil }

// start gives next to the first nodes. Without a good version, or a node that could
// try it, all get it.
func (r *rollout) start(tried map[string]bool, now time.Time) {
	nodes := r.members.of(r.file)
	switch {
	case len(nodes) == 0 && r.revived:
		r.mark(Waiting, now, "no Envoy has come back yet")
	case len(nodes) == 0:
		r.mark(Spread, now, "no Envoy is connected: those that come get it")
	case r.good == nil, len(r.plan) == 0:
		r.mark(Spread, now, "sent to all")
	default:
		r.choose(nodes, tried)
		r.mark(Canary, now, "sent to "+joined(r.on))
	}
}

// settle ends the rollout of a version that all have, when another takes its place: of
// nodes that are silent nothing is known.
func (r *rollout) settle(now time.Time) {
	if r.stage == Spread && r.acknowledged() {
		r.accept(now)
	}
}

// acknowledged says whether anybody has all of next.
func (r *rollout) acknowledged() bool {
	version := []string{r.next.version()}
	return r.members.ready(r.file, version, false) || r.members.ready(GRPCDialect.group(r.file), version, false)
}

// accept ends a rollout well.
func (r *rollout) accept(now time.Time) {
	r.archive.record(r.file, r.next, Verdict{Stage: Accepted, At: now})
	r.quiet = false
	r.good, r.next, r.on = r.next, nil, map[string]bool{}
	r.mark(Accepted, now, "")
}

// refuse ends a rollout badly: all go back to good. Where there is none, nothing else
// can be served than what was refused.
func (r *rollout) refuse(v Verdict, now time.Time) {
	v.Stage, v.At = Refused, now
	r.quiet = false
	r.verdict = &v
	r.archive.record(r.file, r.next, v)
	if r.good == nil {
		r.good = r.next
	}
	queued := r.queued
	r.mark(Refused, now, v.Reason)
	r.drop()
	r.held = map[string]hold{}
	if queued != nil {
		r.take(queued, now)
	}
}

// mark goes to a stage.
func (r *rollout) mark(s Stage, now time.Time, what string) {
	r.stage, r.at, r.acked, r.judge = s, now, time.Time{}, nil
	version := r.newest.version()
	switch {
	case r.next != nil:
		version = r.next.version()
	case s == Accepted:
		version = r.good.version()
	}
	r.marks++
	r.trail = append(r.trail, Step{Stage: s, At: now, Version: version, What: what})
	if len(r.trail) > maxTrail {
		r.trail = r.trail[1:]
	}
	if r.how.step != nil {
		r.how.step(r.newest.bp.Position.File, r.trail[len(r.trail)-1])
	}
	log := r.log.Info
	if s == Refused {
		log = r.log.Error
	}
	log("rollout", "blueprint", r.newest.bp.Position.File, "version", version, "stage", s, "what", what)
}
