package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// limitGroup is that of rate limit services: they serve all blueprints, whose rules the
// main files keep apart.
const limitGroup = "#ratelimit"

// limitNode begins the id of every rate limit service. It has no user agent, as all Envoys
// and gRPC clients do.
const limitNode = "ratelimit"

func isRateLimitService(node xds.Node) bool {
	return node.UserAgent == "" && strings.HasPrefix(node.ID, limitNode)
}

// rateLimits keeps what rate limit services get. It belongs to the goroutine of the
// pipeline.
type rateLimits struct {
	log      hclog.Logger
	snapshot *xds.Snapshot
	// made are the limits of blueprints by main file, since the last put next.
	made, next map[string]fleetLimits
}

// fleetLimits are those of a blueprint, and the versions that they were made of: the one
// that some Envoys try, and that of the others.
type fleetLimits struct {
	trial, base *blueprints.Blueprint
	resource    *xds.Resource // nil: none
}

func newRateLimits(log hclog.Logger) *rateLimits {
	return &rateLimits{log: log, made: map[string]fleetLimits{}, next: map[string]fleetLimits{}}
}

// add takes the limits of a blueprint: those of the version that its Envoys have, and of
// one that some try what is new in it.
func (l *rateLimits) add(r *rollout) {
	base, trial := r.base().bp, r.base().bp
	if r.newest != nil {
		trial = r.newest.bp
	}
	made := l.made[base.File]
	if made.trial != trial || made.base != base {
		x, err := limitsOf(trial, base)
		if err != nil {
			l.log.Error("limits cannot be given to the rate limit service", "blueprint", base.Position.File, "error", err)
			x = made.resource
		}
		made = fleetLimits{trial, base, x}
	}
	l.next[base.File] = made
}

func limitsOf(trial, base *blueprints.Blueprint) (*xds.Resource, error) {
	c := translate.FleetLimits(trial, base)
	if c == nil {
		return nil, nil
	}
	at := base.Position
	if p := base.Policies.RateLimit; p != nil {
		at = p.Position
	}
	return xds.NewResource(c, c.Name, at.String())
}

// put puts the group of the services beside the others, once there is something for it.
func (l *rateLimits) put(groups map[string]xds.Group) {
	l.made, l.next = l.next, map[string]fleetLimits{}
	sum := sha256.New()
	var resources []*xds.Resource
	for _, file := range slices.Sorted(maps.Keys(l.made)) {
		if x := l.made[file].resource; x != nil {
			resources = append(resources, x)
			_, _ = fmt.Fprintln(sum, x.Name(), x.Version())
		}
	}
	if resources == nil && l.snapshot == nil {
		return
	}
	if version := hex.EncodeToString(sum.Sum(nil))[:12]; l.snapshot == nil || l.snapshot.Version() != version {
		l.snapshot = xds.NewSnapshot(version, resources)
	}
	groups[limitGroup] = xds.Group{Release: xds.Release{Snapshot: l.snapshot}}
}
