package blueprints

import "gopkg.in/yaml.v3"

// The spec types are the language: what a file may say, with the tags that the
// decoder, the JSON Schema and the reference are all made from (see field).

// document is a whole file.
type document struct {
	at
	Name        str           `yaml:"name" doc:"The blueprint's name, for people."`
	Version     str           `yaml:"version" doc:"The blueprint's own version, for people."`
	Description str           `yaml:"description" doc:"What the blueprint is for."`
	Include     list[str]     `yaml:"include" single:"true" doc:"Files or globs, relative to this file and not outside the main file's folder, which add endpoints and upstreams."`
	Nodes       nodesSpec     `yaml:"nodes" doc:"Which Envoys get this blueprint. Without it, every Envoy that no other blueprint fits better."`
	Rollout     rolloutSpec   `yaml:"rollout" doc:"How a new version reaches the Envoys that get this blueprint."`
	Server      serverSpec    `yaml:"server" doc:"The address that clients connect to, and its limits."`
	Dashboard   dashboardSpec `yaml:"dashboard" doc:"The admin listener: metrics, health, status and the page."`
	Plugins     plugins       `yaml:"plugins" doc:"The policies: a mapping by plugin name, or a list of plugins with their name in the key type."`
	Endpoints   endpoints     `yaml:"endpoints" doc:"What is answered: a list, a mapping by name, or a mapping by path. Without it, every path goes to the pool default."`

	_ ignored `yaml:"mode" doc:"has no effect: each endpoint has its handler"`
	_ ignored `yaml:"runtime" doc:"has no effect: handlers in JavaScript are not run here; put that code behind a target and use handler proxy"`
	_ ignored `yaml:"database,apis,external_apis,ai" doc:"has no effect: a proxy has no database; put a service behind a target"`
	_ ignored `yaml:"environments" doc:"has no effect: write ${NAME} where environments differ"`
	_ ignored `yaml:"host,port" doc:"has no effect: use server.host and server.port"`
	_ ignored `yaml:"capture" doc:"has no effect: requests are not captured; Envoy's access log and /metrics show the traffic"`
	_ ignored `yaml:"monitoring" doc:"has no effect: metrics are always on, at /metrics of the admin listener"`
	_ ignored `yaml:"logging" doc:"has no effect: use the flag -v of backworks start"`
	_ ignored `yaml:"cache" doc:"has no effect: this version caches no answers"`
	_ ignored `yaml:"global_headers" doc:"has no effect: use plugins.proxy.config.transform_request.headers or transform_response.headers"`
	_ ignored `yaml:"plugin_discovery,external_plugins" doc:"has no effect: all plugins are part of the program"`
	_ ignored `yaml:"build,export,security_profiles" doc:"has no effect: a blueprint is not compiled; use backworks render for a static Envoy configuration"`
	_ ignored `yaml:"security,middleware,middlewares" severity:"error" doc:"is not supported in this version, and without it requests would pass unchecked: take it out if that is meant"`
	_ ignored `yaml:"envoy" severity:"error" doc:"is not supported in this version: raw Envoy configuration cannot be added yet"`
}

type nodesSpec struct {
	at
	IDs      list[str] `yaml:"ids,id" single:"true" doc:"Node ids, exact or with * as a glob."`
	Clusters list[str] `yaml:"clusters,cluster" single:"true" doc:"Node clusters, exact or with * as a glob."`
	Metadata dict[str] `yaml:"metadata" doc:"Node metadata that must be equal."`
	GRPC     boolean   `yaml:"grpc" default:"false" doc:"Whether proxyless gRPC clients are among them: what they cannot carry is then told as warnings. They are served in any case."`
}

type serverSpec struct {
	at
	Host           str      `yaml:"host" default:"0.0.0.0" doc:"The IP address to listen on; localhost is 127.0.0.1."`
	Port           integer  `yaml:"port" default:"8080" min:"1" max:"65535" doc:"The port to listen on."`
	TrustedHops    integer  `yaml:"trusted_hops" default:"0" min:"0" max:"100" doc:"How many proxies stand in front, whose X-Forwarded-For is believed."`
	MaxConnections integer  `yaml:"max_connections" default:"50000" min:"1" max:"4294967295" doc:"Open client connections; more are closed at once."`
	IdleTimeout    duration `yaml:"idle_timeout" default:"1h" above:"0" doc:"Closes a client connection without requests."`
	HeaderTimeout  duration `yaml:"header_timeout" default:"10s" above:"0" doc:"How long a client may take for the headers of a request."`
	RequestTimeout duration `yaml:"request_timeout" default:"5m" min:"0" doc:"How long a client may take to send a whole request; 0 is no limit. Without it there is none where a pool or an endpoint has timeout: 0."`
	MaxRequestSize size     `yaml:"max_request_size,max_body_size,client_max_body_size" default:"0" doc:"The largest body of a request to a target, where neither the pool nor the endpoint says it; a larger one gets 413. 0 is no limit."`

	RequestID requestIDSpec `yaml:"request_id" doc:"The id of each request, in the header X-Request-Id."`

	_ ignored `yaml:"timeout" doc:"has no effect: use request_timeout, or the timeout of targets"`
	_ ignored `yaml:"cors" doc:"has no effect: use plugins.cors"`
	_ ignored `yaml:"middleware" severity:"error" doc:"is not supported in this version, and without it requests would pass unchecked: take it out if that is meant"`
}

type dashboardSpec struct {
	at
	Enabled boolean `yaml:"enabled" default:"true" doc:"Whether the page is served; the rest of the admin listener always is."`
	Port    integer `yaml:"port" default:"8081" min:"1" max:"65535" doc:"The admin listener's port."`

	_ ignored `yaml:"title,auto_open,features,real_time,visualization,access" doc:"has no effect on this dashboard"`
}

// proxyPlugin is plugins.proxy.
type proxyPlugin struct {
	at
	Type    str         `yaml:"type" enum:"proxy" doc:"The plugin's name, where plugins are a list."`
	Name    str         `yaml:"name" doc:"A name for people; where plugins are a list and type is not there, the plugin's."`
	Enabled boolean     `yaml:"enabled" default:"true" doc:"Whether its pools are there."`
	Config  proxyConfig `yaml:"config" doc:"The proxy's configuration."`

	_ ignored `yaml:"plugin_type,path,lifecycle,resources,hooks,dependencies,priority,version" doc:"has no effect: the proxy is part of the program"`
}

// proxyConfig is plugins.proxy.config: the pool default, what holds for every
// pool, and the other pools.
type proxyConfig struct {
	at
	node *yaml.Node
	poolSpec
	Upstreams   dict[*upstreamSpec] `yaml:"upstreams" doc:"More pools, by name; an endpoint chooses one with upstream. None takes over what stands beside targets, but the changes to requests and answers."`
	Metrics     metricsSpec         `yaml:"metrics" doc:"What /metrics shows."`
	PathRewrite rewriteSpec         `yaml:"path_rewrite" doc:"Changes the path of every request to a target."`

	_ ignored `yaml:"max_connections" doc:"has no effect: use server.max_connections for clients, limits.max_connections for targets"`
}

type metricsSpec struct {
	at
	Enabled  boolean `yaml:"enabled" default:"true" doc:"Whether the proxy's metrics are shown."`
	Detailed boolean `yaml:"detailed" default:"false" doc:"Whether each target's figures are shown."`

	_ ignored `yaml:"prometheus,endpoint,interval,export_format,export_endpoint" doc:"has no effect: metrics are at /metrics of the admin listener, and where an endpoint has handler metrics"`
}
