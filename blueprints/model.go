package blueprints

import "time"

// Set is everything that one load yields, in the order of the main files' names.
type Set struct {
	Blueprints []*Blueprint
}

// Blueprint is what one proxy does. It is immutable, defaults are filled in.
type Blueprint struct {
	Position
	// File is the absolute path of the main file, the blueprint's identity.
	File string
	// Files are the main file and all that it includes, absolute and sorted.
	Files []string
	// Version is a hash of the names, contents and expanded values of Files.
	Version string
	// Degraded says that at least one file is served from its last good version.
	Degraded bool

	Name, Release, Description string

	Nodes     Nodes
	Rollout   Rollout
	Server    Server
	Dashboard Dashboard
	Metrics   Metrics
	// Pools are sorted by name. The targets beside `upstreams` are the pool
	// "default"; an endpoint's own targets are a pool named after the endpoint.
	Pools []*Pool
	// Endpoints stand as in the files: the main one first, then the included
	// ones in the order of their paths.
	Endpoints []*Endpoint
	// RequestHeaders and PathRewrite hold for every request to a pool,
	// ResponseHeaders for every answer.
	RequestHeaders, ResponseHeaders Headers
	PathRewrite                     *Rewrite
	// TLS is nil where clients speak plain HTTP.
	TLS        *TLS
	Transforms Transforms
	// Policies hold for all endpoints that do not say otherwise.
	Policies Policies

	private, headers Private
}

// Server is the address that the proxy listens on, and its limits.
type Server struct {
	Position
	// Host is an IP address, "0.0.0.0" by default; Port is 8080 by default.
	Host string
	Port int
	// TrustedHops is the number of proxies in front whose X-Forwarded-For is
	// believed; 0 by default.
	TrustedHops int
	// MaxConnections bounds open client connections; 50,000 by default.
	MaxConnections int
	// IdleTimeout closes a client connection without requests (1 h),
	// HeaderTimeout bounds how long a client may take for its request's headers
	// (10 s).
	IdleTimeout, HeaderTimeout time.Duration
	// RequestTimeout bounds how long a client may take for a whole request, 0: no limit.
	// nil is 5 min, or no limit where an endpoint has no timeout.
	RequestTimeout *time.Duration
	// MaxRequestSize is in bytes, for pools and endpoints that have none; 0: no limit.
	MaxRequestSize int64
	RequestID      RequestID
}

// Dashboard is the page on the admin listener.
type Dashboard struct {
	Position
	// Enabled is true by default; false takes away the page only.
	Enabled bool
	// Port is the admin listener's; 8081 by default.
	Port int
}

// Metrics says what the metrics endpoints give.
type Metrics struct {
	Enabled, Detailed bool
}

// Algorithm is how a pool spreads requests over its targets.
type Algorithm string

// The algorithms; Random and IPHash do not follow the targets' weights. RingHash and
// Maglev follow them by the keys there are.
const (
	WeightedRoundRobin Algorithm = "weighted_round_robin"
	RoundRobin         Algorithm = "round_robin"
	IPHash             Algorithm = "ip_hash"
	LeastConnections   Algorithm = "least_connections"
	RingHash           Algorithm = "ring_hash"
	Maglev             Algorithm = "maglev"
	Random             Algorithm = "random"
)

// Pool is a named group of targets which serve the same requests.
type Pool struct {
	Position
	Name      string
	Targets   []*Target
	Algorithm Algorithm
	Balancing
	// Breaker and HealthCheck are nil where the blueprint has none.
	Breaker     *Breaker
	HealthCheck *HealthCheck
	// Timeout is for the whole request, retries included; 30 s by default, 0: no limit.
	Timeout time.Duration
	Traffic
	// ConnectTimeout is for one connection to a target; 5 s by default.
	ConnectTimeout time.Duration
	// Retries are tries after the first one; 0 by default.
	Retries int
	// Retry says more of them; nil where the blueprint does not.
	Retry *Retry
	// RetryUnsafe replays POST and PATCH after an answer too; by default only
	// when they never reached a target.
	RetryUnsafe bool
	// PreserveHost keeps the client's Host header instead of the target's.
	PreserveHost bool
	// ResolveByEnvoy leaves host names to Envoy's DNS, for fleets whose DNS
	// differs from the management server's; weights then stay fixed.
	ResolveByEnvoy bool
	// TLS says that the targets speak HTTPS, HTTP2 that they speak HTTP/2 alone, ALPN
	// that each says over TLS which it speaks.
	TLS, HTTP2, ALPN bool
	// Secure says how HTTPS is spoken; nil: by the defaults.
	Secure *PoolTLS
	// PathPrefix is the path of the targets' URLs, without a slash at its end.
	PathPrefix string
	// RequestHeaders, ResponseHeaders and Transforms are the pool's own; empty for "default".
	RequestHeaders, ResponseHeaders Headers
	Transforms                      Transforms
}

// Target is one server of a pool.
type Target struct {
	Position
	Name, URL string
	// Host is a name or an IP address, without brackets.
	Host string
	Port uint16
	// Weight is above 0; 1 by default.
	Weight float64
}

// Breaker takes a failing target out of a pool for a while.
type Breaker struct {
	Position
	// FailureThreshold is the number of failures in a row that open it; 5 by default.
	FailureThreshold int
	// RecoveryTimeout is how long it stays open; 60 s by default.
	RecoveryTimeout time.Duration
	// HalfOpenMaxCalls is the number of trial requests after that; 3 by default.
	HalfOpenMaxCalls int
	// SuccessThreshold is the number of good ones that close it; HalfOpenMaxCalls by
	// default.
	SuccessThreshold int
	// Failures says which answers are failures; FailServer by default.
	Failures Failures
	// RecoveryGrowth is how many times longer the target is out after each trial that
	// failed, up to MaxRecovery; 1 by default.
	RecoveryGrowth float64
	MaxRecovery    time.Duration
	// Scope is ScopeEnvoy by default. With ScopeFleet, FleetShare is how many Envoys must
	// have opened it for all to open it; 50 % by default.
	Scope      Scope
	FleetShare Share
}

// Headers are changes to the headers of a request or an answer. Names are kept
// as written and sorted; they are compared without regard to case.
type Headers struct {
	// Set overwrites, Add adds another line.
	Set, Add []Header
	Remove   []string
	Rename   []Rename
}

// Rename is the new name of a header or a parameter of the query.
type Rename struct {
	From, To string
}

// Header is one header's name and value.
type Header struct {
	Position
	Name  string
	Value Text
}

// Handler is what answers an endpoint.
type Handler string

// The handlers.
const (
	HandlerProxy   Handler = "proxy"
	HandlerStatic  Handler = "static"
	HandlerMetrics Handler = "metrics"
)

// Endpoint is a path with methods and what answers there.
type Endpoint struct {
	Position
	// Name is its key where endpoints are a map, else "".
	Name string
	Path Path
	// Methods are upper case and sorted; none means any.
	Methods []string
	Handler Handler
	// Proxy, Static or Metrics is set, as Handler says.
	Proxy   *ProxyRoute
	Static  *Static
	Metrics *MetricsAnswer
	// RequestHeaders, ResponseHeaders and Transforms are united with the blueprint's and win.
	RequestHeaders, ResponseHeaders Headers
	Transforms                      Transforms
	// Policies are those that the endpoint says something of.
	Policies Policies

	written string // the path as in the file, where a secret may be its source
	step    *step
}

// ProxyRoute sends an endpoint's requests to a pool.
type ProxyRoute struct {
	Position
	Pool    string
	Rewrite *Rewrite
	// All override the pool's unless nil.
	Timeout      *time.Duration
	Traffic      Traffic
	Retries      *int
	Retry        *Retry
	PreserveHost *bool
	RetryUnsafe  *bool
	Routing

	written string // Pool as in the file
	step    *step
}

// Rewrite changes the path on its way to the target; the query is kept. Either
// Template is set, or the others are, applied in the order strip, replace, add.
type Rewrite struct {
	Position
	// Template is the upstream path; it may use the endpoint's parameters.
	Template *Path
	// StripPrefix and AddPrefix have no slash at their ends.
	StripPrefix, AddPrefix string
	// Pattern is an RE2 expression, Replacement uses \1 for its groups.
	Pattern, Replacement string
}

// Static is an answer that needs no target.
type Static struct {
	// Status is 200 by default.
	Status      int
	Headers     Headers
	ContentType string
	// JSON is the body as map[string]any, []any, Text, float64, bool and nil;
	// nil without one. Text is the body where it is a plain string.
	JSON any
	Text Text
}

// MetricsAnswer is the metrics page on the proxy.
type MetricsAnswer struct {
	// Format is "prometheus", the default, or "json".
	Format string
}
