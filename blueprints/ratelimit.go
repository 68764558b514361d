package blueprints

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// rateLimitSpec is the plugin rate_limit.
type rateLimitSpec struct {
	policySpec
	rateLimitUse
	MaxBuckets integer  `yaml:"max_buckets" default:"10000" min:"1" max:"1000000" doc:"How many clients each limit tells apart in one Envoy; beyond that the one that was away longest is forgotten."`
	Service    str      `yaml:"service" doc:"Where limits with scope: fleet are counted: a URL such as http://ratelimit:8081, or the name of a pool."`
	Timeout    duration `yaml:"timeout" default:"100ms" above:"0" doc:"How long a request waits for the service."`
	OnFailure  str      `yaml:"on_failure" enum:"allow|deny" default:"allow" doc:"What becomes of requests while the service gives no answer; those denied get 503."`
}

// rateLimitUse is what an endpoint may say otherwise than the plugin.
type rateLimitUse struct {
	Requests integer         `yaml:"requests" min:"1" max:"1000000000" doc:"How many requests are allowed in the time per."`
	Per      period          `yaml:"per,period,window" default:"1s" min:"0.05" doc:"The time: a duration, or second, minute, hour or day."`
	Burst    integer         `yaml:"burst" min:"1" max:"1000000000" doc:"How many requests may come at once; as many as requests without it."`
	By       list[str]       `yaml:"by" single:"true" doc:"What is counted apart: client_ip, endpoint, client (of API keys and passwords), claim:NAME (of tokens), header:NAME, or several of them. Without it all requests together are."`
	Scope    str             `yaml:"scope" enum:"envoy|fleet" default:"envoy" doc:"Whether each Envoy counts for itself, or all of the blueprint together, by the service."`
	Limits   list[limitSpec] `yaml:"limits" doc:"More limits, all of which hold; those of an endpoint replace the plugin's."`
}

// limitSpec is one of several limits.
type limitSpec struct {
	at
	Name     str       `yaml:"name" doc:"What it is called; its number without it."`
	Requests integer   `yaml:"requests" required:"true" min:"1" max:"1000000000" doc:"How many requests are allowed in the time per."`
	Per      period    `yaml:"per,period,window" default:"1s" min:"0.05" doc:"The time: a duration, or second, minute, hour or day."`
	Burst    integer   `yaml:"burst" min:"1" max:"1000000000" doc:"How many requests may come at once; as many as requests without it."`
	By       list[str] `yaml:"by" single:"true" doc:"What is counted apart, as beside limits."`
	Scope    str       `yaml:"scope" enum:"envoy|fleet" default:"envoy" doc:"Whether each Envoy counts for itself, or all of the blueprint together, by the service."`
}

// endpointRateLimitSpec is rate_limit in an endpoint's config.
type endpointRateLimitSpec struct {
	policySpec
	rateLimitUse
}

// RateLimit bounds how many requests are served.
type RateLimit struct {
	Policy
	// Requests, Per, Burst, By and Scope are a limit where Requests is not 0.
	Requests int
	Per      time.Duration
	Burst    int
	By       []LimitKey
	Scope    Scope
	// Limits hold as well; nil where the file does not say any.
	Limits []Limit
	// MaxBuckets is the constant by default.
	MaxBuckets int
	// Service is the pool that counts for the fleet, "" where there is none; Timeout is
	// 100 ms by default. Deny says that requests which it gives no answer for are refused.
	Service string
	Timeout time.Duration
	Deny    bool
}

// Limit is a number of requests in a time.
type Limit struct {
	Position
	// Name is unique in its list.
	Name     string
	Requests int
	// Per is 1 s by default.
	Per time.Duration
	// Burst is Requests by default.
	Burst int
	// By is nil where all requests are counted together.
	By []LimitKey
	// Scope is ScopeEnvoy by default.
	Scope Scope
}

// LimitKey is a part of requests by which they are counted apart.
type LimitKey struct {
	Position
	Kind KeyKind
	// Name is that of a header, in lower case, or of a claim.
	Name string
}

// KeyKind says which part.
type KeyKind string

// The parts.
const (
	KeyClientIP KeyKind = "client_ip"
	KeyEndpoint KeyKind = "endpoint"
	KeyClient   KeyKind = "client"
	KeyClaim    KeyKind = "claim"
	KeyHeader   KeyKind = "header"
)

// String is the key as the file has it.
func (k LimitKey) String() string {
	if k.Name == "" {
		return string(k.Kind)
	}
	return string(k.Kind) + ":" + k.Name
}

// MaxBuckets is how many clients a limit tells apart where the blueprint does not say it.
const MaxBuckets = 10000

// maxLimitKeys and maxLimits bound what one request costs.
const (
	maxLimitKeys = 3
	maxLimits    = 10
)

func (r *RateLimit) fill() {
	if r.Timeout == 0 {
		r.Timeout = 100 * time.Millisecond
	}
	if r.MaxBuckets == 0 {
		r.MaxBuckets = MaxBuckets
	}
	if r.Per == 0 {
		r.Per = time.Second
	}
	if r.Burst == 0 {
		r.Burst = r.Requests
	}
	if r.Scope == "" {
		r.Scope = ScopeEnvoy
	}
}

// Own says that an endpoint has a limit of its own beside Limits, and so counts its
// requests apart from those of others.
func (r *RateLimit) Own() bool {
	return r != nil && (r.Requests > 0 || r.Per > 0 || r.Burst > 0 || r.By != nil || r.Scope != "")
}

func (d *decoder) rateLimit(s *rateLimitSpec) *RateLimit {
	r := d.rateLimitUse(&s.policySpec, &s.rateLimitUse)
	r.MaxBuckets, r.Timeout, r.Deny = s.MaxBuckets.v, s.Timeout.v, s.OnFailure.v == "deny"
	r.Service = d.service("rate_limit", s.Service, true)
	return r
}

func (d *decoder) endpointRateLimit(s *endpointRateLimitSpec) *RateLimit {
	return d.rateLimitUse(&s.policySpec, &s.rateLimitUse)
}

func (d *decoder) rateLimitUse(p *policySpec, s *rateLimitUse) *RateLimit {
	return &RateLimit{
		Policy: d.policy(p), Requests: s.Requests.v, Per: s.Per.v, Burst: s.Burst.v,
		By: d.limitKeys(s.By), Scope: Scope(s.Scope.v), Limits: d.limits(s.Limits),
	}
}

func (d *decoder) limits(l list[limitSpec]) []Limit {
	switch {
	case !l.given():
		return nil
	case len(l.items) > maxLimits:
		d.fail(l.at, "must be at most ", strconv.Itoa(maxLimits), ", got ", strconv.Itoa(len(l.items)))
	}
	out := []Limit{}
	for i := range l.items {
		s := &l.items[i]
		name := s.Name.or(strconv.Itoa(i + 1))
		if _, err := strconv.Atoi(s.Name.v); err == nil {
			d.fail(s.Name.at, "must not be a number, which is what limits without a name are called")
		} else if slices.ContainsFunc(out, func(x Limit) bool { return x.Name == name }) {
			d.fail(s.Name.at, "is the name of another limit too")
		}
		out = append(out, Limit{
			Position: d.position(s.at), Name: name, Requests: s.Requests.v, Per: s.Per.or(time.Second),
			Burst: s.Burst.or(s.Requests.v), By: d.limitKeys(s.By), Scope: Scope(s.Scope.or(string(ScopeEnvoy))),
		})
	}
	return out
}

func (d *decoder) limitKeys(l list[str]) (out []LimitKey) {
	items := d.atLeastOne(l)
	if len(items) > maxLimitKeys {
		d.fail(l.at, "must be at most ", strconv.Itoa(maxLimitKeys), ", got ", strconv.Itoa(len(items)))
	}
	for _, s := range items {
		k, ok := d.limitKey(s)
		switch {
		case !ok:
		case slices.ContainsFunc(out, func(x LimitKey) bool { return x.String() == k.String() }):
			d.fail(s.at, "stands here a second time")
		default:
			out = append(out, k)
		}
	}
	return out
}

func (d *decoder) limitKey(s str) (LimitKey, bool) {
	kind, name, named := strings.Cut(s.v, ":")
	k := LimitKey{Position: d.position(s.at), Kind: KeyKind(kind), Name: strings.TrimSpace(name)}
	switch k.Kind {
	case KeyClientIP, KeyEndpoint, KeyClient:
		if !named {
			return k, true
		}
	case KeyHeader:
		k.Name = strings.ToLower(k.Name)
		if token(k.Name) {
			return k, true
		}
	case KeyClaim:
		if !slices.Contains(ClaimPath(k.Name), "") {
			return k, true
		}
	}
	d.fail(s.at, "must be client_ip, endpoint, client, claim:NAME or header:NAME, got ", s.quote())
	return k, false
}
