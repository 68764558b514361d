package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/fleet"
)

// openAPIDoc is the description, as far as the tests read it.
type openAPIDoc struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
}

// described reads the description, and makes what judges an answer by it.
func described(t *testing.T) (openAPIDoc, *jsonschema.Compiler) {
	t.Helper()
	var doc openAPIDoc
	if err := yaml.Unmarshal(openAPIText, &doc); err != nil {
		t.Fatal(err)
	}
	var all any
	if err := yaml.Unmarshal(openAPIText, &all); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", v); err != nil {
		t.Fatal(err)
	}
	return doc, c
}

func judge(t *testing.T, c *jsonschema.Compiler, at string, body []byte) {
	t.Helper()
	s, err := c.Compile("openapi.json#" + at)
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v\n%s", at, err, body)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s: %v\n%s", at, err, body)
	}
}

// TestOpenAPIDescribesEveryRoute: and no other.
func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	t.Parallel()
	doc, c := described(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	var routed, told []string
	for _, r := range newPages(Options{Fleet: busy()}).all() {
		routed = append(routed, strings.ToLower(r.method)+" "+r.path)
	}
	for path, methods := range doc.Paths {
		for method, m := range methods {
			told = append(told, method+" "+path)
			for status, r := range m.Responses {
				for kind := range r.Content {
					at := "/paths/" + pointer(path) + "/" + method + "/responses/" + status + "/content/" + pointer(kind) + "/schema"
					if _, err := c.Compile("openapi.json#" + at); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
	slices.Sort(routed)
	slices.Sort(told)
	if !slices.Equal(routed, told) {
		t.Errorf("routes    %v\ndescribed %v", routed, told)
	}
}

// pointer escapes a part of a JSON pointer, for use in a URL.
func pointer(part string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
}

// TestAnswersAreAsDescribed: the answers of a fleet of which there is much to tell, and
// of one of which there is nothing.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	_, c := described(t)
	full := busy()
	full.report = &fleet.Report{By: "hand", Outcome: fleet.Rejected, Problems: full.status.Problems, Blueprints: full.status.Blueprints}
	full.status.Last = full.report
	full.status.Unresolved = []fleet.Unresolved{{Host: "a.test", Error: "no such host"}}
	full.tell(figures3(3), fleet.Event{ID: 1, At: time.Now(), Kind: fleet.EditEvent, Text: "read"})
	full.series = &fleet.Series{
		Times: []time.Time{time.Now()}, Targets: []fleet.TargetSeries{{ID: "t", Requests: fleet.Figures{1}, Failures: fleet.Figures{float32(fleet.Nothing)}}},
		Pools: []fleet.FlowSeries{{ID: "p", Requests: fleet.Figures{1}, Errors: fleet.Figures{0}, P50: fleet.Figures{1.5}, P95: fleet.Figures{2}, P99: fleet.Figures{3}}}, Endpoints: []fleet.FlowSeries{},
	}
	idle := &fakeFleet{}
	sidecar := func() envoy.State { return envoy.State{Phase: envoy.Live, PID: 7, Since: time.Now()} }
	fleets := map[string]http.Handler{"full": New(Options{Fleet: full, Version: "1.2.3", Sidecar: sidecar}), "idle": New(Options{Fleet: idle})}
	for _, q := range []struct{ method, path string }{
		{"get", "/health"}, {"get", "/ready"}, {"get", "/metrics?format=json"}, {"get", "/api/v1/status"}, {"get", "/api/v1/targets"},
		{"get", "/api/v1/history"}, {"get", "/api/v1/history?blueprint=shop"}, {"get", "/api/v1/history?blueprint=no"}, {"get", "/api/v1/blueprint?blueprint=shop"}, {"get", "/api/v1/blueprint?blueprint=no"}, {"get", "/api/v1/resource?blueprint=shop&type=CDS&name=pool"}, {"get", "/api/v1/resource?blueprint=shop"}, {"get", "/api/v1/resource"}, {"post", "/api/v1/reload"},
		{"post", "/api/v1/rollback?blueprint=shop"}, {"post", "/api/v1/rollback?blueprint=no"}, {"post", "/api/v1/retry?blueprint=shop"},
		{"get", "/api/v1/telemetry"}, {"get", "/api/v1/telemetry?window=300"}, {"get", "/api/v1/telemetry?window=301"}, {"get", "/api/v1/telemetry?window=x"},
	} {
		for name, h := range fleets {
			w := call(h, strings.ToUpper(q.method), q.path)
			path, _, _ := strings.Cut(q.path, "?")
			t.Log(name, q, w.Code)
			judge(t, c, "/paths/"+pointer(path)+"/"+q.method+"/responses/"+strconv.Itoa(w.Code)+"/content/"+pointer("application/json")+"/schema", w.Body.Bytes())
		}
	}
	for _, q := range []string{"GET /nothing", "POST /health"} {
		method, path, _ := strings.Cut(q, " ")
		judge(t, c, "/components/schemas/Error", call(fleets["full"], method, path).Body.Bytes())
	}
	w := call(fleets["full"], "GET", "/api/v1/openapi.yaml")
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), openAPIText) {
		t.Errorf("the description: %d", w.Code)
	}
}

// figures3 are figures of a moment: one target that is known and one that is not.
func figures3(number int64) *fleet.Telemetry {
	n, at := uint64(number), time.Unix(1700000000+number, 0).UTC()
	known := fleet.TargetFigures{
		ID: "t", Blueprint: "/x/main.yaml", Pool: "default", Target: "a", URL: "http://a:1", Node: "edge-1", Source: fleet.FromAdmin, Weight: 1, ShareWanted: 0.5, ShareSeen: 1,
		Health: fleet.Healthy, Why: []string{}, Requests: &n, Successes: &n, Failures: &n, Timeouts: &n, Connections: &n, Active: &n, RequestsPerSecond: 1.5,
		Latency: &fleet.Quantiles{P50: 1, P90: 2, P95: 3, P99: 4}, Drained: true, Breaker: &fleet.TargetBreaker{State: fleet.BreakerOpen, Since: at, Until: at, Reason: "five failures", HalfOpens: true, Scope: blueprints.ScopeEnvoy},
	}
	unknown := fleet.TargetFigures{
		ID: "u", Pool: "default", Target: "b", Weight: 1, ShareWanted: 0.5, ShareSeen: fleet.Nothing, Health: fleet.Unknown, Why: []string{}, ErrorRate: fleet.Nothing,
		RequestsPerSecond: fleet.Nothing, SuccessesPerSecond: fleet.Nothing, FailuresPerSecond: fleet.Nothing, TimeoutsPerSecond: fleet.Nothing,
	}
	flow := fleet.FlowFigures{
		ID: "p", Blueprint: "/x/main.yaml", Pool: "default", Requests: &n, RequestsPerSecond: 1, Classes: &fleet.Classes[uint64]{Successful: n},
		ClassesPerSecond: &fleet.Classes[fleet.Figure]{Successful: 1}, Retries: &n, Timeouts: &n, Latency: &fleet.Quantiles{P50: 1, P90: 2, P95: 3, P99: 4},
	}
	end := flow
	end.ID, end.Pool, end.Endpoint, end.Latency = "e", "", "GET /a", nil
	return &fleet.Telemetry{
		Number: number, At: at, Shape: 7, Targets: []fleet.TargetFigures{known, unknown}, Pools: []fleet.FlowFigures{flow}, Endpoints: []fleet.FlowFigures{end},
		Envoys: []fleet.EnvoyFigures{
			{ID: "1", Node: "edge-1", Source: fleet.FromAdmin, Reachable: true, SampledAt: &at, Every: 1, Requests: &n, PerSecond: 2, Classes: &fleet.Classes[fleet.Figure]{}, Connections: &n, Active: &n},
			{ID: "2", Node: "edge-2", Source: fleet.FromLoadReport, PerSecond: fleet.Nothing},
		},
	}
}
