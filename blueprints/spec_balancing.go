package blueprints

// balancingSpec is what a pool says of how requests are spread over it, beside its
// algorithm.
type balancingSpec struct {
	SlowStart slowStartSpec `yaml:"slow_start" doc:"Gives a target that is new, or healthy again by its health checks, its share little by little: a time, or a mapping. For weighted_round_robin, round_robin and least_connections."`
	Sessions  sessionsSpec  `yaml:"sticky_sessions" doc:"Keeps a client at the target that answered it first, by a cookie: true, false, or a mapping. A target that is out leaves its clients to others."`
	Limits    limitsSpec    `yaml:"limits" doc:"What each Envoy sends to the pool at once; what is beyond is answered with 503 at once."`
	Fallback  str           `yaml:"fallback" doc:"The pool that gets the requests while no target of this one can serve."`
}

type hashSpec struct {
	at
	client bool
	Header str      `yaml:"header" doc:"The value of this header."`
	Cookie str      `yaml:"cookie" doc:"The value of this cookie."`
	Query  str      `yaml:"query" doc:"The value of this query parameter."`
	TTL    duration `yaml:"ttl" min:"0" doc:"With cookie: the proxy makes the cookie for clients without it, for this time; 0 is until the browser ends. Without it none is made."`
	cookieSpec
}

// cookieSpec is to whom browsers send a cookie that the proxy makes.
type cookieSpec struct {
	Secure   boolean `yaml:"secure" doc:"Whether browsers send the cookie over HTTPS alone. Without it: where clients speak TLS with this proxy, or same_site is none; say true where another proxy in front has the TLS."`
	SameSite str     `yaml:"same_site,samesite" enum:"lax|strict|none" default:"lax" doc:"Whether browsers send the cookie with requests from pages of other sites: lax where a link is followed, strict never, none always, which needs secure."`
}

type slowStartSpec struct {
	at
	Window    duration `yaml:"window" required:"true" above:"0" doc:"How long it takes to reach the whole share."`
	MinWeight number   `yaml:"min_weight_percent" default:"10" min:"0" max:"100" doc:"The per cent of its share that a target begins with."`
}

type sessionsSpec struct {
	at
	Enabled boolean  `yaml:"enabled" default:"true" doc:"Whether it acts."`
	Cookie  str      `yaml:"cookie,cookie_name" doc:"The cookie's name; backworks-POOL without it."`
	TTL     duration `yaml:"ttl,max_age,timeout" default:"0" min:"0" doc:"How long the cookie lasts; 0 is until the browser ends."`
	Path    str      `yaml:"path" default:"/" doc:"The cookie's path."`
	cookieSpec
}

type limitsSpec struct {
	at
	MaxConnections integer         `yaml:"max_connections" default:"100000" min:"1" max:"4294967295" doc:"Open connections to the pool's targets; requests beyond wait for one."`
	MaxPending     integer         `yaml:"max_pending_requests,max_pending" default:"100000" min:"1" max:"4294967295" doc:"Requests that wait for a connection."`
	MaxRequests    integer         `yaml:"max_requests" default:"100000" min:"1" max:"4294967295" doc:"Requests under way."`
	RetryBudget    retryBudgetSpec `yaml:"retry_budget" doc:"How many of the requests under way may be retries."`
}

type retryBudgetSpec struct {
	at
	Percent        number  `yaml:"percent" default:"50" min:"0" max:"100" doc:"In per cent of the requests under way."`
	MinConcurrency integer `yaml:"min_concurrency" default:"50" min:"0" max:"4294967295" doc:"Retries that are allowed in any case."`
}

// retrySpec is when and how a request is tried again.
type retrySpec struct {
	at
	Attempts      integer       `yaml:"attempts,num_retries" default:"1" min:"0" max:"100" doc:"As retry_attempts."`
	On            list[retryOn] `yaml:"on,retry_on" single:"true" default:"failures" doc:"After what a request is tried again: failures (500, 502 to 599, and connection errors), 5xx, gateway-error (502 to 504), connect-failure, reset, refused-stream, retriable-4xx (409), or a status."`
	PerTryTimeout duration      `yaml:"per_try_timeout,try_timeout" above:"0" doc:"How long one try may take; without it, all that is left of timeout."`
	Backoff       backoffSpec   `yaml:"backoff" doc:"The wait before a retry."`
	Hedge         boolean       `yaml:"hedge" default:"false" doc:"Whether a try goes on after per_try_timeout while the next one is made; the first good answer is the client's."`
	NonIdempotent boolean       `yaml:"non_idempotent" default:"false" doc:"As retry_non_idempotent."`
}

type backoffSpec struct {
	at
	Base duration `yaml:"base,base_interval" default:"25ms" above:"0" doc:"The wait before the first retry is at random up to this, before each later one up to twice as much."`
	Max  duration `yaml:"max,max_interval" above:"0" doc:"The longest wait; 10 times base without it."`
}
