package translate

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	limitservicev3 "github.com/envoyproxy/go-control-plane/envoy/config/ratelimit/v3"
	ratelimitfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ratelimit/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/ratelimit/config/ratelimit/v3"

	"backworks/blueprints"
)

// fleetLimits ask the rate limit service. Which limits hold, routes say.
func (b *builder) fleetLimits() *ratelimitfilterv3.RateLimit {
	p := blueprints.Effective[blueprints.RateLimit](b.bp.Policies.RateLimit, &blueprints.RateLimit{Policy: blueprints.Policy{Enabled: true}})
	return &ratelimitfilterv3.RateLimit{
		Domain: LimitDomain(b.bp), Timeout: duration(p.Timeout), FailureModeDeny: p.Deny,
		StatPrefix:              limitStat,
		EnableXRatelimitHeaders: ratelimitfilterv3.RateLimit_DRAFT_VERSION_03,
		EnableRetryAfterHeader:  true,
		// UNAVAILABLE would have gRPC clients try again at once.
		RateLimitedAsResourceExhausted: true,
		// 500 by default, which is nobody's fault but ours.
		StatusOnError: &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		RateLimitService: &limitservicev3.RateLimitServiceConfig{
			TransportApiVersion: corev3.ApiVersion_V3,
			GrpcService: &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: cmp.Or(p.Service, "-")},
			}},
		},
	}
}

// uncounted is what requests get that the rate limit service gives no answer for.
var uncounted = answer{status: 503, details: "rate_limiter_error", error: "service_unavailable", message: "requests cannot be counted now, try again later"}

// answers are those that this blueprint needs.
func (b *builder) answers() []answer {
	for stage := range b.rateLimits() {
		if stage.fleet() {
			return append([]answer{uncounted}, answers...)
		}
	}
	return answers
}

// LimitDomain keeps the limits of blueprints apart in one rate limit service. Main files
// stand in one folder, so that no two have the same.
func LimitDomain(bp *blueprints.Blueprint) string { return filepath.Base(bp.File) }

// FleetLimits are the limits of a blueprint as the rate limit service takes them, nil
// where it has none for the fleet. Of several versions the last one's hold, and what is
// in others alone.
func FleetLimits(versions ...*blueprints.Blueprint) *ratelimitv3.RateLimitConfig {
	named := slots{}
	domain := ""
	for _, bp := range versions {
		domain = LimitDomain(bp)
		b := &builder{bp: bp}
		for _, e := range bp.Endpoints {
			for _, l := range b.limitsOf(e) {
				if l.stage().fleet() {
					named[l.name] = l
				}
			}
		}
	}
	if len(named) == 0 {
		return nil
	}
	top := &ratelimitv3.RateLimitDescriptor{}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		l := named[name]
		for _, keys := range descriptors(l.By) {
			d := under(top, keys[0], name)
			for _, k := range keys[1:] {
				d = under(d, k, "")
			}
			d.RateLimit = &ratelimitv3.RateLimitPolicy{Unit: windows[l.Per], RequestsPerUnit: uint32(l.Requests)}
		}
	}
	return &ratelimitv3.RateLimitConfig{Name: domain, Domain: domain, Descriptors: top.Descriptors}
}

// under is the descriptor of a key and a value in another one, made where it is not there.
func under(d *ratelimitv3.RateLimitDescriptor, key, value string) *ratelimitv3.RateLimitDescriptor {
	i := slices.IndexFunc(d.Descriptors, func(x *ratelimitv3.RateLimitDescriptor) bool { return x.Key == key && x.Value == value })
	if i < 0 {
		i = len(d.Descriptors)
		d.Descriptors = append(d.Descriptors, &ratelimitv3.RateLimitDescriptor{Key: key, Value: value})
	}
	return d.Descriptors[i]
}
