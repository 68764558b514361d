// Package admin is the admin listener: what people, load balancers and Prometheus
// ask the management server.
//
// In come HTTP requests, and the fleet as it is now; out go metrics, health,
// readiness, status and targets, a page that shows them, and what is done by hand: a reload, a rollback. It
// keeps nothing but counters, never writes a blueprint, and is not to be driven by a web page
// (see guard).
package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"backworks/envoy"
	"backworks/fleet"
	"backworks/xds"
)

// Fleet is what the pages show; *fleet.Fleet is one.
type Fleet interface {
	// Status, Ready and Numbers are what is known without asking anyone.
	Status() fleet.Status
	Ready() bool
	Numbers() fleet.Numbers
	// Reload loads by hand.
	Reload(context.Context) (*fleet.Report, error)
	// History tells of versions; Rollback and Retry choose among them by hand.
	History(blueprint string) map[string][]fleet.Version
	// Text is what a version was written in, Content a resource that it became.
	Text(ctx context.Context, blueprint, version string) (fleet.Written, error)
	Content(ctx context.Context, blueprint, version, label, name string) (json.RawMessage, error)
	Rollback(ctx context.Context, blueprint, version string) error
	Retry(ctx context.Context, blueprint string) error
	// Envoys and Targets ask the Envoys.
	Envoys() []fleet.Envoy
	Targets(context.Context) []fleet.TargetStatus
	// Telemetry, Series and Events are what was collected; TelemetryChanged is closed
	// when there is more.
	Telemetry() *fleet.Telemetry
	Series(window time.Duration) *fleet.Series
	Events() []fleet.Event
	// ResponseTimes are of all pools, and of targets that are all of theirs.
	ResponseTimes() (*fleet.ResponseTimes, map[fleet.TargetKey]*fleet.ResponseTimes)
	TelemetryChanged() <-chan struct{}
	// Breakers are those that the management server works, without asking anyone.
	Breakers() []fleet.BreakerStatus
	// Switch drains, ejects or restores a target by hand.
	Switch(fleet.Switched, fleet.Switch) error
}

// Options are what the pages are made of.
type Options struct {
	// Fleet must be set.
	Fleet Fleet
	// Sidecar tells of the Envoy that we run; nil: there is none.
	Sidecar func() envoy.State
	// XDS counts what happens on the streams; nil: no such metrics.
	XDS *XDSStats
	// Streams tells of the streams and connections of xDS; nil: no such metrics.
	Streams func() xds.Figures
	// CertificateExpires is when the certificate of xDS does; nil: it has none.
	CertificateExpires func() time.Time
	// Logger is the parent of the package's; nil: nothing is logged.
	Logger hclog.Logger
	// Version is the product's, as in "1.2.3".
	Version string
	// Page says whether browsers get the dashboard; nil: they do.
	Page func() bool
	// Token is what clients must show; nil: nothing.
	Token *Token
	// OpenMetrics lets anybody read /metrics; without a Token all is open anyway.
	OpenMetrics bool
	// Hosts are more names by which clients may call the listener. It answers to IP
	// addresses, names without a dot (localhost, a container's) and those of private
	// domains (*.localhost, *.internal, *.svc, *.cluster.local) without being told.
	Hosts []string
}

// New makes all pages:
//
//	GET  /                the dashboard for browsers, what is there for others
//	GET  /web/...         what the dashboard is made of
//	GET  /health          200 as long as the process serves
//	GET  /ready           200 when an Envoy has acknowledged what is published, else 503
//	GET  /metrics         Prometheus text of all Envoys and of our own; JSON when asked for
//	GET  /api/v1/status   nodes, blueprints, problems
//	GET  /api/v1/targets  the targets as the Envoys see them
//	GET  /api/v1/telemetry     figures of targets, pools, endpoints and Envoys, and events
//	GET  /api/v1/stream        the same as server-sent events
//	GET  /api/v1/openapi.yaml  the description of all this
//	GET  /api/v1/history  what became of the versions of the blueprints
//	GET  /api/v1/blueprint  what a version of a blueprint was written in
//	GET  /api/v1/resource  what an Envoy is given for it
//	POST /api/v1/reload   load the blueprints now
//	POST /api/v1/rollback give nodes an earlier version
//	POST /api/v1/retry    bring nodes the version that they refused once more
//	POST /api/v1/switch   drain, eject or restore a target
func New(o Options) http.Handler {
	p := newPages(o)
	return p.guarded(p.admitted(p.routes(append(p.all(), p.assets()...)...)))
}

func (p *pages) all() []route {
	return []route{
		{"/", http.MethodGet, p.root},
		{"/health", http.MethodGet, p.health},
		{"/ready", http.MethodGet, p.ready},
		{"/metrics", http.MethodGet, p.metrics},
		{"/api/v1/status", http.MethodGet, p.status},
		{"/api/v1/targets", http.MethodGet, p.targets},
		{"/api/v1/history", http.MethodGet, p.history},
		{"/api/v1/blueprint", http.MethodGet, p.blueprint},
		{"/api/v1/resource", http.MethodGet, p.resource},
		{"/api/v1/reload", http.MethodPost, p.reload},
		{"/api/v1/rollback", http.MethodPost, p.rollback},
		{"/api/v1/retry", http.MethodPost, p.retry},
		{"/api/v1/switch", http.MethodPost, p.switchTarget},
		{"/api/v1/telemetry", http.MethodGet, p.telemetry},
		{"/api/v1/stream", http.MethodGet, p.stream},
		{"/api/v1/openapi.yaml", http.MethodGet, openAPI},
	}
}

// Metrics makes /metrics alone, for the listener to which Envoys lead a blueprint's
// endpoints of handler metrics: through it the others must not be reached.
func Metrics(o Options) http.Handler {
	p := newPages(o)
	return p.guarded(p.routes(route{"/metrics", http.MethodGet, p.metrics}))
}

// pages are the handlers.
type pages struct {
	Options
	log       hclog.Logger
	own       prometheus.Gatherer
	texts     together[[]byte]
	summaries together[figuresAnswer]
	statuses  together[[]fleet.TargetStatus]
	standing  together[[]byte]
	live      live
	turns     chan struct{} // of those who are given series
}

func newPages(o Options) *pages {
	p := &pages{Options: o, log: o.Logger, turns: make(chan struct{}, seriesAtOnce)}
	if p.log == nil {
		p.log = hclog.NewNullLogger()
	}
	p.log = p.log.Named("admin")
	p.own = p.registry()
	p.texts.make = p.exposition
	p.summaries.make = p.summary
	p.standing.make = func() []byte { return indented(p.statusNow()) }
	p.statuses.make = func() []fleet.TargetStatus { return p.Fleet.Targets(context.Background()) }
	return p
}
