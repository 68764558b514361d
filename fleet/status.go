package fleet

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"backworks/blueprints"
	"backworks/xds"
)

// settle is how long a push may take before it counts against readiness: an
// Envoy acknowledges within milliseconds, and serves by the old version meanwhile.
const settle = 5 * time.Second

// Outcome says what a load came to.
type Outcome string

// The outcomes of a load.
const (
	// Published: something changed and is on its way to the Envoys.
	Published Outcome = "published"
	// Unchanged: what is served is what was read.
	Unchanged Outcome = "unchanged"
	// Rejected: there are errors, so that something is served from its last good
	// version or not at all.
	Rejected Outcome = "rejected"
)

// Report is what came of one load.
type Report struct {
	// By is "start", "watch" or "hand".
	By      string        `json:"by"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
	Outcome Outcome       `json:"outcome"`
	// Problems are errors and warnings, sorted.
	Problems   blueprints.Problems `json:"-"`
	Blueprints []BlueprintStatus   `json:"blueprints"`

	loaded blueprints.Problems // those of the load alone
}

// BlueprintStatus is a blueprint that is served.
type BlueprintStatus struct {
	File    string `json:"file"`
	Name    string `json:"name"`
	Release string `json:"release"`
	// Version is what its nodes get, but those of which Rollout tells otherwise.
	Version  string `json:"version"`
	Degraded bool   `json:"degraded"`
	// Since is when this version was loaded.
	Since   time.Time     `json:"since"`
	Rollout RolloutStatus `json:"rollout"`
}

// RolloutStatus is how far the version is that was loaded last.
type RolloutStatus struct {
	Version string    `json:"version"`
	Stage   Stage     `json:"stage"`
	Since   time.Time `json:"since"`
	// Nodes are those that have it before all do; none in other stages.
	Nodes []string `json:"nodes"`
	// Held are nodes that refused a version and stay on the one before it.
	Held []Held `json:"held"`
	// Reason is why it is not served; "" when it is, or may still be.
	Reason string `json:"reason,omitempty"`
	// Where are the places in the blueprint that the reason is about.
	Where []string `json:"where,omitempty"`
	// Trail are the steps it took, the last 50.
	Trail []Step `json:"trail"`
}

// Held is a node that stays on an older version.
type Held struct {
	Node    string `json:"node"`
	Version string `json:"version"`
	Refused string `json:"refused"`
}

// Unresolved is a host name whose newest lookup failed.
type Unresolved struct {
	Host  string `json:"host"`
	Error string `json:"error"`
	// Kept are its addresses of before, which are used on; none: its targets are
	// left out.
	Kept []netip.Addr `json:"kept"`
}

// Node is a node on the stream.
type Node struct {
	xds.NodeStatus
	// Ambiguous are the main files of blueprints that fit it as well as its own.
	Ambiguous []string
	// Breakers is nil where its blueprint has none, and for gRPC clients, whose are others.
	Breakers *NodeBreakers
	// Admin is nil where it does not say where its admin interface is.
	Admin *NodeAdmin
}

// Status is all that the fleet knows without asking anyone.
type Status struct {
	// Ready: an Envoy has acknowledged what is published. Degraded: something is
	// served from its last good version, or not at all.
	Ready, Degraded bool
	Blueprints      []BlueprintStatus
	// Problems are errors and warnings of the last load and of host names, sorted.
	Problems   blueprints.Problems
	Unresolved []Unresolved
	// Certificates are those that are served, and the authorities that are trusted.
	Certificates []Certificate
	Nodes        []Node
	// Last is the newest load; nil before the first.
	Last *Report
	// NotKept is why last good versions cannot be saved; "" when they are.
	NotKept string
}

// view is what the pipeline lets others see; immutable.
type view struct {
	report *Report
	set    *blueprints.Set
	at     time.Time // of the last change published
	ready  bool      // before that change
}

// shown is what the rollouts let others see; immutable.
type shown struct {
	blueprints []BlueprintStatus
	problems   blueprints.Problems
	// served are the versions that count for readiness, by main file.
	served map[string][]string
}

// show lets others see the rollouts as they are now.
func (f *Fleet) show() {
	s := &shown{served: make(map[string][]string, len(f.rollouts))}
	for _, file := range slices.Sorted(maps.Keys(f.rollouts)) {
		r := f.rollouts[file]
		base := r.base()
		if base == nil {
			continue
		}
		b := BlueprintStatus{
			File: file, Name: base.bp.Name, Release: base.bp.Release, Version: base.version(),
			Degraded: r.newest.bp.Degraded, Since: base.since, Rollout: r.status(),
		}
		if p, bad := r.problem(); bad {
			b.Degraded = true
			s.problems = append(s.problems, p)
		}
		s.blueprints = append(s.blueprints, b)
		s.served[file] = []string{base.version(), b.Rollout.Version}
	}
	f.logProblems(f.shown.Load().problems, s.problems, false)
	f.shown.Store(s)
}

// report ends a load: it logs and keeps what came of it.
func (f *Fleet) report(by string, began time.Time, result *blueprints.Result, changed bool, more blueprints.Problems) {
	before, shown := f.view.Load(), f.shown.Load()
	r := &Report{By: by, At: began, Outcome: Unchanged, Problems: append(slices.Clone(result.Problems), more...), Blueprints: shown.blueprints}
	r.Problems.Sort()
	if changed {
		r.Outcome = Published
	}
	if len(r.Problems.Errors())+len(shown.problems) > 0 {
		r.Outcome = Rejected
	}
	next := &view{report: r, set: f.Groups.set.Load(), at: before.at, ready: before.ready}
	r.Took = time.Since(began)
	if changed {
		next.at, next.ready = time.Now(), f.ready
		f.log.Info("blueprints published", "by", by, "blueprints", len(r.Blueprints), "took", r.Took)
	}
	var old blueprints.Problems
	if before.report != nil {
		old = before.report.loaded
	}
	f.logProblems(old, r.Problems, true)
	r.loaded, r.Problems = r.Problems, append(slices.Clone(r.Problems), shown.problems...)
	r.Problems.Sort()
	f.counts.load(r.Outcome)
	f.collector.feed.load(r, old)
	f.view.Store(next)
}

// logProblems logs each problem when it comes, and that none of a load is left.
func (f *Fleet) logProblems(before, now blueprints.Problems, loaded bool) {
	old := map[blueprints.Problem]bool{}
	for _, p := range before {
		old[p] = true
	}
	for _, p := range now {
		switch {
		case old[p]:
		case p.Severity == blueprints.Error:
			f.log.Error("blueprint has a problem", "problem", p.String())
		default:
			f.log.Warn("blueprint has a problem", "problem", p.String())
		}
	}
	if loaded && len(old) > 0 && len(now) == 0 {
		f.log.Info("blueprints have no problem any more")
	}
}

// observe sees whether the fleet became ready or is not any more, and says so.
func (f *Fleet) observe() {
	ready := f.Ready()
	if ready != f.ready {
		f.ready = ready
		f.log.Info("readiness changed", "ready", ready)
	}
}

// Ready says whether at least one connected node has acknowledged everything of a
// version that is served. A push that is under way does not count against it for 5 s.
func (f *Fleet) Ready() bool {
	v := f.view.Load()
	settling := v.ready && time.Since(v.at) < settle
	for file, versions := range f.shown.Load().served {
		if f.members.ready(file, versions, settling) || f.members.ready(GRPCDialect.group(file), versions, settling) {
			return true
		}
	}
	return false
}

// Status returns what is known now.
func (f *Fleet) Status() Status {
	v := f.view.Load()
	s := Status{Ready: f.Ready(), Last: v.report, NotKept: f.keeper.failure()}
	standing := f.standing()
	for _, n := range f.Server.Nodes() {
		own := node(v.set, n, standing)
		if own.Group == n.Group { // an Envoy
			own.Admin = f.found.of(n.ID)
			own.Breakers = f.breakers.ofNode(place{n.Group, n.ID})
		}
		s.Nodes = append(s.Nodes, own)
	}
	a := f.resolver.answers.Load()
	for _, host := range slices.Sorted(maps.Keys(a.failed)) {
		s.Unresolved = append(s.Unresolved, Unresolved{Host: host, Error: a.failed[host], Kept: a.state.Addresses[host]})
	}
	if v.report != nil {
		shown := f.shown.Load()
		s.Blueprints = shown.blueprints
		s.Certificates = certificates(v.set)
		s.Problems = slices.Concat(v.report.loaded, shown.problems, leftOut(v.set, a), expiring(s.Certificates, time.Now()))
		s.Problems.Sort()
	}
	s.Degraded = len(s.Problems.Errors()) > 0 || slices.ContainsFunc(s.Blueprints, func(b BlueprintStatus) bool { return b.Degraded })
	return s
}

// leftOut warns of each target whose host name was never resolved.
func leftOut(set *blueprints.Set, a *answers) blueprints.Problems {
	var out blueprints.Problems
	if set == nil || len(a.failed) == 0 {
		return nil
	}
	for _, bp := range set.Blueprints {
		for _, pool := range bp.Pools {
			for _, t := range pool.Targets {
				why, failed := a.failed[t.Host]
				if failed && len(a.state.Addresses[t.Host]) == 0 && !pool.ResolveByEnvoy {
					out = append(out, blueprints.Problem{
						Position: t.Position, Severity: blueprints.Warning,
						Message: fmt.Sprintf("target %q is left out: cannot resolve host %q: %s", t.Name, t.Host, why),
					})
				}
			}
		}
	}
	return out
}
