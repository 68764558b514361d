package main

import (
	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
)

// restarting is a loader that says when an edit is of a value that only a start
// reads, so that nobody waits for it to be live.
type restarting struct {
	*blueprints.Loader
	log hclog.Logger
	// portByFlag: the blueprint's port of the admin listener counts for nothing.
	portByFlag bool
	// The blueprints of the load before, by main file.
	before map[string]*blueprints.Blueprint
}

func (r *restarting) Load() *blueprints.Result {
	result := r.Loader.Load()
	now := make(map[string]*blueprints.Blueprint, len(result.Set.Blueprints))
	for _, bp := range result.Set.Blueprints {
		now[bp.File] = bp
		old := r.before[bp.File]
		if old == nil || old == bp {
			continue
		}
		if old.Dashboard.Port != bp.Dashboard.Port && !r.portByFlag {
			r.log.Warn("another port of the admin listener takes a restart", "at", bp.Dashboard.Position, "port", bp.Dashboard.Port)
		}
		if old.Server.MaxConnections != bp.Server.MaxConnections {
			r.log.Warn("another limit of connections takes a restart of envoy", "at", bp.Server.Position, "max_connections", bp.Server.MaxConnections)
		}
	}
	r.before = now
	return result
}
