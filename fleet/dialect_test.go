package fleet

import (
	"strings"
	"testing"

	"backworks/xds"
)

func TestDialect(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"gRPC Go 1.85.0": "main.yaml#grpc", "gRPC C-core linux Python C-core 58.0.0": "main.yaml#grpc", "grpc-java 1.80": "main.yaml#grpc",
		"envoy 1.40.0": "main.yaml", "": "main.yaml", "not gRPC": "main.yaml", "gRP": "main.yaml",
	} {
		got := dialectOf(xds.Node{UserAgent: agent}).group("main.yaml")
		if got != want {
			t.Errorf("%q is in group %s, want %s", agent, got, want)
		}
		if file := fileOf(got); file != "main.yaml" {
			t.Errorf("%s is of %s", got, file)
		}
	}
}

// come is a gRPC client that connects and asks for its group.
func (r *rig) come(id string) (group string) {
	r.Helper()
	n := xds.Node{ID: id, UserAgent: "gRPC Go 1.85.0"}
	group, fits := r.fleet.Groups.Group(n)
	if !fits {
		r.Fatalf("nothing fits %s", id)
	}
	r.server.connect(id, group)
	return group
}

// The first gRPC client has its blueprint made for gRPC clients; the others are not.
func TestDialectIsMadeWhenWanted(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"a.yaml": blueprint("a", "p=http://a.test:80"), "b.yaml": blueprint("b", "p=http://b.test:80")})
	if groups, _ := r.server.given(); len(groups) != 2 {
		t.Fatalf("before any gRPC client there are %d groups", len(groups))
	}
	group := r.come("b")
	if group != r.file("b.yaml")+"#grpc" {
		t.Errorf("it is in group %s", group)
	}
	r.until("a group for it", func() bool { return r.group("b.yaml#grpc").Snapshot != nil })
	if groups, _ := r.server.given(); len(groups) != 3 {
		t.Errorf("there are %d groups, want one more", len(groups))
	}
	if nodes := r.fleet.Status().Nodes; len(nodes) != 1 || nodes[0].Group != r.file("b.yaml") {
		t.Errorf("status has %+v, want the node at its main file", nodes)
	}
	// It stays for those who come later.
	r.write("a.yaml", blueprint("a", "p=http://a.test:81"))
	r.reload()
	if r.group("b.yaml#grpc").Snapshot == nil {
		t.Error("it went with the next load")
	}
	r.come("a")
	r.until("a group for the other", func() bool { return r.group("a.yaml#grpc").Snapshot != nil })
}

// A blueprint that asks for gRPC clients is made for them at once; what an edit or
// new addresses do not touch is the same resource after it.
func TestDialectIsMadeOfWhatChanged(t *testing.T) {
	t.Parallel()
	pool := func(name, url string) string {
		return "plugins: {proxy: {config: {upstreams: {" + name + ": {targets: [\"" + url + "\"]}}}}}\n"
	}
	r := newRig(t, map[string]string{
		"a.yaml":       "nodes: {grpc: true}\ninclude: [pools/*.yaml]\nendpoints: [{path: /*, handler: proxy, upstream: p}]\n",
		"pools/p.yaml": pool("p", "http://a.test:80"), "pools/q.yaml": pool("q", "http://b.test:80"),
	})
	before := r.fleet.dialects.made[r.file("a.yaml")]
	if before == nil || r.group("a.yaml#grpc").Snapshot == nil {
		t.Fatal("not made")
	}

	r.names.set("b.test", "10.0.0.9")
	r.until("another address", func() bool { return r.group("a.yaml#grpc").Overlay != before.xds.Overlay })
	if r.group("a.yaml#grpc").Snapshot != before.xds.Snapshot {
		t.Error("an address made another snapshot")
	}

	r.write("pools/q.yaml", pool("q", "http://b.test:81"))
	r.reload()
	r.stop() // what is read now belonged to its goroutine
	after := r.fleet.dialects.made[r.file("a.yaml")]
	old, now := named(before), named(after)
	for _, name := range []string{"Listener p", "RouteConfiguration pool/p", "Cluster p", "ClusterLoadAssignment p"} {
		if old[name] == nil || old[name] != now[name] {
			t.Errorf("%s was made again", name)
		}
	}
	if old["ClusterLoadAssignment q"] == now["ClusterLoadAssignment q"] {
		t.Error("the assignment of q is the old one")
	}
}

// named are the resources of a release, as in "Cluster p".
func named(r *grpcRelease) map[string]*xds.Resource {
	out := map[string]*xds.Resource{}
	add := func(x *xds.Resource) { out[x.Type()[strings.LastIndexByte(x.Type(), '.')+1:]+" "+x.Name()] = x }
	for _, x := range r.resources {
		add(x)
	}
	for _, x := range r.assignments {
		add(x)
	}
	return out
}
