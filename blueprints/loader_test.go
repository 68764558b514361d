package blueprints

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rig is a folder of blueprints under a loader.
type rig struct {
	*testing.T
	dir    string
	loader *Loader
}

func newRig(t *testing.T, o Options, files map[string]string) *rig {
	r := &rig{T: t, dir: t.TempDir()}
	for name, content := range files {
		r.write(name, content)
	}
	o.Path = filepath.Join(r.dir, o.Path)
	r.loader = NewLoader(o)
	return r
}

func (r *rig) path(name string) string    { return filepath.Join(r.dir, name) }
func (r *rig) write(name, content string) { r.Helper(); write(r, r.path(name), content) }
func (r *rig) remove(name string) {
	r.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.Fatal(err)
	}
}

// load expects the errors that contain each of the words, and no other.
func (r *rig) load(words ...string) *Result {
	r.Helper()
	res := r.loader.Load()
	errs := res.Problems.Errors()
	for _, w := range words {
		i := slices.IndexFunc(errs, func(p Problem) bool { return strings.Contains(p.String(), w) })
		if i < 0 {
			r.Errorf("no problem with %q among %v", w, res.Problems)
			continue
		}
		errs = slices.Delete(slices.Clone(errs), i, i+1)
	}
	if len(errs) > 0 {
		r.Errorf("problems: %v", errs)
	}
	return res
}

// one is the only blueprint of a result.
func (r *rig) one(res *Result) *Blueprint {
	r.Helper()
	if len(res.Set.Blueprints) != 1 {
		r.Fatalf("%d blueprints, want 1: %v", len(res.Set.Blueprints), res.Problems)
	}
	return res.Set.Blueprints[0]
}

func endpointOf(b *Blueprint, path string) *Endpoint {
	for _, e := range b.Endpoints {
		if e.Path.Raw == path {
			return e
		}
	}
	return nil
}

func poolOf(b *Blueprint, name string) *Pool {
	for _, p := range b.Pools {
		if p.Name == name {
			return p
		}
	}
	return nil
}

const (
	staticA = "endpoints: [{path: /a, static: {body: a}}]\n"
	staticB = "endpoints: [{path: /b, static: {body: b}}]\n"
	users   = "plugins: {proxy: {config: {upstreams: {users: {targets: [\"http://u:1\"]}}}}}\nendpoints: [{path: /users, upstream: users}]\n"
	orders  = "plugins: {proxy: {config: {upstreams: {orders: {targets: [\"http://o:1\"]}}}}}\nendpoints: [{path: /orders, upstream: orders}]\n"
	withAll = "include: services/*.yaml\nendpoints: [{path: /, static: {}}]\n"
)

func TestUnchangedKeepsPointers(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": withAll, "services/users.yaml": users, "services/orders.yaml": orders})
	first := r.one(r.load())
	if again := r.one(r.load()); again != first {
		t.Error("an unchanged blueprint is another pointer")
	}
	r.write("services/users.yaml", strings.ReplaceAll(users, "u:1", "u:2"))
	second := r.one(r.load())
	if second == first || second.Version == first.Version {
		t.Error("a changed blueprint is the same")
	}
	if poolOf(first, "orders") != poolOf(second, "orders") || endpointOf(first, "/orders") != endpointOf(second, "/orders") {
		t.Error("an unchanged file's pool or endpoint is another pointer")
	}
	if got := poolOf(second, "users").Targets[0].Port; got != 2 {
		t.Errorf("port %d after the edit, want 2", got)
	}
	r.write("services/users.yaml", users)
	if third := r.one(r.load()); third.Version != first.Version {
		t.Error("the same content has another version")
	}
}

func TestBadFileKeepsLastGood(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": withAll, "services/users.yaml": users, "services/orders.yaml": orders})
	r.load()
	r.write("services/users.yaml", "endpoints: [")
	r.write("services/orders.yaml", strings.ReplaceAll(orders, "o:1", "o:2"))
	res := r.load("services/users.yaml:1:1: is not YAML")
	b := r.one(res)
	if !b.Degraded || endpointOf(b, "/users") == nil || poolOf(b, "orders").Targets[0].Port != 2 {
		t.Errorf("degraded %v, endpoints %v", b.Degraded, b.Endpoints)
	}
	if got := string(res.Good[b.File][r.path("services/users.yaml")]); got != users {
		t.Errorf("last good %q", got)
	}
	if again := r.one(r.load("services/users.yaml:1:1: is not YAML")); again != b {
		t.Error("an unchanged degraded blueprint is another pointer")
	}
	r.write("services/users.yaml", users)
	if b := r.one(r.load()); b.Degraded {
		t.Error("degraded after a good save")
	}
}

func TestProblemAcrossFilesTakesChangedOnesBack(t *testing.T) {
	t.Parallel()
	main := "include: services/*.yaml\nendpoints: [{path: /x, upstream: users}]\n"
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": main, "services/users.yaml": users, "services/orders.yaml": orders})
	r.load()
	t.Log("1. a pool that the unchanged main file uses is renamed, another file is edited as well")
	r.write("services/users.yaml", strings.ReplaceAll(users, "users:", "people:"))
	r.write("services/orders.yaml", strings.ReplaceAll(orders, "/orders", "/o"))
	b := r.one(r.load(`main.yaml:2:34: endpoints[0].upstream: there is no pool "users"`, `services/users.yaml:2:38: endpoints[0].upstream: there is no pool "users"`))
	if poolOf(b, "users") == nil || poolOf(b, "people") != nil || endpointOf(b, "/o") == nil || !b.Degraded {
		t.Errorf("pools %v, endpoints %v", b.Pools, b.Endpoints)
	}
	t.Log("2. the main file follows, and all is as written")
	r.write("services/users.yaml", strings.ReplaceAll(strings.ReplaceAll(users, "users:", "people:"), "upstream: users", "upstream: people"))
	r.write("main.yaml", strings.ReplaceAll(main, "upstream: users", "upstream: people"))
	if b := r.one(r.load()); b.Degraded || poolOf(b, "people") == nil {
		t.Error("not as written")
	}
	t.Log("3. a file that is used is deleted")
	r.remove("services/users.yaml")
	if b := r.one(r.load(`main.yaml:2:34: endpoints[0].upstream: there is no pool "people"`)); !b.Degraded || poolOf(b, "people") == nil {
		t.Error("the deleted file is not kept")
	}
	t.Log("4. a new file takes a name that is taken")
	r.write("main.yaml", withAll)
	r.write("services/more.yaml", strings.ReplaceAll(orders, "/orders", "/:other/x"))
	r.write("services/orders.yaml", strings.ReplaceAll(orders, "/orders", "/:id/x"))
	if b := r.one(r.load("the pool stands in two files", "matches the same requests")); poolOf(b, "orders") == nil || poolOf(b, "people") != nil {
		t.Errorf("pools %v", b.Pools)
	}
}

func TestDeletedMainFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": staticA})
	r.load()
	r.remove("main.yaml")
	if b := r.one(r.load("main.yaml: cannot be read")); !b.Degraded || endpointOf(b, "/a") == nil {
		t.Error("the deleted main file is not kept")
	}
	r.write("main.yaml", staticB)
	if b := r.one(r.load()); b.Degraded || endpointOf(b, "/b") == nil {
		t.Error("the new main file is not taken")
	}
}

func TestOthersMoveOnUnderBrokenMain(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": withAll, "services/users.yaml": users})
	r.load()
	r.write("main.yaml", "include: [")
	r.write("services/users.yaml", strings.ReplaceAll(users, "u:1", "u:2"))
	if b := r.one(r.load("main.yaml:1:1: is not YAML")); poolOf(b, "users").Targets[0].Port != 2 || !b.Degraded {
		t.Error("the included file did not move on")
	}
	t.Log("a new file without a last good content is left out")
	r.write("main.yaml", withAll)
	r.write("services/new.yaml", "endpoints: 5")
	if b := r.one(r.load("services/new.yaml:1:12: endpoints: must be a list")); len(b.Files) != 2 || !b.Degraded {
		t.Errorf("files %v", b.Files)
	}
	t.Log("a half-written file is empty for a moment")
	r.write("services/new.yaml", "")
	r.load("services/new.yaml:1:1: the file is empty")
	r.write("services/new.yaml", orders)
	if b := r.one(r.load()); len(b.Files) != 3 || b.Degraded {
		t.Errorf("files %v", b.Files)
	}
}

func TestLastGoodFromDisk(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": withAll, "services/users.yaml": users})
	good := r.load().Good
	r.write("main.yaml", "endpoints: 5\n")
	r.loader = NewLoader(Options{Path: r.path("main.yaml"), LastGood: good})
	if b := r.one(r.load("endpoints: must be a list")); !b.Degraded || endpointOf(b, "/users") == nil {
		t.Error("the last good version is not served")
	}
	r.loader = NewLoader(Options{Path: r.path("main.yaml")})
	if res := r.load("endpoints: must be a list"); len(res.Set.Blueprints) != 0 || len(res.Good) != 0 {
		t.Error("something is served without a last good version")
	}
}

func TestCheckCountsAsBad(t *testing.T) {
	t.Parallel()
	runs := 0
	check := func(b *Blueprint) Problems {
		runs++
		if e := endpointOf(b, "/bad"); e != nil {
			return Problems{{Position: e.Position, Message: "cannot be translated"}}
		}
		return Problems{{Position: b.Position, Message: "mind the gap", Severity: Warning}}
	}
	r := newRig(t, Options{Path: "main.yaml", Check: check}, map[string]string{"main.yaml": withAll, "services/a.yaml": staticA})
	r.load()
	r.load()
	if runs != 1 {
		t.Errorf("checked %d times, want once", runs)
	}
	r.write("services/a.yaml", strings.ReplaceAll(staticA, "/a,", "/bad,"))
	res := r.load("services/a.yaml:1:13: endpoints[0]: cannot be translated")
	if b := r.one(res); !b.Degraded || endpointOf(b, "/a") == nil {
		t.Error("the last good version is not served")
	}
	if len(res.Problems.Warnings()) != 1 {
		t.Errorf("warnings: %v", res.Problems.Warnings())
	}
}
