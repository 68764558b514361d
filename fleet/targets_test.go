package fleet

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"backworks/envoy"
)

// fakeAdmin answers as the admin interface of an Envoy with the node id.
func fakeAdmin(t *testing.T, id, clusters string) envoy.Address {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/server_info", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"version": "r/1.40.0/Clean/RELEASE/BoringSSL", "state": "LIVE", "node": {"id": %q, "cluster": "c"}}`, id)
	})
	mux.HandleFunc("/clusters", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, clusters) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return envoy.Address(strings.TrimPrefix(s.URL, "http://"))
}

const twoHosts = `{"cluster_statuses": [{"name": "p", "added_via_api": true, "host_statuses": [
 {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}, "hostname": "a.test", "weight": 1,
  "stats": [{"name": "rq_total", "value": "7"}, {"name": "rq_error", "value": "2"}, {"name": "rq_active", "type": "GAUGE", "value": "1"}],
  "health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": true}},
 {"address": {"socket_address": {"address": "10.0.0.9", "port_value": 8080}}, "hostname": "elsewhere:8080", "health_status": {"eds_health_status": "HEALTHY"}}]}]}`

// TestTargets: each target as each Envoy of its blueprint sees it, and those that
// nobody sees.
func TestTargets(t *testing.T) {
	t.Parallel()
	one, two := fakeAdmin(t, "one", twoHosts), fakeAdmin(t, "nobody", twoHosts)
	r := newRig(t, map[string]string{
		"one.yaml": blueprint("one", "p=http://a.test:80", "q=http://b.test:81"),
		"two.yaml": blueprint("two", "p=http://a.test:80"),
	}, one, two, "127.0.0.1:1")
	got := r.fleet.Targets(t.Context())
	want := []TargetStatus{
		{
			Blueprint: r.file("one.yaml"), Pool: "p", Target: "t", URL: "http://a.test:80", Weight: 1, Node: "one",
			Address: "10.0.0.1:80", Health: Unhealthy, Ejected: true, Requests: 7, Errors: 2, Active: 1,
		},
		{Blueprint: r.file("one.yaml"), Pool: "q", Target: "t", URL: "http://b.test:81", Weight: 1, Health: Unknown},
		{Blueprint: r.file("two.yaml"), Pool: "p", Target: "t", URL: "http://a.test:80", Weight: 1, Health: Unknown},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	envoys := r.fleet.Envoys()
	if len(envoys) != 3 || envoys[0].Node != "one" || envoys[0].Cluster != "c" || envoys[0].Error != "" || envoys[1].Node != "nobody" ||
		envoys[2].Node != "" || envoys[2].Error == "" {
		t.Errorf("envoys %+v", envoys)
	}
}

// TestReadiness: an Envoy must have everything; a push under way and a node that no
// blueprint is for do not count.
func TestReadiness(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://10.0.0.1:80")})
	group := r.file("one.yaml")
	is := func(what string, ready bool) {
		t.Helper()
		if r.fleet.Ready() != ready {
			t.Errorf("%s: ready is %v", what, !ready)
		}
	}
	is("nobody", false)
	r.server.connect("w", "")
	r.server.sync("w")
	is("no blueprint is for it", false)
	r.server.connect("x", group)
	is("under way", false)
	r.server.connect("y", group)
	r.server.sync("x")
	is("one of two", true)
	r.server.leave("y")
	r.until("the fleet's own notice", func() bool { r.reload(); return r.fleet.view.Load().report != nil && r.fleet.Ready() })
	r.until("it is accepted", func() bool { return r.fleet.Status().Blueprints[0].Rollout.Stage == Accepted })
	r.write("one.yaml", blueprint("one", "p=http://10.0.0.2:80"))
	if report := r.reload(); report.Outcome != Published {
		t.Fatalf("report %+v", report)
	}
	is("a push that is under way is no outage", true)
	r.server.refuse("x", "no")
	is("refused", false)
	r.until("all are back", func() bool { return r.fleet.Status().Blueprints[0].Rollout.Stage == Refused })
	r.server.sync("x")
	is("back on the last good version", true)
}
