package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
	"backworks/xds"
)

// Health is how a target is doing in the eyes of one Envoy.
type Health string

// The healths. A target that no Envoy tells of is Unknown.
const (
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
	Pending   Health = "pending" // its first check is still to come
	Unknown   Health = "unknown"
)

// TargetStatus is a target as one Envoy sees it. The counters run since that Envoy
// knows the target; a change of its pool's settings starts them anew.
type TargetStatus struct {
	Blueprint string  `json:"blueprint"` // main file
	Pool      string  `json:"pool"`
	Target    string  `json:"target"`
	URL       string  `json:"url"`
	Weight    float64 `json:"weight"` // as in the blueprint
	// Node is the Envoy's; "" when none that serves the blueprint can be asked, or it
	// does not have the target.
	Node    string `json:"node"`
	Address string `json:"address"`
	Health  Health `json:"health"`
	// FailedCheck: health checks hold it out. Ejected: its failures do.
	FailedCheck bool `json:"failed_check"`
	Ejected     bool `json:"ejected"`

	Requests  uint64 `json:"requests"`
	Successes uint64 `json:"successes"`
	Errors    uint64 `json:"errors"`
	Timeouts  uint64 `json:"timeouts"`
	Active    uint64 `json:"active"` // requests under way
	// Connections are those open to it now.
	Connections uint64 `json:"connections"`

	// Drained: it gets nothing new, by hand.
	Drained bool `json:"drained"`
	// Breaker is null where the pool has none, or nobody tells of the target.
	Breaker *TargetBreaker `json:"breaker"`
}

// TargetBreaker is the breaker of a target in one Envoy.
type TargetBreaker struct {
	State  BreakerState `json:"state"`
	Since  time.Time    `json:"since,omitzero"` // zero: not known, or ever since
	Until  time.Time    `json:"until,omitzero"` // when an open one is tried
	Reason string       `json:"reason,omitempty"`
	// HalfOpens: after the time it is tried before it closes. Else it is Envoy's own
	// ejection alone.
	HalfOpens bool `json:"half_opens"`
	// Scope says whether it is this Envoy's own or that of all.
	Scope blueprints.Scope `json:"scope"`
}

// Targets asks every Envoy that can be reached, all at once, about each target of
// the blueprint that it serves. In the order of blueprints, pools, targets and nodes.
func (f *Fleet) Targets(ctx context.Context) []TargetStatus {
	set := f.view.Load().set
	if set == nil {
		return nil
	}
	byFile := f.clusters(ctx)
	var out []TargetStatus
	for _, bp := range set.Blueprints {
		for _, pool := range bp.Pools {
			for _, t := range pool.Targets {
				out = append(out, f.breakers.beside(pool, t, targetStatuses(bp, pool, t, byFile[bp.File]))...)
			}
		}
	}
	return out
}

// seen is what one Envoy reports.
type seen struct {
	node     string
	clusters map[string]envoy.Cluster // by name
}

// clusters asks the Envoys; the answers are by the main file of their blueprint,
// sorted by node.
func (f *Fleet) clusters(ctx context.Context) map[string][]seen {
	out := map[string][]seen{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, e := range f.reachable() {
		file, served := f.Groups.Group(xds.Node{ID: e.Node, Cluster: e.Cluster, Metadata: f.metadata(e.Node)})
		if !served {
			continue
		}
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			list, err := e.Admin.Clusters(ctx)
			if err != nil {
				f.log.Debug("envoy does not tell its clusters", "node", e.Node, "error", err)
				return
			}
			s := seen{e.Node, make(map[string]envoy.Cluster, len(list))}
			for _, c := range list {
				s.clusters[c.Name] = c
			}
			mu.Lock()
			defer mu.Unlock()
			out[file] = append(out[file], s)
		})
	}
	all.Wait()
	for _, list := range out {
		slices.SortFunc(list, func(a, b seen) int { return cmp.Compare(a.node, b.node) })
	}
	return out
}

// metadata is what a connected node said of itself.
func (f *Fleet) metadata(node string) map[string]any {
	for _, n := range f.Server.Nodes() {
		if n.ID == node {
			return n.Metadata
		}
	}
	return nil
}

// targetStatuses is a target as each Envoy sees it; one status that says nothing
// when none does.
func targetStatuses(bp *blueprints.Blueprint, pool *blueprints.Pool, t *blueprints.Target, envoys []seen) []TargetStatus {
	plain := TargetStatus{Blueprint: bp.File, Pool: pool.Name, Target: t.Name, URL: t.URL, Weight: t.Weight, Health: Unknown}
	var out []TargetStatus
	for _, e := range envoys {
		for _, h := range e.clusters[translate.ClusterName(pool)].Hosts {
			if h.Hostname != translate.Authority(pool, t) {
				continue
			}
			s := plain
			s.Node, s.Address, s.Health = e.node, h.Address, health(h)
			s.FailedCheck, s.Ejected = h.FailedCheck, h.Ejected
			s.Requests, s.Successes, s.Errors, s.Timeouts = h.RequestsTotal, h.RequestsSuccess, h.RequestsError, h.RequestsTimeout
			s.Active, s.Connections = h.RequestsActive, h.ConnectionsActive
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return []TargetStatus{plain}
	}
	return out
}

func health(h envoy.Host) Health {
	switch {
	case h.PendingCheck:
		return Pending
	case h.Healthy():
		return Healthy
	}
	return Unhealthy
}
