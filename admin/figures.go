package admin

import (
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"backworks/envoy"
	"backworks/fleet"
)

var (
	buildInfo      = desc("build_info", "The version that runs; always 1.", "version", "goversion")
	loadsTotal     = desc("fleet_loads_total", "Loads of the blueprints, by outcome.", "outcome")
	loadSeconds    = desc("fleet_last_load_duration_seconds", "How long the last load took until it was published.")
	loadTime       = desc("fleet_last_load_timestamp_seconds", "When the blueprints were last loaded.")
	publishedTotal = desc("fleet_published_total", "Snapshots and changed assignments handed to the xDS server.")
	blueprintsNow  = desc("fleet_blueprints", "Blueprints that are served.")
	degradedNow    = desc("fleet_degraded_blueprints", "Blueprints that are served from their last good version, or not at all.")
	problemsNow    = desc("fleet_problems", "Problems of the blueprints as they are on disk.", "severity")
	nodesNow       = desc("fleet_nodes", "Envoys on the stream.")
	syncedNow      = desc("fleet_synced_nodes", "Envoys that have acknowledged all they were sent.")
	unresolvedNow  = desc("fleet_unresolved_hosts", "Host names whose newest lookup failed.")
	ambiguousNow   = desc("fleet_ambiguous_nodes", "Envoys that fit another blueprint as well as the one they get.")
	unmatchedNow   = desc("fleet_unmatched_nodes", "Envoys that no blueprint fits: they are sent nothing.")
	heldNow        = desc("rollout_held_nodes", "Envoys that refused a version and stay on the one before it.")
	stageNow       = desc("rollout_stage", "1 for the stage that the version is in which was loaded last.", "blueprint", "stage")
	verdictsTotal  = desc("rollout_versions_total", "Versions that were accepted, refused or rolled back by hand.", "outcome")
	readyNow       = desc("fleet_ready", "Whether an Envoy has acknowledged what is published.")
	refusedNow     = desc("xds_refused_responses", "Responses of a type that a node refused since it accepted one; no series when it did.", "node", "type")
	eventsTotal    = desc("xds_events_total", "What happened on the streams.", "event", "type")
	bytesTotal     = desc("xds_sent_bytes_total", "Bytes of responses.", "type")
	certificateEnd = desc("tls_certificate_expiry_timestamp_seconds", "When a certificate of a blueprint expires, or the authorities that it trusts.", "blueprint", "certificate", "file")
	lrsStreams     = desc("lrs_streams", "Envoys that report their load.")
	lrsReports     = desc("lrs_reports_total", "Load reports of Envoys.")
	sidecarPhase   = desc("sidecar_phase", "1 for the phase that our own Envoy is in.", "phase")
	sidecarStarts  = desc("sidecar_restarts_total", "How often our own Envoy ended by itself and was started again.")
)

var phases = []envoy.Phase{envoy.Starting, envoy.Live, envoy.Restarting, envoy.Draining, envoy.Stopped}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("backworks_"+name, help, labels, nil)
}

// figures are our own metrics, as they are when they are asked for.
type figures struct{ *pages }

// registry is all of our own metrics but those of a scrape.
func (p *pages) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(figures{p}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Describe tells all that Collect may give.
func (f figures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		buildInfo, loadsTotal, loadSeconds, loadTime, publishedTotal, blueprintsNow, degradedNow, problemsNow, nodesNow,
		syncedNow, unresolvedNow, ambiguousNow, unmatchedNow, heldNow, stageNow, verdictsTotal, readyNow, refusedNow, eventsTotal, bytesTotal,
		lrsStreams, lrsReports, sidecarPhase, sidecarStarts, certificateEnd,
	} {
		to <- d
	}
	for _, d := range slices.Concat(targetDescs(), streamDescs, breakerDescs) {
		to <- d
	}
}

// Collect gives the values.
func (f figures) Collect(to chan<- prometheus.Metric) {
	emit := emitter(to)
	emit.gauge(buildInfo, 1, f.Version, runtime.Version())
	n := f.Fleet.Numbers()
	for _, outcome := range []fleet.Outcome{fleet.Published, fleet.Unchanged, fleet.Rejected} {
		emit.counter(loadsTotal, float64(n.Loads[outcome]), string(outcome))
	}
	emit.gauge(loadSeconds, n.LoadTook.Seconds())
	if !n.LastLoad.IsZero() {
		emit.gauge(loadTime, float64(n.LastLoad.UnixMilli())/float64(time.Second/time.Millisecond))
	}
	emit.counter(publishedTotal, float64(n.Published))
	emit.gauge(blueprintsNow, float64(n.Blueprints))
	emit.gauge(degradedNow, float64(n.Degraded))
	emit.gauge(problemsNow, float64(n.Errors), "error")
	emit.gauge(problemsNow, float64(n.Warnings), "warning")
	emit.gauge(nodesNow, float64(n.Nodes))
	emit.gauge(syncedNow, float64(n.Synced))
	emit.gauge(unresolvedNow, float64(n.Unresolved))
	emit.gauge(ambiguousNow, float64(n.Ambiguous))
	emit.gauge(unmatchedNow, float64(n.Unmatched))
	emit.gauge(heldNow, float64(n.Held))
	for file, is := range n.Stages {
		for _, stage := range fleet.Stages {
			emit.gauge(stageNow, truth(stage == is), file, string(stage))
		}
	}
	for outcome, count := range n.Verdicts {
		emit.counter(verdictsTotal, float64(count), string(outcome))
	}
	emit.gauge(readyNow, truth(f.Fleet.Ready()))
	status := f.Fleet.Status()
	for _, c := range status.Certificates {
		emit.gauge(certificateEnd, float64(c.Expires.Unix()), c.Blueprint, c.Name, c.File)
	}
	for _, node := range status.Nodes {
		for _, t := range node.Types {
			if t.Refused != nil {
				emit.gauge(refusedNow, float64(t.Refused.Count), node.ID, t.Type)
			}
		}
	}
	f.XDS.collect(emit)
	emit.gauge(lrsStreams, float64(n.LoadStreams))
	emit.counter(lrsReports, float64(n.LoadReports))
	f.collectStreams(emit)
	f.collectTargets(emit)
	f.collectBreakers(emit, status.Nodes)
	if f.Sidecar != nil {
		state := f.Sidecar()
		for _, phase := range phases {
			emit.gauge(sidecarPhase, truth(state.Phase == phase), string(phase))
		}
		emit.counter(sidecarStarts, float64(state.Restarts))
	}
}

// emitter makes metrics of values.
type emitter chan<- prometheus.Metric

func (to emitter) gauge(d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, utf8s(labels)...)
}

func (to emitter) counter(d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, utf8s(labels)...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
