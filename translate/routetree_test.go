package translate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"backworks/translate"
)

// words are what paths of TestTreeIsTheList are made of: beginnings of each other, with
// what means something in templates and expressions.
var words = []string{"a", "ab", "a.b", "a+b", "a-b", "b", "(c)", "v1"}

// randomPath begins with a parameter or rest only if anything may be first.
func randomPath(r *rand.Rand, anything bool) string {
	var s strings.Builder
	for i := range 1 + r.IntN(4) {
		kind := r.IntN(8)
		if i == 0 && !anything {
			kind = 7
		}
		switch kind {
		case 0, 1:
			fmt.Fprintf(&s, "/{p%d}", i)
		case 2:
			fmt.Fprintf(&s, "/{p%d}.json", i)
		case 3:
			return s.String() + []string{"/*", "/*rest"}[r.IntN(2)]
		default:
			s.WriteString("/" + words[r.IntN(len(words))])
		}
	}
	return s.String()
}

// randomRequest is near one of the paths, or anywhere.
func randomRequest(r *rand.Rand, paths []string) string {
	var s strings.Builder
	for part := range strings.SplitSeq(paths[r.IntN(len(paths))], "/") {
		switch {
		case part == "" || r.IntN(12) == 0:
		case part[0] == '{' || part[0] == '*':
			s.WriteString("/" + words[r.IntN(len(words))] + []string{"", ".json"}[r.IntN(2)])
		default:
			s.WriteString("/" + part)
		}
	}
	if r.IntN(3) > 0 {
		return s.String() + []string{"", "", "/", "?q=/a/b", "/?/ab"}[r.IntN(5)]
	}
	for range r.IntN(5) {
		s.WriteString("/" + words[r.IntN(len(words))] + []string{"", "", "", ".json", "x"}[r.IntN(5)])
	}
	return s.String() + []string{"", "", "/", "?q=/a/b", "/?/ab", "?x=%0a"}[r.IntN(6)]
}

// TestTreeIsTheList: a request has the same answer, whether Envoy finds its route in a list
// or, for other endpoints that are none of its business, in a tree.
func TestTreeIsTheList(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			list, seen := "plugins: {proxy: {config: {targets: [\"http://127.0.0.1:9\"]}}}\nendpoints:\n", map[string]bool{}
			for i := range 14 {
				path := randomPath(r, i == 0)
				shape := strings.NewReplacer("/*rest", "/*").Replace(path)
				if seen[shape] {
					continue
				}
				seen[shape] = true
				methods := []string{"", "method: GET, ", "method: POST, ", "method: [GET, PUT], "}[r.IntN(4)]
				headers := []string{"", `, headers: {X-Query: "{{query.x}}"}`}[min(1, i%5)]
				list += fmt.Sprintf("  - {path: %q, %shandler: static, config: {static: {body: %q%s}}}\n", path, methods, path, headers)
			}
			if n := len(routesOf(t, list)); n == 0 && !soak {
				t.Fatal("the list is a tree")
			}
			if n := len(routesOf(t, list+fillers)); n > 0 {
				t.Fatal("the tree is a list")
			}
			inList, inTree := serve(t, list, nil), serve(t, list+fillers, nil)
			statuses := map[int]int{}
			for range 400 {
				path, method := randomRequest(r, slices.Sorted(maps.Keys(seen))), []string{"GET", "GET", "POST", "DELETE", "HEAD"}[r.IntN(5)]
				if path == "" {
					path = "/"
				}
				want, wanted := inList.ask(t, method, path)
				got, body := inTree.ask(t, method, path)
				if got.StatusCode != want.StatusCode || body != wanted || got.Header.Get("Allow") != want.Header.Get("Allow") {
					t.Errorf("%s %s: %d %q in the tree, %d %q in the list of\n%s", method, path, got.StatusCode, body, want.StatusCode, wanted, list)
				}
				statuses[want.StatusCode]++
			}
			if statuses[200] < 20 || len(statuses) < 2 {
				t.Errorf("answers: %v", statuses)
			}
		})
	}
}

func routesOf(t *testing.T, blueprint string) []*routev3.Route {
	t.Helper()
	r, problems := translate.Blueprint(parse(t, blueprint))
	if r == nil {
		t.Fatal(problems)
	}
	return r.Routes[0].Message.(*routev3.RouteConfiguration).VirtualHosts[0].Routes
}

// TestManyEndpoints: each of many is found, with its methods, parameters and settings, and
// what belongs to all paths holds in each branch.
func TestManyEndpoints(t *testing.T) {
	t.Parallel()
	blueprint := "plugins:\n  proxy: {config: {targets: [\"$target\"]}}\n  auth: {config: {basic: {users: {me: \"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\"}}}}\nendpoints:\n"
	for i := range 300 {
		blueprint += fmt.Sprintf("  - {path: \"/s%d/items/{id}\", method: GET, public: %t, config: {proxy: {path: \"/%d/{id}\"}}}\n", i, i%2 == 0, i)
	}
	blueprint += "  - {path: \"/*\", public: true, config: {proxy: {path: /rest}}}\n"
	p := serve(t, blueprint, map[string]string{"target": target(t)})
	for _, i := range []int{0, 1, 2, 150, 298, 299} {
		at := fmt.Sprintf("/s%d/items/7", i)
		for path, want := range map[string]string{at: fmt.Sprintf("200 GET /%d/7", i), at + "/more": "200 GET /rest", at + "/..%3b/x": "400 "} {
			if i%2 == 1 && path == at {
				want = "401 "
			}
			resp, body := p.ask(t, http.MethodGet, path)
			if got := fmt.Sprint(resp.StatusCode, " ", body); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
	}
	if list := routesOf(t, strings.ReplaceAll(blueprint, "$target", "http://127.0.0.1:9")); len(list) > 0 {
		t.Errorf("%d routes in a list", len(list))
	}
}

// TestNoTreeWhereItIsNoGain: paths that begin with a parameter would stand in every branch.
func TestNoTreeWhereItIsNoGain(t *testing.T) {
	t.Parallel()
	text := "plugins: {proxy: {config: {targets: [\"http://127.0.0.1:9\"]}}}\nendpoints:\n"
	for i := range 40 {
		text += fmt.Sprintf("  - {path: \"/{tenant}/%d\", method: GET}\n  - {path: \"/own/%d\", method: GET}\n", i, i)
	}
	list := routesOf(t, text)
	if !slices.ContainsFunc(list, func(r *routev3.Route) bool { return r.Match.GetPath() == "/own/39" }) {
		t.Errorf("%d routes", len(list))
	}
}
