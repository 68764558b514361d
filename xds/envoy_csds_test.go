package xds

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// reader reads CSDS of the server that Envoy has.
func (e *envoy) reader() *rig {
	e.t.Helper()
	conn, err := grpc.NewClient("unix:"+e.dir+"/xds", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	return &rig{t: e.t, server: e.server, conn: conn}
}

// versions are those that Envoy itself tells of its clusters, by name.
func (e *envoy) versions() map[string]string {
	e.t.Helper()
	res, err := e.admin.Get("http://envoy/config_dump?resource=dynamic_active_clusters")
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		Configs []struct {
			Version string `json:"version_info"`
			Cluster struct {
				Name string `json:"name"`
			} `json:"cluster"`
		} `json:"configs"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&body); err != nil {
		e.t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range body.Configs {
		out[c.Cluster.Name] = c.Version
	}
	return out
}

// What CSDS tells of a real Envoy is what that has, by its own words.
func TestEnvoyClientStatus(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		e := startEnvoy(t, delta)
		port := backend(t, "a")
		good := []*Resource{proxied(1), route("r", "a"), cluster("a", 0), assignment("a", port), cluster("b", 0), assignment("b", port)}
		e.serve("1", good...)
		e.synced("1")
		r := e.reader()
		want := map[string]string{"CDS a": synced, "CDS b": synced, "EDS a": synced, "EDS b": synced, "LDS l": synced, "RDS r": synced}
		all := r.stands(want)
		for name, version := range e.versions() {
			if all["CDS "+name].VersionInfo != version {
				t.Errorf("cluster %s has version %s, by CSDS %s", name, version, all["CDS "+name].VersionInfo)
			}
		}
		node := r.fetch(&statusv3.ClientStatusRequest{}).Config[0].Node
		if node.Id != "n" || node.Cluster != "test" || node.GetUserAgentName() != "envoy" || !strings.HasPrefix(node.GetUserAgentVersion(), "1.") {
			t.Errorf("node is %v", node)
		}

		// One bad cluster: it, and what came with it, was refused.
		e.publish("2", append(good, broken("bad"))...)
		want["CDS bad"] = refuse
		if !delta {
			// The whole state was refused, but only what differs from before is in doubt.
			want["CDS a"], want["CDS b"] = synced, synced
		}
		all = r.stands(want)
		if details := all["CDS bad"].ErrorState.GetDetails(); !strings.Contains(details, "no.such") {
			t.Errorf("refused with %q", details)
		}
		e.publish("3", good...)
		delete(want, "CDS bad")
		r.stands(want)
	})
}
