package translate_test

import (
	"slices"
	"strings"
	"testing"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"golang.org/x/tools/txtar"

	"backworks/blueprints"
	"backworks/translate"
)

func grpcResources(t *testing.T, prev *translate.Resources, bp *blueprints.Blueprint) *translate.Resources {
	t.Helper()
	r, problems := translate.UpdateGRPC(prev, bp)
	if r == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	return r
}

// What a client can dial: the file, the blueprint, and every pool whose name is
// neither; each name once.
func TestGRPCNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, name, want string }{
		{"/x/main.yaml", "Advanced Proxy API", "advanced-proxy-api main orders shop"},
		{"/x/shop.yaml", "Shop", "orders shop"},
		{"/x/main.yaml", "", "main orders shop"},
		{"/x/My Mesh.v2.yml", " --Größe (L) ", "--gr-e-l my-mesh.v2 orders shop"},
		{"/x/main.yaml", "店", "main orders shop"},
		{"/x/main.yaml", "ORDERS", "main orders shop"},
	} {
		bp := &blueprints.Blueprint{File: c.file, Name: c.name, Pools: []*blueprints.Pool{
			{Name: "orders", Algorithm: blueprints.RoundRobin}, {Name: "shop", Algorithm: blueprints.RoundRobin},
		}}
		var got []string
		for _, l := range grpcResources(t, nil, bp).Listeners {
			got = append(got, l.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s, %q: %s, want %s", c.file, c.name, got, c.want)
		}
	}
}

// Pools that did not change keep their messages, also when what they may be dialled
// by does.
func TestUpdateGRPCKeepsMessages(t *testing.T) {
	t.Parallel()
	a := &blueprints.Pool{Name: "a", Algorithm: blueprints.RoundRobin}
	b := &blueprints.Pool{Name: "b", Algorithm: blueprints.RoundRobin}
	first := grpcResources(t, nil, &blueprints.Blueprint{File: "main.yaml", Pools: []*blueprints.Pool{a, b}})
	renamed := grpcResources(t, first, &blueprints.Blueprint{File: "main.yaml", Name: "A", Pools: []*blueprints.Pool{a, {Name: "b", Algorithm: blueprints.Random}}})
	if len(renamed.Listeners) != 3 { // a is the blueprint now
		t.Errorf("listeners: %v", renamed.Listeners)
	}
	back := grpcResources(t, renamed, &blueprints.Blueprint{File: "main.yaml", Pools: []*blueprints.Pool{a, b}})
	find := func(list []translate.Resource, name string) any {
		i := slices.IndexFunc(list, func(r translate.Resource) bool { return r.Name == name })
		if i < 0 {
			t.Fatalf("no %s", name)
		}
		return list[i].Message
	}
	for name, lists := range map[string][2][]translate.Resource{
		"a": {first.Clusters, back.Clusters}, "pool/a": {first.Routes, back.Routes},
	} {
		if find(lists[0], name) != find(lists[1], name) {
			t.Errorf("%s was made again", name)
		}
	}
	if find(first.Listeners, "a") != find(back.Listeners, "a") {
		t.Error("the listener a was made again")
	}
	if find(first.Clusters, "b") == find(renamed.Clusters, "b") {
		t.Error("the cluster b is the old one")
	}
}

// Of every path, gRPC gets the form that it has for what a call's path can be.
func TestGRPCMatches(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/shop.Users/Get": `path:"/shop.Users/Get"`, "/shop.Users/*": `prefix:"/shop.Users/"`, "/*": `prefix:"/"`,
		"/shop.Users/Get/*": `path:"/shop.Users/Get"`, "/{s}/Get": `safe_regex:{regex:"/([^/]+)/Get"}`,
		"/{s}/*": `safe_regex:{regex:"/([^/]+)(?:/(.*))?"}`, "/": "", "/health": "", "/a/b/c": "", "/a/b/c/*": "",
	} {
		bp := oneFile(t, "plugins: {proxy: {config: {targets: [\"http://127.0.0.1:1\"]}}}\nendpoints: [{path: \""+path+"\", handler: proxy}]\n")
		var got string
		for _, r := range grpcResources(t, nil, bp).Routes {
			if r.Name == translate.RouteName {
				for _, x := range r.Message.(*routev3.RouteConfiguration).VirtualHosts[0].Routes {
					got = strings.ReplaceAll(x.Match.String(), " ", "")
				}
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// A pool without addresses has no locality, and an address stands once.
func TestGRPCAssignment(t *testing.T) {
	t.Parallel()
	bp := oneFile(t, `plugins: {proxy: {config: {targets: [{url: "http://one.example:80"}, {url: "http://two.example:80"}]}}}`)
	if n := len(translate.GRPCAssignment(bp.Pools[0], translate.State{}).Endpoints); n != 0 {
		t.Errorf("%d localities, want none", n)
	}
	state := addresses(t, bp)
	state.Addresses["two.example"] = append(state.Addresses["one.example"][1:], state.Addresses["two.example"]...)
	var seen []string
	for _, l := range translate.GRPCAssignment(bp.Pools[0], state).Endpoints {
		for _, e := range l.LbEndpoints {
			seen = append(seen, allAddresses(e.GetEndpoint())...)
		}
	}
	slices.Sort(seen)
	if len(seen) < 2 || len(seen) != len(slices.Compact(slices.Clone(seen))) {
		t.Errorf("addresses: %v", seen)
	}
}

func allAddresses(e *endpointv3.Endpoint) []string {
	out := []string{e.Address.GetSocketAddress().Address}
	for _, a := range e.AdditionalAddresses {
		out = append(out, a.Address.GetSocketAddress().Address)
	}
	return out
}

func oneFile(t *testing.T, text string) *blueprints.Blueprint {
	t.Helper()
	g := &golden{archive: &txtar.Archive{Files: []txtar.File{{Name: "main.yaml", Data: []byte(text)}}}}
	bp, problems := g.load(t)
	if bp == nil {
		t.Fatal(problems)
	}
	return bp
}
