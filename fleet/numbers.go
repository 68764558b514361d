package fleet

import (
	"maps"
	"sync"
	"time"
)

// Numbers are the fleet's own figures, for the metrics. Totals count from the
// start of the process.
type Numbers struct {
	Loads     map[Outcome]uint64 // total, by outcome
	LoadTook  time.Duration      // of the last load, until it was published
	LastLoad  time.Time
	Published uint64 // snapshots and changed assignments handed to the xds server, total

	Blueprints, Degraded, Errors, Warnings int // now
	Nodes, Synced, Unresolved              int // now
	// Ambiguous are nodes that fit another blueprint as well as theirs, Unmatched those
	// that fit none, Held those that stay on an older version than the others.
	Ambiguous, Unmatched, Held int // now
	// Stages of the versions that were loaded last, by main file.
	Stages map[string]Stage
	// Verdicts are how many versions came to each end, in total.
	Verdicts    map[Stage]uint64
	LoadStreams int    // Envoys that report their load, now
	LoadReports uint64 // total
}

// counts are the totals behind Numbers.
type counts struct {
	mu        sync.Mutex
	loads     map[Outcome]uint64
	published uint64
}

func (c *counts) load(o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loads == nil {
		c.loads = map[Outcome]uint64{}
	}
	c.loads[o]++
}

func (c *counts) push() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published++
}

// Numbers returns the figures as they are now.
func (f *Fleet) Numbers() Numbers {
	s := f.Status()
	n := Numbers{
		Loads:      map[Outcome]uint64{Published: 0, Unchanged: 0, Rejected: 0},
		Blueprints: len(s.Blueprints), Errors: len(s.Problems.Errors()), Warnings: len(s.Problems.Warnings()),
		Nodes: len(s.Nodes), Unresolved: len(s.Unresolved), Stages: map[string]Stage{},
		LoadStreams: f.Server.LoadStreams(), LoadReports: f.loads.reports.Load(),
	}
	for _, b := range s.Blueprints {
		if b.Degraded {
			n.Degraded++
		}
		n.Held += len(b.Rollout.Held)
		n.Stages[b.File] = b.Rollout.Stage
	}
	for _, node := range s.Nodes {
		if node.Synced {
			n.Synced++
		}
		if len(node.Ambiguous) > 0 {
			n.Ambiguous++
		}
		if node.Group == "" {
			n.Unmatched++
		}
	}
	if s.Last != nil {
		n.LoadTook, n.LastLoad = s.Last.Took, s.Last.At
	}
	n.Verdicts = f.archive.verdicts()
	f.counts.mu.Lock()
	defer f.counts.mu.Unlock()
	maps.Copy(n.Loads, f.counts.loads)
	n.Published = f.counts.published
	return n
}
