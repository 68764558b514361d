package blueprints

// poolSpec is a pool of targets: what plugins.proxy.config says of the pool
// default, upstreams.<name> of another, and an endpoint's proxy of its own.
type poolSpec struct {
	Targets        list[targetSpec] `yaml:"targets" doc:"The servers of the pool; a string stands for a target's url."`
	LoadBalancing  loadBalancing    `yaml:"load_balancing" default:"weighted_round_robin" doc:"How requests are spread over the targets. ip_hash and random do not follow weights; ring_hash and maglev keep requests alike in hash_on at one target."`
	CircuitBreaker breakerSpec      `yaml:"circuit_breaker" doc:"Takes a failing target out for a while. Failures are the statuses 500 and 502 to 599, unless failures says otherwise, and connection errors. Without it, none is taken out."`
	HealthCheck    healthCheckSpec  `yaml:"health_check,health_checks" doc:"Asks each target for its health: true, false, or a mapping. What a target's own health_check does not say, holds from here."`
	Timeout        duration         `yaml:"timeout" default:"30s" min:"0" doc:"How long a request may take, retries included; a target's own goes first. 0 is no limit, for streams."`
	ConnectTimeout duration         `yaml:"connect_timeout" default:"5s" above:"0" doc:"How long a connection to a target may take to open."`
	RetryAttempts  integer          `yaml:"retry_attempts,retries" default:"0" min:"0" max:"100" doc:"Retries after the first try, on another target where there is one; a target's own goes first."`
	RetryUnsafe    boolean          `yaml:"retry_non_idempotent" default:"false" doc:"Whether POST and PATCH are retried after an answer too; by default only when they never reached a target."`
	PreserveHost   boolean          `yaml:"preserve_host" default:"false" doc:"Whether a target sees the client's Host instead of its own."`
	Resolve        str              `yaml:"resolve" enum:"backworks|envoy" default:"backworks" doc:"Who looks up the targets' host names. With envoy, for fleets whose DNS differs, weights stay as they were when the cluster was made."`
	TLS            poolTLSSpec      `yaml:"tls" doc:"How HTTPS is spoken to targets whose URLs have it."`

	Retry retrySpec `yaml:"retry" doc:"When and how a request is tried again: a number of retries, or a mapping."`

	balancingSpec
	protocolSpec
	transformsSpec

	_ ignored `yaml:"health_check_interval" doc:"has no effect: use health_check.interval"`
	_ ignored `yaml:"capture" doc:"has no effect: requests are not captured"`
	_ ignored `yaml:"body_transform" doc:"has no effect: use transform_request.body or transform_response.body"`
}

// transformsSpec are the changes to requests and answers, in every spelling.
type transformsSpec struct {
	TransformRequest  requestSpec       `yaml:"transform_request,request_transform" doc:"Changes to requests on their way to a target."`
	TransformResponse responseSpec      `yaml:"transform_response,response_transform" doc:"Changes to answers on their way to the client."`
	Transformations   bothSpec          `yaml:"transformations,transform" doc:"Another spelling of transform_request and transform_response."`
	Headers           dict[headerValue] `yaml:"headers" doc:"Another spelling of transform_request.headers."`
}

type bothSpec struct {
	at
	Request  requestSpec  `yaml:"request" doc:"As transform_request."`
	Response responseSpec `yaml:"response" doc:"As transform_response."`
}

type targetSpec struct {
	at
	Name           str             `yaml:"name" doc:"The target's name in status and metrics; its host and port without one."`
	URL            str             `yaml:"url,target" required:"true" doc:"http:// or https://, host, port (80 or 443 without one) and a path to put in front of the request's. Scheme, path and health check are the same for all targets of a pool."`
	Weight         number          `yaml:"weight" default:"1.0" above:"0" doc:"The target's share of the requests, in proportion to the others'."`
	Timeout        duration        `yaml:"timeout" default:"30s" min:"0" doc:"How long a request may take, retries included, 0: no limit; the longest of the pool's targets holds."`
	HealthCheck    healthCheckSpec `yaml:"health_check,health_checks" doc:"As the pool's health_check, and the same for all targets of the pool."`
	CircuitBreaker breakerSpec     `yaml:"circuit_breaker" doc:"As the pool's circuit_breaker, and the same for all targets of the pool."`
	RetryAttempts  integer         `yaml:"retry_attempts,retries" default:"0" min:"0" max:"100" doc:"Retries after the first try; the largest of the pool's targets holds."`

	_ ignored `yaml:"healthy,active_connections" doc:"has no effect: it is found out at run time"`
}

type breakerSpec struct {
	at
	Enabled          boolean  `yaml:"enabled" default:"true" doc:"Whether it acts."`
	FailureThreshold integer  `yaml:"failure_threshold" default:"5" min:"1" max:"4294967295" doc:"Failures in a row that open it."`
	RecoveryTimeout  duration `yaml:"recovery_timeout" default:"60s" above:"0" doc:"How long the target gets nothing."`
	HalfOpenMaxCalls integer  `yaml:"half_open_max_calls" default:"3" min:"1" max:"4294967295" doc:"Trial requests after that."`
	SuccessThreshold integer  `yaml:"success_threshold" min:"1" max:"4294967295" doc:"Good trials that close it; half_open_max_calls of them without it."`
	Failures         str      `yaml:"failures" enum:"5xx|gateway" default:"5xx" doc:"Which answers are failures: 5xx are 500 and 502 to 599, gateway 502 to 504. Connection errors are in any case."`
	RecoveryGrowth   number   `yaml:"recovery_growth" default:"1" min:"1" max:"100" doc:"How many times longer the target gets nothing after each trial that failed; closing it begins anew with recovery_timeout."`
	MaxRecovery      duration `yaml:"max_recovery_timeout" above:"0" doc:"What recovery_growth is bounded by; ten times recovery_timeout without it."`
	Scope            str      `yaml:"scope" enum:"envoy|fleet" default:"envoy" doc:"Whether each Envoy has breakers of its own, or all of the blueprint have them together."`
	FleetShare       share    `yaml:"fleet_share" default:"50%" doc:"With scope: fleet, how many of the Envoys that can be asked must have taken a target out for all to do so: a number, or a per cent."`

	_ ignored `yaml:"request_volume_threshold,success_rate_threshold,timeout" doc:"has no effect: failures in a row are counted; use failure_threshold"`
}

// rewriteSpec is path_rewrite: a template as a string, or a mapping.
type rewriteSpec struct {
	at
	template       str
	StripPrefix    str               `yaml:"strip_prefix" doc:"Taken off the front of the path."`
	AddPrefix      str               `yaml:"add_prefix" doc:"Put in front of the path."`
	PatternReplace list[patternSpec] `yaml:"pattern_replace" single:"true" doc:"A regular expression (RE2) and what replaces each match; one at most."`
}

type patternSpec struct {
	at
	Pattern     str `yaml:"pattern" required:"true" doc:"The regular expression."`
	Replacement str `yaml:"replacement,replace" doc:"The replacement; \\1 or $1 is the first group."`
}
