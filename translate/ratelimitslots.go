package translate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/ratelimit/config/ratelimit/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/blueprints"
)

// limitStage is when limits count.
type limitStage string

const (
	// By the client's address, on one endpoint or all: before anybody is asked who he is, so that guessing of
	// passwords is bounded.
	earlyLimits limitStage = "backworks.rate_limit.address"
	// All others: requests that auth refuses are not at the cost of those that it lets
	// through, and who a client is is known.
	lateLimits limitStage = "backworks.rate_limit"
	// The same where the fleet counts: behind what each Envoy counts by itself, so that
	// what is refused there costs no question.
	earlyFleetLimits = earlyLimits + fleetSuffix
	lateFleetLimits  = lateLimits + fleetSuffix

	fleetSuffix = ".fleet"
)

// fleet says that all Envoys count together.
func (s limitStage) fleet() bool { return strings.HasSuffix(string(s), fleetSuffix) }

// limitSlots are where a route's metadata says which limits hold: by what they count, the
// limit's name.
const limitSlots = "backworks.rate_limit"

// The keys of descriptors.
const (
	limitKey   = "limit"
	unknownKey = "limit of the unknown"
	remoteKey  = "masked_remote_address" // Envoy's own
)

func rateLimitOf(p *blueprints.Policies) *blueprints.RateLimit { return p.RateLimit }

// limit is one that holds for an endpoint. name is the same where requests of several
// are counted together.
type limit struct {
	blueprints.Limit
	name string
	own  bool // the endpoint's
}

// limitsOf are those of an endpoint.
func (b *builder) limitsOf(e *blueprints.Endpoint) (out []limit) {
	r := effective(b, e, rateLimitOf)
	if r == nil {
		return nil
	}
	// An endpoint's name begins with its method. The service takes a * at the end of a name
	// for any characters, so none ends as a path does.
	add := func(l blueprints.Limit, own bool) {
		whose := "all endpoints"
		if own {
			whose = EndpointName(e)
		}
		out = append(out, limit{l, whose + " (" + l.Name + ")", own})
	}
	own := e.Policies.RateLimit
	if r.Requests > 0 {
		add(blueprints.Limit{Position: r.Position, Name: "0", Requests: r.Requests, Per: r.Per, Burst: r.Burst, By: r.By, Scope: r.Scope}, own.Own())
	}
	for _, l := range r.Limits {
		add(l, own != nil && own.Limits != nil)
	}
	return out
}

func (l limit) stage() limitStage {
	stage := lateLimits
	byAddress := func(k blueprints.LimitKey) bool { return k.Kind == blueprints.KeyClientIP }
	if slices.ContainsFunc(l.By, byAddress) && !slices.ContainsFunc(l.By, isOptional) {
		stage = earlyLimits
	}
	if l.Scope == blueprints.ScopeFleet {
		stage += fleetSuffix
	}
	return stage
}

// shape is where and by what a limit counts, in words. Limits of different stages have
// different ones.
func (l limit) shape() string {
	s := []string{string(l.Scope)}
	for _, k := range l.By {
		s = append(s, k.String())
	}
	if l.By == nil {
		s = append(s, "all")
	}
	return strings.Join(s, " ")
}

// slots are limits by the places in which the metadata of routes names them.
type slots map[string]limit

// rates are the limits of all endpoints, by stage.
type rates map[limitStage]map[*blueprints.Endpoint]slots

var limitStages = []limitStage{earlyLimits, lateLimits, earlyFleetLimits, lateFleetLimits}

func (b *builder) rateLimits() rates {
	if b.rates != nil {
		return b.rates
	}
	b.rates = rates{}
	for _, e := range b.bp.Endpoints {
		for _, l := range b.limitsOf(e) {
			of := b.rates[l.stage()]
			if of == nil {
				of = map[*blueprints.Endpoint]slots{}
				b.rates[l.stage()] = of
			}
			if of[e] == nil {
				of[e] = slots{}
			}
			of[e].add(l)
		}
	}
	return b.rates
}

// add puts l where others of its shape have left a place.
func (s slots) add(l limit) {
	slot := l.shape()
	for i := 2; ; i++ {
		if _, taken := s[slot]; !taken {
			break
		}
		slot = l.shape() + "#" + strconv.Itoa(i)
	}
	s[slot] = l
}

// areIn says that some of them hold on a route.
func (s slots) areIn(r *routev3.Route) bool {
	for slot := range r.GetMetadata().GetFilterMetadata()[limitSlots].GetFields() {
		if _, ok := s[slot]; ok {
			return true
		}
	}
	return false
}

// endpointSlot is where the metadata of a route has the endpoint's name.
const endpointSlot = "endpoint="

// limited says in a route which limits hold there.
func (b *builder) limited(r *routev3.Route, e *blueprints.Endpoint) {
	names := map[string]*structpb.Value{}
	for _, of := range b.rateLimits() {
		for slot, l := range of[e] {
			names[slot] = structpb.NewStringValue(l.name)
		}
	}
	if len(names) == 0 {
		return
	}
	names[endpointSlot] = structpb.NewStringValue(EndpointName(e))
	note(r, limitSlots, names)
}

// checkLimits finds limits that cannot count as they say.
func (b *builder) checkLimits(e *blueprints.Endpoint) {
	all, own := b.limitsOf(e), e.Policies.RateLimit
	if own != nil && own.Enabled && (len(all) == 0 || own.Own() && effective(b, e, rateLimitOf).Requests == 0) {
		b.problem(position(own.Position, e.Position), "needs requests: how many are allowed")
	}
	a := b.bp.Policies.Auth
	for _, l := range all {
		b.checkFleetLimit(l, e)
		for _, k := range l.By {
			switch {
			case k.Kind == blueprints.KeyClaim && (a == nil || a.JWT == nil):
				b.problem(k.Position, "plugins.auth.config has no jwt, whose tokens have claims")
			case k.Kind == blueprints.KeyClient && (a == nil || a.APIKeys == nil && a.Basic == nil):
				b.problem(k.Position, "plugins.auth.config has neither api_key nor basic, which tell clients apart")
			}
		}
	}
}

// windows are the times in which the rate limit service can count.
var windows = map[time.Duration]ratelimitv3.RateLimitUnit{
	time.Second: ratelimitv3.RateLimitUnit_SECOND, time.Minute: ratelimitv3.RateLimitUnit_MINUTE,
	time.Hour: ratelimitv3.RateLimitUnit_HOUR, 24 * time.Hour: ratelimitv3.RateLimitUnit_DAY,
}

// checkFleetLimit finds what the rate limit service cannot do.
func (b *builder) checkFleetLimit(l limit, e *blueprints.Endpoint) {
	if l.Scope != blueprints.ScopeFleet {
		return
	}
	// Envoy's filter asks for nothing where no cluster is.
	if e.Handler == blueprints.HandlerStatic && l.own {
		b.problem(l.Position, "scope: fleet does not hold for static answers, which no target is asked for: use scope: envoy")
	}
	if p := b.bp.Policies.RateLimit; p == nil || p.Service == "" {
		b.problem(l.Position, "scope: fleet needs plugins.rate_limit.config.service: where the rate limit service is")
	}
	if _, ok := windows[l.Per]; !ok {
		b.problem(l.Position, "with scope: fleet, per must be a second, a minute, an hour or a day")
	}
	if l.Burst != l.Requests {
		b.problem(l.Position, "with scope: fleet there is no burst: all requests of the time may come at once")
	}
}
