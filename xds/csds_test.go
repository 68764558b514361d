package xds

import (
	"fmt"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// The ways of a resource, as short words.
const (
	synced  = "SYNCED/ACKED"
	stale   = "STALE/REQUESTED"
	stale2  = "STALE/ACKED"
	held1   = "NOT_SENT/REQUESTED"
	held2   = "NOT_SENT/ACKED"
	refuse  = "ERROR/NACKED"
	mended  = "STALE/NACKED"
	missing = "NOT_SENT/DOES_NOT_EXIST"
)

func (r *rig) fetch(q *statusv3.ClientStatusRequest) *statusv3.ClientStatusResponse {
	r.t.Helper()
	out, err := statusv3.NewClientStatusDiscoveryServiceClient(r.conn).
		FetchClientStatus(r.t.Context(), q, grpc.MaxCallRecvMsgSize(maxFetch))
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// told returns what CSDS says of each resource of the one client; nil: there is none.
func told(t *testing.T, from *statusv3.ClientStatusResponse) map[string]*statusv3.ClientConfig_GenericXdsConfig {
	t.Helper()
	out := map[string]*statusv3.ClientConfig_GenericXdsConfig{}
	for _, c := range from.Config {
		for _, x := range c.GenericXdsConfigs {
			key := short(x.TypeUrl) + " " + x.Name
			if out[key] != nil {
				t.Errorf("%s is there twice", key)
			}
			out[key] = x
		}
	}
	return out
}

// stands polls until CSDS says just this of the one client, then returns it.
func (r *rig) stands(want map[string]string) map[string]*statusv3.ClientConfig_GenericXdsConfig {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		all := told(r.t, r.fetch(&statusv3.ClientStatusRequest{}))
		wrong := ""
		for key, x := range all {
			if got := x.ConfigStatus.String() + "/" + x.ClientStatus.String(); got != want[key] {
				wrong = fmt.Sprintf("%s is %s, want %q", key, got, want[key])
			}
		}
		for key := range want {
			if all[key] == nil {
				wrong = key + " is not told of"
			}
		}
		if wrong == "" {
			return all
		}
		if time.Now().After(deadline) {
			r.t.Fatal(wrong)
		}
	}
}

// The story of a client, from its first request to its way back from a refusal.
func TestClientStatus(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		r.publish("1", cluster("a", 0), cluster("b", 0), route("r", "a"))
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster})
		c.send(say{url: typeRoute, names: []string{"r", "none"}})
		clusters := c.want(typeCluster, "a", "b")
		// Routes wait for the clusters.
		r.stands(map[string]string{"CDS a": stale, "CDS b": stale, "RDS r": held1, "RDS none": held1})
		c.ack(clusters)
		routes := c.want(typeRoute, "r")
		none := held1
		if delta {
			none = stale // the removal
		}
		r.stands(map[string]string{"CDS a": synced, "CDS b": synced, "RDS r": stale, "RDS none": none})
		c.ack(routes, "r", "none")
		if delta {
			none = missing
		}
		r.stands(map[string]string{"CDS a": synced, "CDS b": synced, "RDS r": synced, "RDS none": none})

		// A cluster changes, one comes, and b goes when the routes are known not to name it.
		r.publish("2", cluster("a", 1), cluster("c", 0), route("r", "c"))
		changed := []string{"a", "c"}
		if !delta {
			changed = append(changed, "b")
		}
		bad := c.want(typeCluster, changed...)
		r.stands(map[string]string{"CDS a": stale2, "CDS b": held2, "CDS c": stale, "RDS r": held2, "RDS none": none})
		c.nack(bad, clusters.version, "no such thing")
		all := r.stands(map[string]string{"CDS a": refuse, "CDS b": held2, "CDS c": refuse, "RDS r": held2, "RDS none": none})
		for _, name := range []string{"CDS a", "CDS c"} {
			e := all[name].GetErrorState()
			if e.GetDetails() != "no such thing" || time.Since(e.GetLastUpdateAttempt().AsTime()) > patience || e.GetVersionInfo() != all[name].VersionInfo {
				t.Errorf("%s: error_state is %v", name, e)
			}
		}
		if all["CDS b"].ErrorState != nil {
			t.Error("b was not refused")
		}

		// The way back: all that is in doubt is sent again, c is removed.
		r.publish("3", cluster("a", 0), cluster("b", 0), route("r", "a"))
		changed = []string{"a"}
		if !delta {
			changed = append(changed, "b")
		}
		back := c.want(typeCluster, changed...)
		r.stands(map[string]string{"CDS a": mended, "CDS b": synced, "RDS r": synced, "RDS none": none})
		c.ack(back)
		all = r.stands(map[string]string{"CDS a": synced, "CDS b": synced, "RDS r": synced, "RDS none": none})
		if all["CDS a"].ErrorState != nil {
			t.Error("a was accepted, and has an error_state still")
		}
	})
}

// Each resource is told with what it is, its version as the client knows it, and when.
func TestClientStatusFields(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		a := cluster("a", 0)
		began := time.Now()
		r.publish("1", a, cluster("b", 0))
		c := r.connect(delta, "n")
		c.node.Metadata, _ = structpb.NewStruct(map[string]any{"tier": "gold"})
		c.node.Locality = &corev3.Locality{Region: "eu", Zone: "eu-1"}
		c.node.UserAgentName = "envoy"
		c.node.UserAgentVersionType = &corev3.Node_UserAgentVersion{UserAgentVersion: "1.40.0"}
		node := proto.CloneOf(c.node)
		c.send(say{url: typeCluster})
		first := c.want(typeCluster, "a", "b")
		c.ack(first)
		x := r.stands(map[string]string{"CDS a": synced, "CDS b": synced})["CDS a"]
		version := func(a answer) string {
			if delta {
				return a.versions["a"]
			}
			return a.version
		}
		if x.TypeUrl != typeCluster || x.Name != "a" || x.VersionInfo != version(first) {
			t.Errorf("got %v, want version %s", x, version(first))
		}
		if at := x.LastUpdated.AsTime(); at.Before(began) || at.After(time.Now()) {
			t.Errorf("updated at %s, after %s", at, began)
		}
		if !proto.Equal(x.XdsConfig, a.any()) || nameOf(x.XdsConfig) != "a" {
			t.Errorf("content is %v", x.XdsConfig)
		}
		told := r.fetch(&statusv3.ClientStatusRequest{ExcludeResourceContents: true})
		if x := told.Config[0].GenericXdsConfigs[0]; x.XdsConfig != nil || x.VersionInfo != version(first) {
			t.Errorf("without contents: %v", x)
		}
		if !proto.Equal(told.Config[0].Node, node) {
			t.Errorf("node is %v, want %v", told.Config[0].Node, node)
		}
		// A later push: the time of what did not change stays.
		r.publish("2", cluster("a", 1), cluster("b", 0))
		again := r.fetch(&statusv3.ClientStatusRequest{}).Config[0].GenericXdsConfigs
		c.ack(c.want(typeCluster, map[bool][]string{true: {"a"}, false: {"a", "b"}}[delta]...))
		now := r.stands(map[string]string{"CDS a": synced, "CDS b": synced})
		if !now["CDS a"].LastUpdated.AsTime().After(x.LastUpdated.AsTime()) ||
			!now["CDS b"].LastUpdated.AsTime().Equal(again[1].LastUpdated.AsTime()) {
			t.Errorf("a %s → %s, b %s → %s", x.LastUpdated.AsTime(), now["CDS a"].LastUpdated.AsTime(), again[1].LastUpdated.AsTime(), now["CDS b"].LastUpdated.AsTime())
		}
	})
}

// A client that comes back has what it brought, though it was sent nothing.
func TestClientStatusOfResumed(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		r := newRig(t, Options{})
		a := cluster("a", 0)
		r.publish("1", a)
		c := r.connect(delta, "n")
		c.send(say{url: typeCluster, version: a.sum.String(), initial: map[string]string{"a": a.Version()}})
		c.nothing()
		x := r.stands(map[string]string{"CDS a": synced})["CDS a"]
		if x.VersionInfo == "" || x.XdsConfig == nil || time.Since(x.LastUpdated.AsTime()) > patience {
			t.Errorf("got %v", x)
		}
	})
}

// A node that no group fits is told of, with what it asked for.
func TestClientStatusWithoutGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Group: func(Node) (string, bool) { return "", false }})
	r.publish("1", cluster("a", 0))
	c := r.connect(true, "n")
	c.send(say{url: typeCluster})
	c.send(say{url: typeEndpoint, names: []string{"x"}})
	r.stands(map[string]string{"EDS x": held1})
}

// tellsAll checks that CSDS, of a client that is in sync, tells just what it has.
func (s *simulated) tellsAll(r *rig) {
	s.t.Helper()
	clusters := 0
	for key, x := range told(s.t, r.fetch(&statusv3.ClientStatusRequest{})) {
		if is := x.ConfigStatus.String() + "/" + x.ClientStatus.String(); is != synced && key != "EDS none" || x.ErrorState != nil {
			s.t.Errorf("%s is %s: %v", key, is, x.ErrorState)
		}
		if x.TypeUrl == typeCluster && s.clusters[x.Name] {
			clusters++
		}
	}
	if clusters != len(s.clusters) {
		s.t.Errorf("CSDS tells of %d clusters, not of all of %v", clusters, s.clusters)
	}
}
