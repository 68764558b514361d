package envoy

import (
	"bytes"
	"context"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"
)

var full = Bootstrap{
	NodeID:        "n",
	NodeCluster:   "1.0",
	NodeMetadata:  map[string]string{"y": "no", "role": "edge", "über": "a\"b\nc"},
	XDS:           "unix:///run/backworks/xds.sock",
	Admin:         "127.0.0.1:9901",
	AdminListener: "127.0.0.1:8081",
	MaxHeapBytes:  1 << 30,
}

func bootstraps() map[string]Bootstrap {
	sotw, names, v6, static := full, full, full, full
	sotw.SotW = true
	names.XDS, names.AdminListener = "control.example:18000", "control.example:8081"
	v6.XDS, v6.Admin, v6.AdminListener = "[::1]:18000", "unix:///run/backworks/envoy.sock", "unix:///run/a.sock"
	static.XDS, static.AdminListener = "", ""
	return map[string]Bootstrap{"delta": full, "sotw": sotw, "host names": names, "v6 and sockets": v6, "static": static}
}

func TestBootstrapIsAcceptedWithoutDeprecation(t *testing.T) {
	t.Parallel()
	for name, b := range bootstraps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takeTurn(t)
			m, err := b.Message()
			if err != nil {
				t.Fatal(err)
			}
			if err := m.ValidateAll(); err != nil {
				t.Error(err)
			}
			out, err := ValidateOutput(context.Background(), binary(t), m)
			if err != nil {
				t.Fatal(err)
			}
			if warnings := Deprecated(out); len(warnings) > 0 || strings.Contains(out, "warning") {
				t.Errorf("warnings: %s", out)
			}
		})
	}
}

// An Envoy on a management server reports its load to it, whichever variant of xDS it
// speaks; one without has nobody to report to.
func TestBootstrapReportsLoad(t *testing.T) {
	t.Parallel()
	for name, b := range bootstraps() {
		m, err := b.Message()
		if err != nil {
			t.Fatal(err)
		}
		to := m.GetClusterManager().GetLoadStatsConfig()
		if b.XDS == "" {
			if m.ClusterManager != nil {
				t.Errorf("%s: %v", name, m.ClusterManager)
			}
			continue
		}
		// There is no delta variant of it.
		if to.GetApiType() != corev3.ApiConfigSource_GRPC || len(to.GetGrpcServices()) != 1 ||
			to.GrpcServices[0].GetEnvoyGrpc().GetClusterName() != m.StaticResources.Clusters[0].Name {
			t.Errorf("%s: reports to %v", name, to)
		}
	}
}

func TestBootstrapNeedsGoodAddressesAndANode(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]Bootstrap{
		"node id": {XDS: "127.0.0.1:18000"},
		`read address "unix://x.sock": the path of a socket must be absolute`: {Admin: "unix://x.sock"},
		"at most 99 bytes, got 120":                      {Admin: UnixAddress("/" + strings.Repeat("x", 119))},
		`read address "localhost": want host:port`:       {AdminListener: "localhost"},
		"want a port from 1 to 65535, got \"0\"":         {NodeID: "a", NodeCluster: "b", XDS: "127.0.0.1:0"},
		`read address ":18000": want host:port or unix:`: {NodeID: "a", NodeCluster: "b", XDS: ":18000"},
	} {
		if _, err := b.Message(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: want %q, got %v", b, want, err)
		}
	}
}

func TestYAMLKeepsEveryStringAString(t *testing.T) {
	t.Parallel()
	m, err := full.Message()
	if err != nil {
		t.Fatal(err)
	}
	text, err := YAML(m)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := YAML(proto.Clone(m))
	if !bytes.Equal(text, again) {
		t.Error("equal messages give differing YAML")
	}
	for _, line := range []string{
		"\n  id: \"n\"\n", "\n  cluster: \"1.0\"\n", "\n    \"y\": \"no\"\n",
		"\n    \"über\": \"a\\\"b\\nc\"\n", " \"@type\": \"type.g", "\n  ignore_global_conn_limit: true\n",
	} {
		if !bytes.Contains(text, []byte(line)) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	back := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(jsonOf(t, tree), back); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(m, back) {
		t.Errorf("it reads back as %v", back)
	}
}

func TestFingerprintTellsBootstrapsApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, b := range bootstraps() {
		m, err := b.Message()
		if err != nil {
			t.Fatal(err)
		}
		text, err := YAML(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range []string{"", "--concurrency 2"} {
			print := fingerprint(text, args)
			if other, ok := seen[print]; ok {
				t.Errorf("%s with %q has the fingerprint of %s", name, args, other)
			}
			seen[print] = name
			if again := fingerprint(text, args); again != print {
				t.Errorf("%s has fingerprints %s and %s", name, print, again)
			}
		}
	}
}
