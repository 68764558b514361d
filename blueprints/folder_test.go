package blueprints

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{
		"a.yaml":        "include: [part.yaml, below/*.yaml]\n" + staticA,
		"part.yaml":     users,
		"below/b.yaml":  orders,
		"c.yml":         "nodes: {ids: c}\n" + staticB,
		".hidden.yaml":  "x",
		"notes.txt":     "x",
		"folder.yaml/x": "x",
	})
	res := r.load()
	var names []string
	for _, b := range res.Set.Blueprints {
		names = append(names, strings.TrimPrefix(b.File, r.dir+"/"))
	}
	if !slices.Equal(names, []string{"a.yaml", "c.yml"}) {
		t.Fatalf("blueprints %v", names)
	}
	for _, want := range []string{"", "/a.yaml", "/part.yaml", "/below", "/below/b.yaml", "/c.yml"} {
		if !slices.Contains(res.Watch, r.dir+want) {
			t.Errorf("%q is not watched: %v", want, res.Watch)
		}
	}
	t.Log("a bad blueprint does not stop another")
	r.write("a.yaml", "x: 1\n")
	r.write("c.yml", "nodes: {ids: c}\n"+staticA)
	res = r.load("a.yaml:1:1: x: is not a known key")
	if len(res.Set.Blueprints) != 2 || !res.Set.Blueprints[0].Degraded || endpointOf(res.Set.Blueprints[1], "/a") == nil {
		t.Errorf("blueprints %v", res.Set.Blueprints)
	}
	t.Log("a deleted main file keeps its last good version")
	r.remove("a.yaml")
	if res = r.load("a.yaml: cannot be read"); len(res.Set.Blueprints) != 2 {
		t.Errorf("blueprints %v", res.Set.Blueprints)
	}
}

func TestFolderWithEqualNodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{"a.yaml": "nodes: {ids: [x, y]}\n" + staticA, "b.yaml": "nodes: {ids: [y, x]}\n" + staticB})
	if b := r.one(r.load("b.yaml:1:8: nodes: asks for the same nodes as " + r.dir + "/a.yaml:1:8")); endpointOf(b, "/a") == nil {
		t.Error("not the first by name")
	}
	r.write("b.yaml", "nodes: {ids: z}\n"+staticB)
	if res := r.load(); len(res.Set.Blueprints) != 2 {
		t.Errorf("blueprints %v", res.Set.Blueprints)
	}
	r.write("b.yaml", "nodes: {ids: [x, y]}\n"+staticA)
	res := r.load("asks for the same nodes")
	if len(res.Set.Blueprints) != 2 || !res.Set.Blueprints[1].Degraded || endpointOf(res.Set.Blueprints[1], "/b") == nil {
		t.Errorf("blueprints %v", res.Set.Blueprints)
	}
}

// An edit takes nothing from a blueprint that stays as it is.
func TestEqualNodesAfterAnEditOfTheFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{"a.yaml": "nodes: {ids: a}\n" + staticA, "b.yaml": "nodes: {ids: b}\n" + staticB})
	before := r.load().Set.Blueprints
	r.write("a.yaml", "nodes: {ids: b}\n"+staticA)
	for range 2 {
		res := r.load("a.yaml:1:8: nodes: asks for the same nodes as " + r.dir + "/b.yaml:1:8")
		if len(res.Set.Blueprints) != 2 || res.Set.Blueprints[1] != before[1] || !res.Set.Blueprints[0].Degraded {
			t.Fatalf("blueprints %v", res.Set.Blueprints)
		}
	}
	r.write("b.yaml", "nodes: {ids: a}\n"+staticB)
	if res := r.load(); len(res.Set.Blueprints) != 2 {
		t.Errorf("blueprints %v", res.Set.Blueprints)
	}
}

func TestEqualNodesAtStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{"a.yaml": staticA, "b.yaml": "nodes: {ids: b}\n" + staticB})
	good := r.load().Good
	r.write("b.yaml", staticB)
	r.loader = NewLoader(Options{Path: r.dir, LastGood: good})
	if res := r.load("asks for the same nodes"); len(res.Set.Blueprints) != 2 || !res.Set.Blueprints[1].Degraded {
		t.Errorf("blueprints %v", res.Set.Blueprints)
	}
}

// TestRenamedInFolder: the new name gets the nodes at once, whichever comes first in
// the alphabet.
func TestRenamedInFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{"m.yaml": staticA})
	r.load()
	for _, names := range [][2]string{{"m.yaml", "z.yaml"}, {"z.yaml", "a.yaml"}} {
		r.remove(names[0])
		r.load(names[0] + ": cannot be read")
		r.write(names[1], staticA)
		res := r.load()
		if b := r.one(res); b.File != r.path(names[1]) || b.Degraded || len(res.Good) != 1 {
			t.Errorf("%s: degraded %v, kept %d", b.File, b.Degraded, len(res.Good))
		}
	}
}

// TestCopyInFolder: a copy is refused, and takes nothing from the file that has the
// nodes, also after a restart.
func TestCopyInFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{"m.yaml": staticA, "b.yaml": "nodes: {ids: b}\n" + staticB})
	r.load()
	r.write("copy.yaml", staticA)
	r.write("b.yaml", staticB)
	for _, start := range []string{"edit", "restart"} {
		res := r.load("b.yaml:1:1: nodes: asks for the same nodes as", "copy.yaml:1:1: nodes: asks for the same nodes as")
		if bps := res.Set.Blueprints; len(bps) != 2 || !bps[0].Degraded || bps[1].File != r.path("m.yaml") || bps[1].Degraded {
			t.Errorf("%s: blueprints %v", start, bps)
		}
		r.write("m.yaml", staticA+"# "+start+"\n")
		r.loader = NewLoader(Options{Path: r.dir, LastGood: res.Good})
	}
}

// TestFolderGone: what a main file included is kept with it.
func TestFolderGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "d/main.yaml"}, map[string]string{"d/main.yaml": "include: s/*.yaml\n" + staticA, "d/s/b.yaml": staticB})
	before := r.one(r.load())
	if err := os.Rename(r.path("d"), r.path("e")); err != nil {
		t.Fatal(err)
	}
	if b := r.one(r.load("d/main.yaml: cannot be read")); b.Version != before.Version || !b.Degraded {
		t.Errorf("version %s, degraded %v, endpoints %d", b.Version, b.Degraded, len(b.Endpoints))
	}
	if err := os.Rename(r.path("e"), r.path("d")); err != nil {
		t.Fatal(err)
	}
	r.remove("d/s/b.yaml")
	if b := r.one(r.load()); b.Degraded || len(b.Endpoints) != 1 {
		t.Errorf("degraded %v, endpoints %d", b.Degraded, len(b.Endpoints))
	}
}

// TestFolderUnreadable is not an empty one. (A symlink to itself is unreadable to
// whoever runs tests.)
func TestFolderUnreadable(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": "include: s/*.yaml\n" + staticA, "e/b.yaml": staticB})
	link := func(to string) {
		if err := errors.Join(os.RemoveAll(r.path("s")), os.Symlink(to, r.path("s"))); err != nil {
			t.Fatal(err)
		}
	}
	const problem = `main.yaml:1:10: include: the folder of "s/*.yaml" cannot be read: too many levels of symbolic links`
	link("s")
	if res := r.load(problem); len(res.Set.Blueprints) > 0 {
		t.Error("it is served without what it includes")
	}
	link("e")
	before := r.one(r.load())
	link("s")
	for range 2 {
		if b := r.one(r.load(problem)); b.Version != before.Version || !b.Degraded {
			t.Errorf("version %s, degraded %v, endpoints %d", b.Version, b.Degraded, len(b.Endpoints))
		}
	}
	link("e")
	if b := r.one(r.load()); b.Version != before.Version || b.Degraded {
		t.Errorf("version %s, degraded %v", b.Version, b.Degraded)
	}
}

// TestFolderMissingAtStart: whether the folder itself or all that was in it is
// missing, the last good versions are served. Of one file of several it is an edit.
func TestFolderMissingAtStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, map[string]string{"d/a.yaml": staticA, "d/b.yaml": "nodes: {ids: b}\n" + staticB})
	start := func(good map[string]FileSet, want ...string) *Result {
		r.loader = NewLoader(Options{Path: r.path("d"), LastGood: good})
		return r.load(want...)
	}
	good := start(nil).Good
	r.remove("d/a.yaml")
	if res := start(good); len(res.Set.Blueprints) != 1 || len(res.Good) != 1 {
		t.Errorf("one file: blueprints %v", res.Set.Blueprints)
	}
	r.remove("d/b.yaml")
	for _, missing := range []string{"files", "folder"} {
		if missing == "folder" {
			r.remove("d")
		}
		if res := start(good, "d/a.yaml: cannot be read", "d/b.yaml: cannot be read"); len(res.Set.Blueprints) != 2 || len(res.Good) != 2 {
			t.Errorf("%s: blueprints %v", missing, res.Set.Blueprints)
		}
	}
}

func TestEmptyFolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{}, nil)
	r.load("has no blueprint")
	r.write("a.yaml", staticA)
	r.one(r.load())
}

func TestIncludes(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{
		"main.yaml":       "include: [services/*.yaml, missing.yaml, none/*.yaml, ../x.yaml, services, '[', 'a/**/b.yaml']\n" + staticA,
		"services/a.yaml": "include: [../main.yaml, b.yaml]\nserver: {port: 1}\n",
		"services/b.yaml": staticB,
	})
	r.load("missing.yaml\" does not exist", "in the folder of its main file", `"services" is not a file`, "is no glob", "** is not known",
		"services/a.yaml:1:11: include[0]: includes itself", "server: belongs in the main file")
	r.write("main.yaml", "include: [services/*.yaml, services/a.yaml, 'none/*.yaml']\n"+staticA)
	r.write("services/a.yaml", "include: b.yaml\n")
	res := r.load()
	if b := r.one(res); len(b.Files) != 3 || len(b.Endpoints) != 2 {
		t.Errorf("files %v", b.Files)
	}
	if w := res.Problems.Warnings(); len(w) != 1 || !strings.Contains(w[0].Message, "no file matches") {
		t.Errorf("warnings %v", w)
	}
}

func TestGlobFoldersAreWatched(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{"main.yaml": "include: services/*/b*.yaml\n" + staticA, "services/one/b.yaml": staticB, "services/two/x": ""})
	watch := r.load().Watch
	for _, want := range []string{"", "/main.yaml", "/services", "/services/one", "/services/two", "/services/one/b.yaml"} {
		if !slices.Contains(watch, r.dir+want) {
			t.Errorf("%q is not watched: %v", want, watch)
		}
	}
	r.write("services/two/blue.yaml", users)
	if b := r.one(r.load()); len(b.Files) != 3 {
		t.Errorf("files %v", b.Files)
	}
	r.remove("services/one/b.yaml")
	if b := r.one(r.load()); len(b.Files) != 2 || b.Degraded {
		t.Errorf("files %v", b.Files)
	}
}

func TestEnvironmentAndSecrets(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TOKEN": "hush", "PORT": "9000"}
	r := newRig(t, Options{Path: "main.yaml", LookupEnv: func(n string) (string, bool) { v, ok := env[n]; return v, ok }}, map[string]string{
		"secret":    "s3cret\n",
		"main.yaml": "server: {port: \"${PORT}\"}\nplugins: {proxy: {config: {targets: [\"http://a:${PORT}\"], headers: {X-A: 'file:secret', X-B: '${TOKEN}', X-C: '$${TOKEN}'}}}}\n",
	})
	res := r.load()
	b := r.one(res)
	if b.Server.Port != 9000 || b.Pools[0].Targets[0].Port != 9000 {
		t.Errorf("port %d, target %v", b.Server.Port, b.Pools[0].Targets[0])
	}
	for i, want := range []string{"s3cret", "hush", "${TOKEN}"} {
		if got := b.RequestHeaders.Set[i].Value.String(); got != want {
			t.Errorf("header %d is %q, want %q", i, got, want)
		}
	}
	if !slices.Contains(res.Watch, r.path("secret")) {
		t.Error("the secret is not watched")
	}
	r.write("secret", "other")
	if c := r.one(r.load()); c.Version == b.Version || c.RequestHeaders.Set[0].Value.String() != "other" {
		t.Error("a changed secret changes nothing")
	}
	env["TOKEN"] = "\xff"
	r.write("secret", "\xfe")
	r.load("is not UTF-8 once", "the secret file is not UTF-8")
	env["TOKEN"] = "{{nwo}} hush"
	env["PORT"] = "hush"
	for _, p := range r.loader.Load().Problems {
		if strings.Contains(p.String(), "hush") || strings.Contains(p.String(), "nwo") {
			t.Errorf("a value is printed: %v", p)
		}
	}
}
