package fleet

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"backworks/envoy"
)

// judge compares the nodes that are watched with the others.
type judge struct {
	began map[string]Load // what each node had done when it was first looked at
}

const (
	// leastAnswers is below what the errors of the watched nodes mean nothing.
	leastAnswers = 50
	// judgeEvery is how often errors are looked at while a step is watched: as often as
	// Envoys report them.
	judgeEvery = time.Second
)

// judged is why the nodes that are watched are worse than the others; "" when they are
// not, or too little is known.
func (r *rollout) judged(nodes []member, most float64) string {
	if most == 0 || r.how.load == nil {
		return ""
	}
	if r.judge == nil {
		r.judge = &judge{began: map[string]Load{}}
	}
	var watched, others Load
	for _, n := range nodes {
		now, known := r.how.load(n.node.ID)
		if !known {
			continue
		}
		before, known := r.judge.began[n.node.ID]
		if !known {
			before = now
			r.judge.began[n.node.ID] = now
		}
		sum := &others
		if r.on[n.node.ID] {
			sum = &watched
		}
		since := now.After(before)
		sum.Successes += since.Successes
		sum.Errors += since.Errors
	}
	if watched.Successes+watched.Errors < leastAnswers {
		return ""
	}
	is, elsewhere := 100*watched.ErrorShare(), 100*others.ErrorShare()
	if is-elsewhere <= most {
		return ""
	}
	return fmt.Sprintf("%.1f %% of the answers of %s are errors, and %.1f %% of the others': rollout.max_errors is %g %%", is, joined(r.on), elsewhere, most)
}

// adminLoads are the loads of Envoys by their admin interfaces, for those that do not
// report them. The collector asks every second while somebody wants to know.
type adminLoads struct {
	wanted atomic.Bool
	mu     sync.Mutex
	known  map[string]Load // by node id
}

// set takes a node's load over. A cluster that changed counts anew: then all does, as on
// another stream.
func (a *adminLoads) set(node string, l Load) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.known[node]
	l.Stream = before.Stream
	if l.Successes < before.Successes || l.Errors < before.Errors {
		l.Stream++
	}
	if a.known == nil {
		a.known = map[string]Load{}
	}
	a.known[node] = l
}

// loadOf adds up what all targets of an Envoy answered.
func loadOf(clusters []envoy.Cluster) (l Load) {
	for _, c := range clusters {
		for _, h := range c.Hosts {
			l.Counts.Successes += h.RequestsSuccess
			l.Counts.Errors += h.RequestsError
		}
	}
	l.Issued = l.Successes + l.Errors
	return l
}

// loadOf is what a node reports of its load, or else what its admin interface tells.
func (f *Fleet) loadOf(node string) (Load, bool) {
	if l, ok := f.Load(node); ok {
		return l, true
	}
	f.adminLoads.mu.Lock()
	defer f.adminLoads.mu.Unlock()
	l, ok := f.adminLoads.known[node]
	return l, ok
}
