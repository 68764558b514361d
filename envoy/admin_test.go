package envoy

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"backworks/envoy/testport"
)

func TestAdminReportsWhatEnvoyDoes(t *testing.T) {
	t.Parallel()
	takeTurn(t)
	s := newSite(t)
	r := s.run(t)
	r.waitLive(s)
	ctx, admin := context.Background(), r.Admin()

	info, err := admin.ServerInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if info.Build.Version() != Tested || info.State != "LIVE" || info.NodeID != "edge-1" || info.NodeCluster != "edge" ||
		info.Options.GetConcurrency() != 1 || !info.Options.GetDisableHotRestart() {
		t.Errorf("server info is %+v", info)
	}
	if state, live, err := admin.Ready(ctx); state != "LIVE" || !live || err != nil {
		t.Errorf("ready is %q, %v, %v", state, live, err)
	}
	if listeners, err := admin.Listeners(ctx); err != nil || "http://"+listeners["proxy"] != s.url {
		t.Errorf("listeners are %v, %v", listeners, err)
	}
	if dump, err := admin.ConfigDump(ctx); err != nil || !bytes.Contains(dump, []byte(`"edge-1"`)) {
		t.Errorf("config dump is %.100s, %v", dump, err)
	}
	before := s.host(t, admin)
	for range 3 {
		if err := s.get("/"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error { // counted when the answer is through
		h := s.host(t, admin)
		if h.RequestsTotal != before.RequestsTotal+3 || h.RequestsSuccess != before.RequestsSuccess+3 || h.RequestsError != 0 {
			return fmt.Errorf("before %+v, now %+v", before, h)
		}
		return nil
	})
	if h := s.host(t, admin); !h.Healthy() || h.EDSHealth != "HEALTHY" || h.Weight != 1 || h.ConnectionsTotal == 0 {
		t.Errorf("host is %+v", h)
	}
	stats, err := admin.Stats(ctx, `^cluster\.backend\.(upstream_rq_total|upstream_rq_time)$`)
	if n := stats["cluster.backend.upstream_rq_total"]; err != nil || n < 3 || len(stats) != 1 {
		t.Errorf("stats are %v, %v", stats, err)
	}
	var text bytes.Buffer
	if err := admin.Prometheus(ctx, &text); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if families, err := parser.TextToMetricFamilies(&text); err != nil || families["envoy_cluster_upstream_rq_total"] == nil {
		t.Errorf("%d families, %v", len(families), err)
	}
}

// host is the one of the site's backend.
func (s *site) host(t *testing.T, admin *Admin) Host {
	t.Helper()
	clusters, err := admin.Clusters(context.Background())
	if err != nil || len(clusters) != 1 || clusters[0].Name != "backend" || len(clusters[0].Hosts) != 1 {
		t.Fatalf("clusters are %+v, %v", clusters, err)
	}
	for name, want := range map[string]int{"backend": 1, "back.nd": 0} {
		if named, err := admin.ClustersNamed(context.Background(), []string{"other", name}); err != nil || len(named) != want {
			t.Errorf("clusters named %q are %+v, %v", name, named, err)
		}
	}
	return clusters[0].Hosts[0]
}

func TestClustersReadEveryField(t *testing.T) {
	t.Parallel()
	const answer = `{"cluster_statuses": [{"name": "users", "added_via_api": true, "future": 1, "host_statuses": [
		{"address": {"socket_address": {"address": "::1", "port_value": 3001}}, "hostname": "a.example", "weight": 200,
		 "stats": [{"name": "rq_total", "value": "9"}, {"name": "rq_success", "value": "5"}, {"name": "rq_error", "value": "4"},
		           {"name": "rq_timeout", "value": "1"}, {"type": "GAUGE", "name": "rq_active", "value": "2"},
		           {"type": "GAUGE", "name": "cx_active", "value": "3"}, {"name": "cx_total", "value": "8"},
		           {"name": "cx_connect_fail", "value": "7"}, {"name": "future", "value": "1"}],
		 "health_status": {"eds_health_status": "UNHEALTHY", "failed_active_health_check": true, "failed_outlier_check": true,
		                   "pending_active_hc": true, "active_hc_timeout": true}}]},
		{"name": "sock", "host_statuses": [{"address": {"pipe": {"path": "/run/x.sock"}}}]}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answer) }))
	t.Cleanup(server.Close)
	got, err := NewAdmin(Address(server.URL + "/")).Clusters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := Host{
		Address: "[::1]:3001", Hostname: "a.example", Weight: 200, EDSHealth: "UNHEALTHY",
		RequestsTotal: 9, RequestsSuccess: 5, RequestsError: 4, RequestsTimeout: 1, RequestsActive: 2,
		ConnectionsTotal: 8, ConnectionsFailed: 7, ConnectionsActive: 3,
		FailedCheck: true, CheckTimedOut: true, PendingCheck: true, Ejected: true,
	}
	if len(got) != 2 || !got[0].AddedViaAPI || got[0].Hosts[0] != want || got[1].Hosts[0].Address != "/run/x.sock" {
		t.Errorf("want %+v, got %+v", want, got)
	}
	for h, healthy := range map[Host]bool{
		{EDSHealth: "HEALTHY"}: true, {EDSHealth: "UNKNOWN"}: true, {EDSHealth: "DEGRADED"}: true,
		{EDSHealth: "DRAINING"}: false, {EDSHealth: "HEALTHY", Ejected: true}: false,
		{EDSHealth: "HEALTHY", FailedCheck: true}: false, {EDSHealth: "HEALTHY", PendingCheck: true}: false, want: false,
	} {
		if h.Healthy() != healthy {
			t.Errorf("%+v: want %v", h, healthy)
		}
	}
}

func TestAdminSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no way", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	port := strings.TrimPrefix(server.URL, "http://")
	for address, want := range map[Address]string{
		Address(port):                 `ask envoy at "` + port + `" for /clusters: 403 Forbidden: no way`,
		"unix:///nowhere/x.sock":      `ask envoy at "unix:///nowhere/x.sock" for /clusters: dial unix /nowhere/x.sock: connect: no such file`,
		"nonsense":                    `read address "nonsense": want host:port`,
		Address(testport.Address(t)):  "connection refused",
		Address(server.URL + "/stat"): "want a port from 1 to 65535",
	} {
		_, err := NewAdmin(address).Clusters(context.Background())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", address, want, err)
		}
	}
}
