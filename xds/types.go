package xds

import (
	"slices"
	"strings"
)

const (
	prefix         = "type.googleapis.com/"
	typeCluster    = prefix + "envoy.config.cluster.v3.Cluster"
	typeEndpoint   = prefix + "envoy.config.endpoint.v3.ClusterLoadAssignment"
	typeListener   = prefix + "envoy.config.listener.v3.Listener"
	typeRoute      = prefix + "envoy.config.route.v3.RouteConfiguration"
	typeRateLimits = prefix + "ratelimit.config.ratelimit.v3.RateLimitConfig"
	typeSecret     = prefix + "envoy.extensions.transport_sockets.tls.v3.Secret"
)

// order is the order in which types are sent on a stream, and what each step waits
// for. Source: "Eventual consistency considerations" of Envoy's xDS protocol. None of
// the waits form a circle.
var order = []rule{
	// A secret goes before those who use it; who does not have it yet asks for it.
	{url: typeSecret, short: "SDS", removal: []string{typeCluster, typeListener}},
	{url: typeCluster, short: "CDS", full: true, required: true, removal: []string{typeListener, typeRoute}},
	// An assignment that goes before its cluster leaves the cluster active and empty.
	{url: typeEndpoint, short: "EDS", required: true, removal: []string{typeCluster}},
	// Listeners and routes are not warmed with the clusters they name: a request
	// meanwhile would be answered by 503.
	{url: typeListener, short: "LDS", full: true, required: true, change: []string{typeCluster}},
	// The rate limit service's, which takes no other. It forgets what is not in a response.
	{url: typeRateLimits, short: "RLS", full: true},
	{url: typeRoute, short: "RDS", required: true, change: []string{typeCluster}, removal: []string{typeListener}},
}

// rule is how a type is treated.
type rule struct {
	url, short string // short: "" for a type that is not in the order
	// full: a SotW response is the whole state, what is absent is deleted.
	full bool
	// required: a node is not in sync before it subscribes to this type, if its
	// group has resources of it. Envoy asks for types one after the other.
	required bool
	// change names the types whose additions and changes are acknowledged before
	// those of this type are sent.
	change []string
	// removal names the types which are brought up to date, and acknowledged, before
	// resources of this type are removed.
	removal []string
}

// ruleOf returns the rule of a type and its place in the order; a type that is not
// in it comes last and waits for nothing.
func ruleOf(url string) (rule, int) {
	if i := slices.IndexFunc(order, func(r rule) bool { return r.url == url }); i >= 0 {
		return order[i], i
	}
	return rule{url: url}, len(order)
}

// label is the type's name as people know it.
func (r rule) label() string {
	if r.short != "" {
		return r.short
	}
	return strings.TrimPrefix(r.url, prefix)
}
