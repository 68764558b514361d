package admin

import (
	"context"
	"time"

	"backworks/fleet"
)

// figuresAnswer is the JSON form of /metrics, in the names that Backworks has always
// had. What Envoy does not tell of a target is null.
type figuresAnswer struct {
	Targets    []targetFigures `json:"targets"`
	Aggregated targetFigures   `json:"aggregated"`
}

// targetFigures are a target's as one Envoy sees it, or the sums over all.
type targetFigures struct {
	Name string `json:"target_name"`
	URL  string `json:"target_url,omitempty"`
	Pool string `json:"pool,omitempty"`
	Node string `json:"node,omitempty"` // the Envoy

	Total      *uint64 `json:"total_requests"`
	Successful *uint64 `json:"successful_requests"`
	Failed     *uint64 `json:"failed_requests"`
	Timeouts   *uint64 `json:"timeout_requests"`

	// Envoy has these by pool: they are known of a target that is all of its pool, and of
	// all pools together.
	Average   *float64 `json:"avg_response_time_ms"`
	Minimum   *float64 `json:"min_response_time_ms"`
	Maximum   *float64 `json:"max_response_time_ms"`
	P95       *float64 `json:"p95_response_time_ms"`
	P99       *float64 `json:"p99_response_time_ms"`
	PerSecond *float64 `json:"requests_per_second"`

	Connections *uint64 `json:"active_connections"`
	// Breaker is "Closed", "Open" or "HalfOpen".
	Breaker   *string    `json:"circuit_breaker_state"`
	Healthy   *bool      `json:"is_healthy"`
	LastCheck *time.Time `json:"last_health_check"`
	Began     *time.Time `json:"metrics_start_time"`
	Updated   time.Time  `json:"last_update_time"`
}

// summary asks all Envoys about all targets.
func (p *pages) summary() figuresAnswer {
	now := time.Now().UTC()
	answer := figuresAnswer{Targets: []targetFigures{}}
	answer.Aggregated = targetFigures{Name: "aggregated", Updated: now}
	sum := &answer.Aggregated
	all, anyHealthy := true, false
	rates := p.rates()
	times, own := p.Fleet.ResponseTimes()
	sum.take(times)
	for _, t := range p.Fleet.Targets(context.Background()) {
		f := figuresOf(t, now)
		key := fleet.TargetKey{Blueprint: t.Blueprint, Pool: t.Pool, Target: t.Target, Node: t.Node}
		f.take(own[key])
		if rate, known := rates[key]; known && f.Total != nil {
			f.PerSecond = &rate
			sum.PerSecond = plus(sum.PerSecond, f.PerSecond)
		}
		answer.Targets = append(answer.Targets, f)
		sum.Total, sum.Successful = plus(sum.Total, f.Total), plus(sum.Successful, f.Successful)
		sum.Failed, sum.Timeouts = plus(sum.Failed, f.Failed), plus(sum.Timeouts, f.Timeouts)
		sum.Connections = plus(sum.Connections, f.Connections)
		all = all && f.Healthy != nil
		anyHealthy = anyHealthy || f.Healthy != nil && *f.Healthy
	}
	if all || anyHealthy {
		sum.Healthy = &anyHealthy
	}
	return answer
}

func figuresOf(t fleet.TargetStatus, now time.Time) targetFigures {
	f := targetFigures{Name: t.Target, URL: t.URL, Pool: t.Pool, Node: t.Node, Updated: now}
	if t.Health == fleet.Unknown {
		return f
	}
	breaker, healthy := string(fleet.BreakerClosed), t.Health == fleet.Healthy
	switch {
	case t.Breaker != nil:
		breaker = string(t.Breaker.State)
	case t.Ejected:
		breaker = string(fleet.BreakerOpen)
	}
	f.Total, f.Successful, f.Failed, f.Timeouts = &t.Requests, &t.Successes, &t.Errors, &t.Timeouts
	f.Connections, f.Breaker, f.Healthy = &t.Connections, &breaker, &healthy
	return f
}

// take adds response times, where they are known.
func (f *targetFigures) take(t *fleet.ResponseTimes) {
	if t != nil {
		f.Average, f.Minimum, f.Maximum, f.P95, f.P99 = &t.Average, &t.Minimum, &t.Maximum, &t.P95, &t.P99
	}
}

// rates are the requests a second of each target, where they are known.
func (p *pages) rates() map[fleet.TargetKey]float64 {
	out := map[fleet.TargetKey]float64{}
	for _, t := range p.Fleet.Telemetry().Targets {
		if t.RequestsPerSecond.Known() {
			out[fleet.TargetKey{Blueprint: t.Blueprint, Pool: t.Pool, Target: t.Target, Node: t.Node}] = float64(t.RequestsPerSecond)
		}
	}
	return out
}

// plus adds what is known.
func plus[T uint64 | float64](a, b *T) *T {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	return new(*a + *b)
}
