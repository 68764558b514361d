package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	ratelimitv3 "github.com/envoyproxy/go-control-plane/ratelimit/config/ratelimit/v3"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

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
	version  string
	next     []fleetLimits
}

// fleetLimits are those of a blueprint, and where they stand.
type fleetLimits struct {
	*ratelimitv3.RateLimitConfig
	origin string
}

// add takes the limits of a blueprint: those of the version that its Envoys have, and of
// one that some try what is new in it.
func (l *rateLimits) add(r *rollout) {
	base, trial := r.base().bp, r.base().bp
	if r.newest != nil {
		trial = r.newest.bp
	}
	c := translate.FleetLimits(trial, base)
	if c == nil {
		return
	}
	at := base.Position
	if p := base.Policies.RateLimit; p != nil {
		at = p.Position
	}
	l.next = append(l.next, fleetLimits{c, at.String()})
}

// put puts the group of the services beside the others, once there is something for it.
func (l *rateLimits) put(groups map[string]xds.Group) {
	all := l.next
	l.next = nil
	if len(all) == 0 && l.snapshot == nil {
		return
	}
	sum := sha256.New()
	var resources []*xds.Resource
	for _, c := range all {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(c.RateLimitConfig)
		var x *xds.Resource
		if err == nil {
			x, err = xds.NewResource(c.RateLimitConfig, c.Name, c.origin)
		}
		if err != nil {
			l.log.Error("limits cannot be given to the rate limit service", "blueprint", c.Name, "error", err)
			continue
		}
		sum.Write(text)
		resources = append(resources, x)
	}
	if version := hex.EncodeToString(sum.Sum(nil))[:12]; version != l.version {
		l.version, l.snapshot = version, xds.NewSnapshot(version, resources)
	}
	groups[limitGroup] = xds.Group{Release: xds.Release{Snapshot: l.snapshot}}
}
