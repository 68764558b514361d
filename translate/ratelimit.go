package translate

import (
	"maps"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	commonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/ratelimit/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	localv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/local_ratelimit/v3"
	ratelimitfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ratelimit/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/blueprints"
)

// All routes share one configuration of each filter, and so its buckets: an endpoint
// has several routes, which must count together, and so must what comes over HTTP/3 and
// as WebSockets, whose filters are not the same objects. It stands in the route
// configuration, where an edit costs no connection. Each route says in its metadata
// which limits hold there.

// limitHeaderFilter is of the type header_mutation.
const limitHeaderFilter = "backworks.rate_limit.headers"

// limitStat begins the names of the filters' statistics.
const limitStat = "rate_limit"

// limitFilters are those of a stage where some endpoint has limits in it. The route
// configuration has their settings, so that they do nothing where no route is found.
func (b *builder) limitFilters(stage limitStage) []*hcmv3.HttpFilter {
	if b.rateLimits()[stage] == nil {
		return nil
	}
	if stage.fleet() {
		return []*hcmv3.HttpFilter{b.filter(string(stage), b.fleetLimits())}
	}
	return []*hcmv3.HttpFilter{off(b.filter(string(stage), &localv3.LocalRateLimit{StatPrefix: limitStat}))}
}

// limits are the settings of the filters for all routes.
func (b *builder) limits(c *routev3.RouteConfiguration) {
	if p := b.bp.Policies.RateLimit; p != nil && p.Enabled && len(b.rateLimits()) == 0 {
		b.warn(p.Position, "no requests are limited: say how many are allowed, here or in endpoints")
	}
	for _, stage := range limitStages {
		all, named := slots{}, slots{}
		for _, of := range b.rateLimits()[stage] {
			for slot, l := range of {
				all[slot], named[l.name] = l, l
			}
		}
		if len(all) == 0 {
			continue
		}
		var settings proto.Message
		var actions []*routev3.RateLimit
		for _, slot := range slices.Sorted(maps.Keys(all)) {
			actions = append(actions, b.countedBy(slot, all[slot].By)...)
		}
		if stage.fleet() {
			settings = &ratelimitfilterv3.RateLimitPerRoute{RateLimits: actions}
		} else {
			settings = b.localLimits(actions, named)
		}
		if c.TypedPerFilterConfig == nil {
			c.TypedPerFilterConfig = map[string]*anypb.Any{}
		}
		c.TypedPerFilterConfig[string(stage)] = b.typed(settings)
		for _, r := range c.VirtualHosts[0].Routes {
			if !all.areIn(r) {
				b.setting(r, string(stage), &routev3.FilterConfig{Disabled: true})
			}
		}
	}
}

// localLimits are those that each Envoy counts by itself, by name.
func (b *builder) localLimits(actions []*routev3.RateLimit, named slots) *localv3.LocalRateLimit {
	var all []*commonv3.LocalRateLimitDescriptor
	for _, name := range slices.Sorted(maps.Keys(named)) {
		all = append(all, buckets(named[name])...)
	}
	maxBuckets := blueprints.MaxBuckets
	if p := b.bp.Policies.RateLimit; p != nil && p.MaxBuckets > 0 {
		maxBuckets = p.MaxBuckets
	}
	return &localv3.LocalRateLimit{
		StatPrefix: limitStat,
		RateLimits: actions, Descriptors: all,
		// Both are 0 % by default.
		FilterEnabled: always(), FilterEnforced: always(),
		EnableXRatelimitHeaders: commonv3.XRateLimitHeadersRFCVersion_DRAFT_VERSION_03,
		EnableRetryAfterHeader:  true,
		// UNAVAILABLE would have gRPC clients try again at once.
		RateLimitedAsResourceExhausted: true,
		MaxDynamicDescriptors:          u32(maxBuckets),
		// Envoy wants one for requests that match no descriptor, which here do not exist:
		// it takes whatever comes.
		TokenBucket:                     &typev3.TokenBucket{MaxTokens: 1 << 31, TokensPerFill: u32(1 << 31), FillInterval: duration(50 * time.Millisecond)},
		AlwaysConsumeDefaultTokenBucket: boolean(false),
	}
}

func always() *corev3.RuntimeFractionalPercent {
	return &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{Numerator: 100}}
}

// limitHeaders makes one of the headers that several filters put on an answer: that of
// the target, or of the last filter, which are the first to put it there.
func limitHeaders() *headermutationv3.HeaderMutation {
	m := new(headermutationv3.Mutations)
	for _, name := range []string{"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} {
		m.ResponseMutations = append(m.ResponseMutations, appended(&corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: name, Value: "%RESP(" + name + ")%"},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS,
		}))
	}
	return &headermutationv3.HeaderMutation{Mutations: m}
}
