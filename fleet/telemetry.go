package fleet

import "time"

// Telemetry are the figures of one moment; immutable.
type Telemetry struct {
	// Number counts the moments, a second each. At is zero before the first.
	Number int64     `json:"-"`
	At     time.Time `json:"at"`
	// Shape changes with the rows that there are.
	Shape uint64 `json:"-"`

	Envoys    []EnvoyFigures  `json:"envoys"`
	Targets   []TargetFigures `json:"targets"`
	Pools     []FlowFigures   `json:"pools"`
	Endpoints []FlowFigures   `json:"endpoints"`
}

// The sources of figures.
const (
	FromAdmin      = "admin"
	FromLoadReport = "load_report"
)

// Classes are numbers of answers, or rates of them, by class.
type Classes[T uint64 | Figure] struct {
	Informational T `json:"1xx"`
	Successful    T `json:"2xx"`
	Redirected    T `json:"3xx"`
	ClientErrors  T `json:"4xx"`
	ServerErrors  T `json:"5xx"`
}

func classes[T uint64 | Figure](of []T) *Classes[T] {
	return &Classes[T]{of[0], of[1], of[2], of[3], of[4]}
}

// EnvoyFigures are those of an Envoy's clients. What is not known is null.
type EnvoyFigures struct {
	ID        string     `json:"id"`
	Node      string     `json:"node"`
	Cluster   string     `json:"cluster"`
	Blueprint string     `json:"blueprint"`
	Address   string     `json:"address"`
	Source    string     `json:"source"`
	Reachable bool       `json:"reachable"`
	Error     string     `json:"error"`
	SampledAt *time.Time `json:"sampled_at"`
	Every     Figure     `json:"every_seconds"`
	Took      Figure     `json:"took_seconds"`
	Restarts  int        `json:"restarts"`

	Requests    *uint64          `json:"requests"`
	PerSecond   Figure           `json:"requests_per_second"`
	Classes     *Classes[Figure] `json:"classes_per_second"`
	Connections *uint64          `json:"active_connections"`
	Active      *uint64          `json:"active_requests"`
}

// TargetFigures are those of a target as one Envoy sees it; Node is "" when none does.
// Totals go on when Envoy is restarted or builds the cluster again.
type TargetFigures struct {
	ID          string   `json:"id"`
	Blueprint   string   `json:"blueprint"`
	Pool        string   `json:"pool"`
	Target      string   `json:"target"`
	URL         string   `json:"url"`
	Node        string   `json:"node"`
	Address     string   `json:"address"`
	Source      string   `json:"source"`
	Weight      float64  `json:"weight"`
	ShareWanted Figure   `json:"share_wanted"`
	ShareSeen   Figure   `json:"share_seen"`
	Health      Health   `json:"health"`
	Why         []string `json:"why"`
	Ejected     bool     `json:"ejected"`
	FailedCheck bool     `json:"failed_check"`
	// Drained: it gets nothing new, by hand. Breaker is null where the pool has none, or
	// nobody knows.
	Drained bool           `json:"drained"`
	Breaker *TargetBreaker `json:"breaker"`

	Requests  *uint64 `json:"requests"`
	Successes *uint64 `json:"successes"`
	Failures  *uint64 `json:"failures"`
	Timeouts  *uint64 `json:"timeouts"`

	RequestsPerSecond  Figure  `json:"requests_per_second"`
	SuccessesPerSecond Figure  `json:"successes_per_second"`
	FailuresPerSecond  Figure  `json:"failures_per_second"`
	TimeoutsPerSecond  Figure  `json:"timeouts_per_second"`
	ErrorRate          Figure  `json:"error_rate"`
	Connections        *uint64 `json:"active_connections"`
	Active             *uint64 `json:"active_requests"`
	// Latency is known of a target that is all of its pool.
	Latency *Quantiles `json:"latency_ms"`
}

// FlowFigures are those of a pool or an endpoint over all Envoys of its blueprint.
// Requests are those sent to targets: each try of a request counts.
type FlowFigures struct {
	ID        string `json:"id"`
	Blueprint string `json:"blueprint"`
	Pool      string `json:"pool,omitempty"`
	Endpoint  string `json:"endpoint,omitempty"`

	Requests          *uint64          `json:"requests"`
	RequestsPerSecond Figure           `json:"requests_per_second"`
	Classes           *Classes[uint64] `json:"classes"`
	ClassesPerSecond  *Classes[Figure] `json:"classes_per_second"`
	Retries           *uint64          `json:"retries"`
	RetriesPerSecond  Figure           `json:"retries_per_second"`
	Timeouts          *uint64          `json:"timeouts"`
	TimeoutsPerSecond Figure           `json:"timeouts_per_second"`
	ErrorRate         Figure           `json:"error_rate"`
	Latency           *Quantiles       `json:"latency_ms"`
}

// Quantiles are response times in milliseconds.
type Quantiles struct {
	P50 Figure `json:"p50"`
	P90 Figure `json:"p90"`
	P95 Figure `json:"p95"`
	P99 Figure `json:"p99"`
}

// Series are figures of the last minutes, a second apart, the oldest first.
type Series struct {
	Times     []time.Time    `json:"times"`
	Targets   []TargetSeries `json:"targets"`
	Pools     []FlowSeries   `json:"pools"`
	Endpoints []FlowSeries   `json:"endpoints"`
}

// TargetSeries are those of a row of targets.
type TargetSeries struct {
	ID       string  `json:"id"`
	Requests Figures `json:"requests_per_second"`
	Failures Figures `json:"failures_per_second"`
}

// FlowSeries are those of a pool or endpoint.
type FlowSeries struct {
	ID       string  `json:"id"`
	Requests Figures `json:"requests_per_second"`
	Errors   Figures `json:"errors_per_second"`
	P50      Figures `json:"p50"`
	P95      Figures `json:"p95"`
	P99      Figures `json:"p99"`
}

// Telemetry returns the newest figures; without rows before the first round.
func (f *Fleet) Telemetry() *Telemetry { return f.collector.shown.Load() }

// Events returns what happened last, the newest first.
func (f *Fleet) Events() []Event { return f.collector.feed.newest() }

// TelemetryChanged returns a channel that is closed when there are newer figures or
// events than now.
func (f *Fleet) TelemetryChanged() <-chan struct{} { return f.collector.feed.changed() }

// Series returns the figures of the last seconds, at most TelemetryKept.
func (f *Fleet) Series(window time.Duration) *Series { return f.collector.series(window) }
