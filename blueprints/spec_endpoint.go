package blueprints

// endpointSpec is one endpoint.
type endpointSpec struct {
	at
	key         string           // in a mapping of endpoints
	code        bool             // it has a handler of code, which is not run
	Name        str              `yaml:"name" doc:"A name for people; in a mapping by name, the key."`
	Path        str              `yaml:"path" doc:"The path: literals, parameters as {id} or :id, and at the end *rest or *, which take all that follows."`
	Method      list[methodName] `yaml:"method,methods" single:"true" doc:"One method, a list of them, or \"*\" for any, which also holds without it. GET answers HEAD as well."`
	Handler     verbatim         `yaml:"handler" doc:"proxy, static or metrics; without it, what the other keys ask for."`
	Description str              `yaml:"description" doc:"What the endpoint is for."`
	Enabled     boolean          `yaml:"enabled" default:"true" doc:"Whether it is there."`
	Public      boolean          `yaml:"public" default:"false" doc:"Whether anybody may use it, where the plugin auth holds for the others."`
	Upstream    str              `yaml:"upstream" doc:"The pool that answers; default without it."`
	Config      endpointConfig   `yaml:"config" doc:"The handler's configuration, by the handler's name."`
	Proxy       *routeSpec       `yaml:"proxy" doc:"As config.proxy."`
	Static      *staticSpec      `yaml:"static,response" doc:"As config.static."`
	Metrics     *metricsPageSpec `yaml:"metrics" doc:"As config.metrics."`

	_ ignored `yaml:"runtime" doc:"has no effect: handlers in JavaScript are not run here; put that code behind a target and use handler proxy"`
	_ ignored `yaml:"database,apis" doc:"has no effect: a proxy has no database; put a service behind a target and use handler proxy"`
	_ ignored `yaml:"capture" doc:"has no effect: requests are not captured"`
	_ ignored `yaml:"cache" doc:"has no effect: use config.cache, or the plugin cache"`
	_ ignored `yaml:"mode" doc:"has no effect: use handler"`
	_ ignored `yaml:"plugin" doc:"has no effect: use handler proxy, static or metrics"`
	_ ignored `yaml:"mock,mock_response,mock_responses" doc:"has no effect: use static"`
	_ ignored `yaml:"ai_enhanced,ai_suggestions,parameters,validation,monitoring" doc:"has no effect: requests are passed on as they are"`
	_ ignored `yaml:"middleware,middlewares" severity:"error" doc:"is not supported in this version, and without it requests would pass unchecked: take it out if that is meant"`
}

// ignore notes that something else than a proxy was to answer.
func (s *endpointSpec) ignore(key string) {
	switch key {
	case "runtime", "database", "mock", "mock_response", "mock_responses", "plugin", "capture":
		s.code = true
	}
}

type endpointConfig struct {
	at
	Proxy   *routeSpec       `yaml:"proxy" doc:"For handler proxy."`
	Static  *staticSpec      `yaml:"static" doc:"For handler static."`
	Metrics *metricsPageSpec `yaml:"metrics" doc:"For handler metrics."`

	CORS *overrideSpec[corsSpec]         `yaml:"cors" doc:"The plugin cors for this endpoint."`
	Auth *overrideSpec[endpointAuthSpec] `yaml:"auth" doc:"The plugin auth for this endpoint; false makes it public."`

	Compression *overrideSpec[compressionSpec] `yaml:"compression" doc:"The plugin compression for this endpoint."`
	AccessLog   *overrideSpec[accessLogSpec]   `yaml:"access_log" doc:"The plugin access_log for this endpoint."`
	Tracing     *overrideSpec[tracingSpec]     `yaml:"tracing" doc:"The plugin tracing for this endpoint: sampling and tags alone may differ."`
	Errors      *overrideSpec[errorsSpec]      `yaml:"errors" doc:"The plugin errors for this endpoint."`

	RateLimit *overrideSpec[endpointRateLimitSpec] `yaml:"rate_limit" doc:"The plugin rate_limit for this endpoint: a limit here is one of its own. With false none holds."`

	Transformations *overrideSpec[transformationsSpec] `yaml:"transformations" doc:"Changes of this endpoint's own beside those of the plugin transformations; false: without the plugin's."`

	Cache *overrideSpec[endpointCacheSpec] `yaml:"cache" doc:"The plugin cache for this endpoint."`

	_ ignored `yaml:"tls" severity:"error" doc:"is one for all endpoints, since it comes before any request: set plugins.tls"`
	_ absent  `yaml:"discovery"`
}

// routeSpec is an endpoint's config.proxy: the way to a pool, or, where it has
// targets, a pool of the endpoint's own.
type routeSpec struct {
	at
	Path        str         `yaml:"path" doc:"The target's path; it may use the parameters of the endpoint's. Without it the path stays as it is."`
	Method      methodName  `yaml:"method" doc:"The endpoint's method; another one is a problem, since methods are passed on."`
	Upstream    str         `yaml:"upstream" doc:"As the endpoint's upstream."`
	Target      str         `yaml:"target,url" doc:"The url of the endpoint's own single target."`
	PathRewrite rewriteSpec `yaml:"path_rewrite" doc:"Changes the path: a path as path takes it, or a mapping."`
	StripPrefix str         `yaml:"strip_prefix" doc:"As path_rewrite.strip_prefix."`
	AddPrefix   str         `yaml:"add_prefix" doc:"As path_rewrite.add_prefix."`
	poolSpec
	routingSpec

	_ ignored `yaml:"preserve_path" doc:"has no effect: the path stays as it is, behind that of the target's url; path gives another"`
}

type staticSpec struct {
	at
	Status      integer           `yaml:"status" default:"200" min:"200" max:"599" doc:"The status."`
	Headers     dict[headerValue] `yaml:"headers" doc:"The answer's headers."`
	ContentType str               `yaml:"content_type" doc:"The Content-Type; application/json, or text/plain where body is text."`
	Body        free              `yaml:"body" doc:"The body: text, or any value that is sent as JSON. Strings may have placeholders such as {{now}}."`
}

type metricsPageSpec struct {
	at
	Format   str     `yaml:"format" enum:"prometheus|json" default:"prometheus" doc:"What is sent to a client that does not ask for application/json."`
	Proxy    boolean `yaml:"include_proxy_metrics" default:"true" doc:"Always included."`
	Breakers boolean `yaml:"include_circuit_breaker_status" default:"true" doc:"Always included."`
	Health   boolean `yaml:"include_health_check_status" default:"true" doc:"Always included."`
}
