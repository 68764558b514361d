package admin

import (
	"strings"
	"testing"
)

// TestBreakerMetrics: each state has a series, of which one is 1, and totals.
func TestBreakerMetrics(t *testing.T) {
	t.Parallel()
	body := call(New(Options{Fleet: busy()}), "GET", "/metrics").Body.String()
	const labels = `{blueprint="/x/main.yaml",node="edge-1",pool="default",state="`
	for _, want := range []string{
		"backworks_breaker_state" + labels + `HalfOpen",target="d"} 1`,
		"backworks_breaker_state" + labels + `Open",target="d"} 0`,
		"backworks_breaker_state" + labels + `Closed",target="d"} 0`,
		"backworks_breaker_transitions_total" + labels + `Open",target="d"} 2`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}
