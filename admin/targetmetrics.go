package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"backworks/fleet"
)

// What the page shows of targets, pools, endpoints and Envoys. blueprint is its main file, node
// the Envoy that tells; a target of which none tells has no series.
var (
	targetRequests    = targetDesc("requests_total", "Requests sent to the target, each try of one.")
	targetSuccesses   = targetDesc("successes_total", "Requests that it answered below 500.")
	targetFailures    = targetDesc("failures_total", "Requests that it answered with 5xx, or not at all.")
	targetTimeouts    = targetDesc("timeouts_total", "Requests that it did not answer in time.")
	targetActive      = targetDesc("active_requests", "Requests under way to the target.")
	targetConnections = targetDesc("active_connections", "Connections open to the target.")
	targetWanted      = targetDesc("wanted_share_ratio", "The part of its pool's requests that it is to get, by weight.")
	targetSeen        = targetDesc("seen_share_ratio", "The part of its pool's requests that it got in the last 10 s; no series when there were none.")
	targetHealthy     = targetDesc("healthy", "Whether it is given requests.")
	targetEjected     = targetDesc("ejected", "Whether it is held out for its failures.")
	targetFailedCheck = targetDesc("failed_check", "Whether it is held out by its health checks.")
	targetDrained     = targetDesc("drained", "Whether it was drained by hand.")

	// Of Envoys that are not asked for all their statistics these are all there is.
	envoyRequests    = desc("envoy_requests_total", "Requests of clients that came to this Envoy.", "node", "address")
	envoyActive      = desc("envoy_active_requests", "Requests of clients under way in this Envoy.", "node", "address")
	envoyConnections = desc("envoy_active_connections", "Connections that clients have open to this Envoy.", "node", "address")
	envoyRestarts    = desc("envoy_restarts_total", "How often this Envoy was seen to have started anew.", "node", "address")

	poolFlow     = flowDescsOf("pool")
	endpointFlow = flowDescsOf("endpoint")
)

func targetDesc(name, help string) *prometheus.Desc {
	return desc("target_"+name, help, "blueprint", "pool", "target", "node")
}

// flowDescs are the metrics of pools or endpoints.
type flowDescs struct{ requests, answers, retries, timeouts, response *prometheus.Desc }

func flowDescsOf(what string) flowDescs {
	return flowDescs{
		requests: desc(what+"_requests_total", "Requests sent to targets, each try of one.", "blueprint", what),
		answers:  desc(what+"_answers_total", "Answers of targets by class.", "blueprint", what, "class"),
		retries:  desc(what+"_retries_total", "Requests that were sent again.", "blueprint", what),
		timeouts: desc(what+"_timeouts_total", "Requests, or tries of them, that were not answered in time.", "blueprint", what),
		response: desc(what+"_response_seconds", "Response times of the last 10 s, below which that percentage of requests was; no series when there were none.", "blueprint", what, "percentile"),
	}
}

func (d flowDescs) all() []*prometheus.Desc {
	return []*prometheus.Desc{d.requests, d.answers, d.retries, d.timeouts, d.response}
}

// targetDescs are all of them.
func targetDescs() []*prometheus.Desc {
	all := []*prometheus.Desc{
		targetRequests, targetSuccesses, targetFailures, targetTimeouts, targetActive, targetConnections, targetWanted, targetSeen, targetHealthy,
		targetEjected, targetFailedCheck, targetDrained, envoyRequests, envoyActive, envoyConnections, envoyRestarts,
	}
	return append(append(all, poolFlow.all()...), endpointFlow.all()...)
}

// collectTargets gives what was collected last.
func (o Options) collectTargets(emit emitter) {
	t := o.Fleet.Telemetry()
	for _, x := range t.Targets {
		if x.Requests == nil {
			continue
		}
		labels := []string{x.Blueprint, x.Pool, x.Target, x.Node}
		emit.known(targetRequests, x.Requests, labels...)
		emit.known(targetSuccesses, x.Successes, labels...)
		emit.known(targetFailures, x.Failures, labels...)
		emit.known(targetTimeouts, x.Timeouts, labels...)
		emit.level(targetActive, x.Active, labels...)
		emit.level(targetConnections, x.Connections, labels...)
		emit.gauge(targetDrained, truth(x.Drained), labels...)
		emit.figure(targetWanted, x.ShareWanted, labels...)
		emit.figure(targetSeen, x.ShareSeen, labels...)
		if x.Health != fleet.Unknown {
			emit.gauge(targetHealthy, truth(x.Health == fleet.Healthy), labels...)
			emit.gauge(targetEjected, truth(x.Ejected), labels...)
			emit.gauge(targetFailedCheck, truth(x.FailedCheck), labels...)
		}
	}
	for _, x := range t.Pools {
		poolFlow.collect(emit, x, x.Pool)
	}
	for _, x := range t.Endpoints {
		endpointFlow.collect(emit, x, x.Endpoint)
	}
	for _, x := range t.Envoys {
		if x.Requests == nil {
			continue
		}
		emit.known(envoyRequests, x.Requests, x.Node, x.Address)
		emit.level(envoyActive, x.Active, x.Node, x.Address)
		emit.level(envoyConnections, x.Connections, x.Node, x.Address)
		emit.counter(envoyRestarts, float64(x.Restarts), x.Node, x.Address)
	}
}

func (d flowDescs) collect(emit emitter, x fleet.FlowFigures, name string) {
	emit.known(d.requests, x.Requests, x.Blueprint, name)
	emit.known(d.retries, x.Retries, x.Blueprint, name)
	emit.known(d.timeouts, x.Timeouts, x.Blueprint, name)
	if c := x.Classes; c != nil {
		for _, of := range []struct {
			class string
			n     uint64
		}{{"1xx", c.Informational}, {"2xx", c.Successful}, {"3xx", c.Redirected}, {"4xx", c.ClientErrors}, {"5xx", c.ServerErrors}} {
			emit.counter(d.answers, float64(of.n), x.Blueprint, name, of.class)
		}
	}
	if q := x.Latency; q != nil {
		for _, of := range []struct {
			percentile string
			is         fleet.Figure
		}{{"50", q.P50}, {"90", q.P90}, {"95", q.P95}, {"99", q.P99}} {
			emit.figure(d.response, of.is/1000, x.Blueprint, name, of.percentile)
		}
	}
}

// known gives a counter that has a value.
func (to emitter) known(d *prometheus.Desc, value *uint64, labels ...string) {
	if value != nil {
		to.counter(d, float64(*value), labels...)
	}
}

// level gives a gauge that has a value.
func (to emitter) level(d *prometheus.Desc, value *uint64, labels ...string) {
	if value != nil {
		to.gauge(d, float64(*value), labels...)
	}
}

func (to emitter) figure(d *prometheus.Desc, value fleet.Figure, labels ...string) {
	if value.Known() {
		to.gauge(d, float64(value), labels...)
	}
}
