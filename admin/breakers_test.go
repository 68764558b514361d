package admin

import (
	"strings"
	"testing"

	"backworks/fleet"
)

// TestBreakerMetrics: each state has a series, of which one is 1, and totals.
func TestBreakerMetrics(t *testing.T) {
	t.Parallel()
	f := busy()
	f.status.Nodes[0].Group, f.status.Nodes[0].Breakers = "/x/main.yaml", &fleet.NodeBreakers{HalfOpen: 2, Followed: 1}
	body := call(New(Options{Fleet: f}), "GET", "/metrics").Body.String()
	const labels = `{blueprint="/x/main.yaml",node="edge-1",pool="default",state="`
	for _, want := range []string{
		"backworks_breaker_state" + labels + `HalfOpen",target="d"} 1`,
		"backworks_breaker_state" + labels + `Open",target="d"} 0`,
		"backworks_breaker_state" + labels + `Closed",target="d"} 0`,
		"backworks_breaker_transitions_total" + labels + `Open",target="d"} 2`,
		`backworks_breaker_envoys{blueprint="/x/main.yaml",breaker="followed"} 1`,
		`backworks_breaker_envoys{blueprint="/x/main.yaml",breaker="half_open"} 0`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// TestSwitch: what is asked for is done, and the target as it is then is told.
func TestSwitch(t *testing.T) {
	t.Parallel()
	f := busy()
	h := New(Options{Fleet: f})
	for query, want := range map[string]int{
		"target=d&to=drain&pool=default": 200, "target=d&to=restore": 200, "target=d&to=explode": 400, "target=d": 400, "to=drain": 400, "": 400,
		"target=gone&to=eject": 409,
	} {
		w := call(h, "POST", "/api/v1/switch?"+query)
		if w.Code != want || want == 200 && (!strings.Contains(w.Body.String(), `"target":"d"`) && !strings.Contains(w.Body.String(), `"target": "d"`) || strings.Contains(w.Body.String(), "http://a:1")) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	if len(f.did) != 2 {
		t.Errorf("done: %v", f.did)
	}
	if w := call(h, "POST", "/api/v1/switch?target=d&to=drain", "Sec-Fetch-Site: cross-site"); w.Code != 403 {
		t.Errorf("from another site: %d", w.Code)
	}
}
