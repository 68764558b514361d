package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"backworks/envoy"
	"backworks/xds"
)

// TestOwnAddress: a node may have us ask its own machine, and nothing else.
func TestOwnAddress(t *testing.T) {
	t.Parallel()
	const unix = "@"
	for _, c := range []struct {
		said       envoy.Address
		peer       string
		trust      AdminTrust
		want, fail string
	}{
		{"10.0.0.7:9901", "10.0.0.7:40000", TrustOwn, "10.0.0.7:9901", ""},
		{"0.0.0.0:9901", "10.0.0.7:40000", TrustOwn, "10.0.0.7:9901", ""},
		{"[::]:9901", "[fd00::7]:40000", TrustOwn, "[fd00::7]:9901", ""},
		{"[::ffff:10.0.0.7]:9901", "10.0.0.7:40000", TrustOwn, "10.0.0.7:9901", ""},
		{"127.0.0.1:9901", "127.0.0.1:40000", TrustOwn, "127.0.0.1:9901", ""},
		{"localhost:9901", "127.0.0.1:40000", TrustOwn, "127.0.0.1:9901", ""},
		{"127.0.0.1:9901", unix, TrustOwn, "127.0.0.1:9901", ""},
		{"0.0.0.0:9901", unix, TrustOwn, "127.0.0.1:9901", ""},
		{"unix:///run/envoy.sock", unix, TrustOwn, "unix:///run/envoy.sock", ""},
		{"169.254.169.254:80", "10.0.0.7:40000", TrustOwn, "", "not the node's own"},
		{"10.0.0.8:9901", "10.0.0.7:40000", TrustOwn, "", "not the node's own"},
		{"10.0.0.8:9901", "127.0.0.1:40000", TrustOwn, "", "not the node's own"},
		{"127.0.0.1:6379", "10.0.0.7:40000", TrustOwn, "", "loopback"},
		{"[::1]:6379", "10.0.0.7:40000", TrustOwn, "", "loopback"},
		{"[::ffff:127.0.0.1]:6379", "10.0.0.7:40000", TrustOwn, "", "loopback"},
		{"localhost:6379", "10.0.0.7:40000", TrustOwn, "", "loopback"},
		{"unix:///var/run/docker.sock", "10.0.0.7:40000", TrustOwn, "", "Unix socket"},
		{"metadata.internal:80", "10.0.0.7:40000", TrustOwn, "", "name"},
		{"10.0.0.7", "10.0.0.7:40000", TrustOwn, "", "host:port"},
		{"unix://run", unix, TrustOwn, "", "absolute"},
		{"metadata.internal:80", "10.0.0.7:40000", TrustAny, "metadata.internal:80", ""},
		{"10.0.0.8:9901", "10.0.0.7:40000", TrustAny, "10.0.0.8:9901", ""},
	} {
		got, err := ownAddress(c.said, c.peer, c.trust)
		if string(got) != c.want || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s says %s: %q, %v; want %q, %q", c.peer, c.said, got, err, c.want, c.fail)
		}
	}
}

func said(id, address, peer string, stream uint64) xds.Event {
	return xds.Event{Kind: xds.Connected, Stream: stream, Peer: peer, Node: xds.Node{ID: id, UserAgent: "envoy", Metadata: map[string]any{AdminKey: address}}}
}

// TestFoundNodes: who says where its admin interface is, is asked there, also when it comes
// back on another stream; not for ever, not more than there may be, and not when it is
// another Envoy.
func TestFoundNodes(t *testing.T) {
	t.Parallel()
	one := fakeAdmin(t, "one", twoHosts)
	f := nodeAdmins{nodes: map[string]*foundNode{}}
	f.event(said("one", string(one), "127.0.0.1:1", 1))
	f.event(said("other", string(one), "127.0.0.1:1", 2))
	f.event(said("far", string(one), "10.0.0.7:1", 3))
	f.event(xds.Event{Kind: xds.Connected, Stream: 4, Node: xds.Node{ID: "says nothing"}})
	now := time.Now()
	all := f.admins(nil, now)
	if len(all) != 2 || all[0].node != "one" {
		t.Fatalf("%d are asked", len(all))
	}
	if e := all[0].know(); e.Error != "" || e.Node != "one" {
		t.Errorf("one is %+v", e)
	}
	if e := all[1].know(); !strings.Contains(e.Error, `another Envoy, "one"`) {
		t.Errorf("other is %+v", e)
	}
	for node, want := range map[string]string{"one": "", "other": "another Envoy", "far": "loopback"} {
		if is := f.of(node); is == nil || !strings.Contains(is.Error, want) || want == "" && is.Error != "" {
			t.Errorf("%s: %+v", node, is)
		}
	}
	if f.of("says nothing") != nil || len(f.admins([]envoy.Address{one}, now)) != 0 {
		t.Error("one is asked that says nothing, or is asked anyway")
	}
	f.event(said("one", string(one), "127.0.0.1:1", 5))
	f.event(xds.Event{Kind: xds.Disconnected, Stream: 1, Node: xds.Node{ID: "one"}})
	f.event(xds.Event{Kind: xds.Disconnected, Stream: 2, Node: xds.Node{ID: "other"}})
	f.event(xds.Event{Kind: xds.Disconnected, Stream: 3, Node: xds.Node{ID: "far"}})
	if again := f.admins(nil, now.Add(time.Hour)); len(again) != 1 || again[0] != all[0] || f.of("far") != nil {
		t.Errorf("%d are asked after two went", len(again))
	}
	for i := range 2 * maxFound {
		f.event(said(fmt.Sprint(i), "127.0.0.1:1", "127.0.0.1:1", uint64(10+i)))
	}
	if n := len(f.admins(nil, now)); n != maxFound {
		t.Errorf("%d are asked", n)
	}
	none := nodeAdmins{nodes: map[string]*foundNode{}, trust: TrustNone}
	none.event(said("one", string(one), "127.0.0.1:1", 1))
	if len(none.admins(nil, now)) != 0 {
		t.Error("one is asked though none may be")
	}
}

// TestFoundIsCollected: figures and breakers are had of an Envoy that says where it can be
// asked, and the last ones of one that went.
func TestFoundIsCollected(t *testing.T) {
	t.Parallel()
	_, address := newCountedEnvoy(t, twoHosts)
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://a.test:80")})
	r.server.notify(said("one", string(address), "127.0.0.1:1", 1))
	r.until("there are figures", func() bool {
		x := r.fleet.Telemetry()
		return len(x.Envoys) == 1 && x.Envoys[0].Node == "one" && x.Targets[0].Ejected
	})
	if got := r.fleet.Targets(t.Context()); len(got) != 1 || got[0].Node != "one" {
		t.Errorf("targets %+v", got)
	}
	r.server.notify(said("one", "10.0.0.1:1", "10.0.0.1:1", 2)) // elsewhere now
	r.until("the former is asked no more", func() bool {
		x := r.fleet.Telemetry()
		return len(x.Envoys) == 1 && x.Envoys[0].Address == "10.0.0.1:1"
	})
}
