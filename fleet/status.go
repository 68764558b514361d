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
}

// BlueprintStatus is a blueprint that is served.
type BlueprintStatus struct {
	File     string `json:"file"`
	Name     string `json:"name"`
	Release  string `json:"release"`
	Version  string `json:"version"`
	Degraded bool   `json:"degraded"`
	// Since is when this version was published.
	Since time.Time `json:"since"`
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
	Nodes      []Node
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

// report ends a load: it logs and keeps what came of it.
func (f *Fleet) report(by string, began time.Time, result *blueprints.Result, changed bool, more blueprints.Problems) {
	before := f.view.Load()
	r := &Report{By: by, At: began, Outcome: Unchanged, Problems: append(slices.Clone(result.Problems), more...)}
	r.Problems.Sort()
	if changed {
		r.Outcome = Published
	}
	if len(r.Problems.Errors()) > 0 {
		r.Outcome = Rejected
	}
	next := &view{report: r, set: f.Groups.set.Load(), at: before.at, ready: before.ready}
	for _, file := range slices.Sorted(maps.Keys(f.published)) {
		p := f.published[file]
		r.Blueprints = append(r.Blueprints, BlueprintStatus{
			File: file, Name: p.bp.Name, Release: p.bp.Release, Version: p.bp.Version, Degraded: p.bp.Degraded, Since: p.since,
		})
	}
	r.Took = time.Since(began)
	if changed {
		next.at, next.ready = time.Now(), f.ready
		f.log.Info("blueprints published", "by", by, "blueprints", len(r.Blueprints), "took", r.Took)
	}
	f.logProblems(before.report, r)
	f.counts.load(r.Outcome)
	f.view.Store(next)
}

// logProblems logs each problem when it comes, and that none is left.
func (f *Fleet) logProblems(before, now *Report) {
	old := map[blueprints.Problem]bool{}
	if before != nil {
		for _, p := range before.Problems {
			old[p] = true
		}
	}
	for _, p := range now.Problems {
		switch {
		case old[p]:
		case p.Severity == blueprints.Error:
			f.log.Error("blueprint has a problem", "problem", p.String())
		default:
			f.log.Warn("blueprint has a problem", "problem", p.String())
		}
	}
	if len(old) > 0 && len(now.Problems) == 0 {
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

// Ready says whether at least one connected node has acknowledged everything of
// the current version. A push that is under way does not count against it for 5 s.
func (f *Fleet) Ready() bool {
	v := f.view.Load()
	settling := v.ready && time.Since(v.at) < settle
	for _, n := range f.Server.Nodes() {
		if n.Group != "" && (n.Synced || settling && !refused(n)) {
			return true
		}
	}
	return false
}

func refused(n xds.NodeStatus) bool {
	return slices.ContainsFunc(n.Types, func(t xds.TypeStatus) bool { return t.Refused != nil && !t.Synced })
}

// Status returns what is known now.
func (f *Fleet) Status() Status {
	v := f.view.Load()
	s := Status{Ready: f.Ready(), Last: v.report, NotKept: f.keeper.failure()}
	for _, n := range f.Server.Nodes() {
		s.Nodes = append(s.Nodes, node(v.set, n))
	}
	a := f.resolver.answers.Load()
	for _, host := range slices.Sorted(maps.Keys(a.failed)) {
		s.Unresolved = append(s.Unresolved, Unresolved{Host: host, Error: a.failed[host], Kept: a.state.Addresses[host]})
	}
	if v.report != nil {
		s.Blueprints = v.report.Blueprints
		s.Problems = append(slices.Clone(v.report.Problems), leftOut(v.set, a)...)
		s.Problems.Sort()
	}
	s.Degraded = len(s.Problems.Errors()) > 0 || slices.ContainsFunc(s.Blueprints, func(b BlueprintStatus) bool { return b.Degraded })
	return s
}

func node(set *blueprints.Set, n xds.NodeStatus) Node {
	out := Node{NodeStatus: n}
	best := bestFit(set, xds.Node{ID: n.ID, Cluster: n.Cluster, Metadata: n.Metadata})
	for i, bp := range best {
		if i > 0 {
			out.Ambiguous = append(out.Ambiguous, bp.File)
		}
	}
	return out
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
