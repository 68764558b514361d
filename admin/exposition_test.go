package admin

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"backworks/fleet"
	"backworks/xds"
)

// envoySays is what an Envoy 1.40 answers to /stats/prometheus?usedonly, shortened.
const envoySays = `# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="default"} 42
envoy_cluster_upstream_rq{envoy_response_code="503",envoy_cluster_name="default"} 1

# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="default",le="0.5"} 3
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="default",le="+Inf"} 43
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="default"} 79.099999999999994315658113919199
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="default"} 43

# TYPE envoy_server_live gauge
envoy_server_live{} 1
`

func read(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

// TestExposition: two Envoys and ourselves on one page that parses, every series of
// an Envoy with its node, numbers as they were.
func TestExposition(t *testing.T) {
	t.Parallel()
	f := busy()
	f.envoys = []fleet.Envoy{
		fakeEnvoy(t, "edge-1", envoySays), fakeEnvoy(t, "edge-2", strings.ReplaceAll(envoySays, "42", "9007199254740993")),
		{Node: "edge-3", Address: "127.0.0.1:1", Error: "refused"},
	}
	w := call(New(Options{Fleet: f, Version: "1", XDS: NewXDSStats()}), "GET", "/metrics", "Accept: text/html, application/openmetrics-text")
	families := read(t, w.Body.Bytes())
	for name, family := range families {
		for _, m := range family.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if strings.HasPrefix(name, "envoy_") && labels["node"] != "edge-1" && labels["node"] != "edge-2" {
				t.Errorf("%s has no node: %v", name, labels)
			}
		}
	}
	for name, series := range map[string]int{
		"envoy_cluster_upstream_rq": 4, "envoy_cluster_upstream_rq_time": 2, "envoy_server_live": 2, "backworks_envoy_up": 3, "go_goroutines": 1,
	} {
		if got := len(families[name].GetMetric()); got != series {
			t.Errorf("%s has %d series, want %d", name, got, series)
		}
	}
	for _, line := range []string{
		`envoy_cluster_upstream_rq{node="edge-2",envoy_response_code="200",envoy_cluster_name="default"} 9007199254740993`,
		`envoy_server_live{node="edge-1"} 1`, `backworks_envoy_up{address="127.0.0.1:1",node="edge-3"} 0`, `backworks_envoys_reached 2`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

// TestNoEnvoy: our own metrics, and one that says so.
func TestNoEnvoy(t *testing.T) {
	t.Parallel()
	w := call(New(Options{Fleet: &fakeFleet{}}), "GET", "/metrics")
	if families := read(t, w.Body.Bytes()); families["backworks_envoys_reached"].GetMetric()[0].GetGauge().GetValue() != 0 || families["backworks_build_info"] == nil {
		t.Errorf("%s", w.Body)
	}
}

// TestLint: our own metrics are as Prometheus' conventions want them.
func TestLint(t *testing.T) {
	t.Parallel()
	f := busy()
	f.envoys = []fleet.Envoy{fakeEnvoy(t, "edge-1", "")}
	f.tell(figures3(4))
	figures := xds.Figures{Streams: 2, RequestWaits: xds.Waits{Now: 1, Total: 7}, Ended: map[xds.Ending]uint64{xds.NotAllowed: 3}}
	w := call(New(Options{
		Fleet: f, XDS: NewXDSStats(), Streams: func() xds.Figures { return figures }, CertificateExpires: func() time.Time { return time.Unix(1800000000, 0) },
	}), "GET", "/metrics")
	for _, line := range []string{
		"backworks_xds_streams 2", `backworks_xds_waiting_streams{limit="requests"} 1`, `backworks_xds_waits_total{limit="requests"} 7`,
		`backworks_xds_ended_streams_total{reason="not_allowed"} 3`, `backworks_xds_ended_streams_total{reason="node_changed"} 0`,
		"backworks_xds_failed_handshakes_total 0", "backworks_xds_certificate_expiry_timestamp_seconds 1.8e+09",
	} {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	var own bytes.Buffer
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "backworks_") {
			own.WriteString(line)
		}
	}
	problems, err := promlint.New(&own).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", err, problems)
	}
}

// TestMergeDisagreements: what cannot stand together is left out and counted, and the
// page still parses.
func TestMergeDisagreements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		one, two string
		want     string
		leftOut  int
	}{
		{"a counter here and a gauge there", "# TYPE a counter\na 1\n", "# TYPE a gauge\na 2\n", "# TYPE a untyped\na{node=\"1\"} 1\na{node=\"2\"} 2\n", 0},
		{"a histogram there", "# TYPE a counter\na 1\n", "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n", "# TYPE a counter\na{node=\"1\"} 1\n", 3},
		{"an own label of that name", "# TYPE a counter\na{node=\"x\",b=\"c\"} 1\n", "", "# TYPE a counter\na{node=\"1\",exported_node=\"x\",b=\"c\"} 1\n", 0},
		{"a family in two pieces", "# TYPE a counter\na{x=\"1\"} 1\n# TYPE b counter\nb 1\n# TYPE a counter\na{x=\"2\"} 1\n", "",
			"# TYPE a counter\na{node=\"1\",x=\"1\"} 1\na{node=\"1\",x=\"2\"} 1\n# TYPE b counter\nb{node=\"1\"} 1\n", 0},
		{"one of ours", "# TYPE backworks_x counter\nbackworks_x 1\n", "", "", 1},
		{"twice the same series", "a 1\na 2\n", "", "# TYPE a untyped\na{node=\"1\"} 1\n", 1},
		{"a torn last line", "a 1\nb 12", "", "# TYPE a untyped\na{node=\"1\"} 1\n", 1},
		{"nonsense", "a{ 1\n}{\n= 3\n", "", "", 3},
	} {
		x, y := parse("1", []byte(c.one)), parse("2", []byte(c.two))
		var w bytes.Buffer
		merge(&w, []*exposition{x, y})
		if w.String() != c.want || x.leftOut+y.leftOut != c.leftOut {
			t.Errorf("%s: %d left out, got\n%s", c.name, x.leftOut+y.leftOut, w.String())
		}
	}
}

// FuzzMerge: whatever Envoys say, the page parses.
func FuzzMerge(f *testing.F) {
	f.Add("n", []byte(envoySays), []byte("# TYPE a summary\na{quantile=\"0.5\"} 1\na_sum 2\na_count 3\n"))
	f.Add("a\"b\\c\nd", []byte("a{node=\"x\",exported_node=\"y\"} NaN 12\n"), []byte("a_count 1\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_count 7\n"))
	f.Fuzz(func(t *testing.T, node string, one, two []byte) {
		var w bytes.Buffer
		merge(&w, []*exposition{parse(node+"1", one), parse(node+"2", two)})
		read(t, w.Bytes())
	})
}

func BenchmarkExposition(b *testing.B) {
	var text strings.Builder
	for i := range 1250 {
		text.WriteString(strings.ReplaceAll(envoySays[:strings.Index(envoySays, "\n\n")+1], "default", fmt.Sprint("pool-", i)))
		text.WriteString(strings.ReplaceAll(envoySays[strings.Index(envoySays, "\n\n"):], "default", fmt.Sprint("pool-", i)))
	}
	one := []byte(text.String())
	b.SetBytes(int64(10 * len(one)))
	for b.Loop() {
		var all []*exposition
		for i := range 10 {
			all = append(all, parse(fmt.Sprint("edge-", i), one))
		}
		var w bytes.Buffer
		merge(&w, all)
	}
}
