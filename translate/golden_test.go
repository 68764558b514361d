package translate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

var update = flag.Bool("update", false, "write what came out into the goldens")

// TestGoldens translates each blueprint in testdata. A golden is a txtar archive: the
// comment says what it shows, main.yaml and other files are the blueprint (none: the
// shipped one), and what comes out is resources.json or problems; grpc.json as well where
// nodes asks for gRPC clients.
func TestGoldens(t *testing.T) {
	t.Parallel()
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			bp, problems := g.load(t)
			var resources, grpc []byte
			if bp != nil {
				r, _ := translate.Blueprint(bp)
				if static, _ := translate.Static(bp, addresses(t, bp)); static != nil {
					r.Secrets = static.Secrets // which name files
				}
				resources = g.json(t, r, translate.Assignments(bp, addresses(t, bp)))
			}
			if bp != nil && bp.Nodes.GRPC {
				r, problems := translate.GRPC(bp)
				if r == nil {
					t.Fatal(problems)
				}
				grpc = g.json(t, r, grpcAssignments(t, bp))
			}
			g.expect(t, "resources.json", resources)
			g.expect(t, "grpc.json", grpc)
			g.expect(t, "problems", g.text(problems))
			g.save(t)
		})
	}
}

// TestGoldensAreAccepted asks a real Envoy about each rendering: what it refuses or
// calls deprecated is no good, whatever the golden says.
func TestGoldensAreAccepted(t *testing.T) {
	t.Parallel()
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens(t) {
		if g.file("resources.json") == nil {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			bp, _ := g.load(t)
			accepted(t, binary, bp)
		})
	}
}

// accepted has Envoy validate the rendering of bp.
func accepted(t *testing.T, binary string, bp *blueprints.Blueprint) {
	t.Helper()
	r, problems := translate.Static(bp, addresses(t, bp))
	if r == nil {
		t.Fatal(problems)
	}
	config, err := envoy.Bootstrap{Admin: "127.0.0.1:1", AdminListener: "127.0.0.1:8081"}.Message()
	if err != nil {
		t.Fatal(err)
	}
	r.AddTo(config)
	output, err := envoy.ValidateOutput(t.Context(), binary, config)
	if err != nil {
		t.Fatal(err)
	}
	if deprecated := envoy.Deprecated(output); len(deprecated) > 0 {
		t.Error(deprecated)
	}
}

// addresses gives each host name of bp two addresses of the ranges for documentation.
func addresses(t *testing.T, bp *blueprints.Blueprint) translate.State {
	t.Helper()
	s := translate.State{Addresses: map[string][]netip.Addr{}}
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, h := range translate.Hosts(bp) {
		s.Addresses[h] = []netip.Addr{a, b}
		a, b = a.Next(), b.Next()
	}
	return s
}

type golden struct {
	name, path, dir string
	archive         *txtar.Archive
}

func goldens(t testing.TB) []*golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	var out []*golden
	for _, p := range paths {
		a, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &golden{name: strings.TrimSuffix(filepath.Base(p), ".txtar"), path: p, archive: a})
	}
	return out
}

// load reads the archive's blueprint; nil when it does not load.
func (g *golden) load(t *testing.T) (*blueprints.Blueprint, blueprints.Problems) {
	t.Helper()
	g.dir = t.TempDir()
	main := filepath.Join(g.dir, "main.yaml")
	if err := os.WriteFile(main, blueprints.Default, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range g.archive.Files {
		path := filepath.Join(g.dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	result := blueprints.NewLoader(blueprints.Options{Path: main, Check: check}).Load()
	if len(result.Set.Blueprints) == 0 {
		return nil, result.Problems
	}
	return result.Set.Blueprints[0], result.Problems
}

// check is the loader's: a blueprint that cannot be translated does not load.
func check(bp *blueprints.Blueprint) blueprints.Problems {
	_, problems := translate.Blueprint(bp)
	return problems
}

func (g *golden) text(problems blueprints.Problems) []byte {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(strings.ReplaceAll(p.String(), g.dir+string(filepath.Separator), "") + "\n")
	}
	return []byte(b.String())
}

func grpcAssignments(t *testing.T, bp *blueprints.Blueprint) []translate.Resource {
	t.Helper()
	var out []translate.Resource
	for _, p := range bp.Pools {
		if !p.ResolveByEnvoy {
			out = append(out, translate.Resource{Name: translate.ClusterName(p), Message: translate.GRPCAssignment(p, addresses(t, bp))})
		}
	}
	return out
}

func (g *golden) json(t *testing.T, r *translate.Resources, assignments []translate.Resource) []byte {
	t.Helper()
	all := map[string]map[string]json.RawMessage{}
	lists := map[string][]translate.Resource{
		"clusters": r.Clusters, "listeners": r.Listeners, "routes": r.Routes,
		"assignments": assignments,
	}
	if len(r.Secrets) > 0 {
		lists["secrets"] = r.Secrets
	}
	// The script is the same wherever it is.
	script, err := protojson.Marshal(wrapperspb.String(translate.TransformScript()))
	if err != nil {
		t.Fatal(err)
	}
	for kind, list := range lists {
		all[kind] = map[string]json.RawMessage{}
		for _, x := range list {
			b, err := protojson.Marshal(x.Message)
			if err != nil {
				t.Fatal(err)
			}
			b = bytes.ReplaceAll(b, script, []byte(`"TransformScript()"`))
			all[kind][x.Name] = bytes.ReplaceAll(b, []byte(g.dir), []byte("."))
		}
	}
	out := new(bytes.Buffer)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (g *golden) file(name string) *txtar.File {
	for i := range g.archive.Files {
		if g.archive.Files[i].Name == name {
			return &g.archive.Files[i]
		}
	}
	return nil
}

// expect compares what came out with the archive, or puts it there.
func (g *golden) expect(t *testing.T, name string, got []byte) {
	t.Helper()
	f := g.file(name)
	switch {
	case *update && f != nil:
		f.Data = got
	case *update:
		g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: got})
	case f == nil && len(got) > 0:
		t.Errorf("unexpected %s:\n%s", name, got)
	case f != nil && !bytes.Equal(f.Data, got):
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

// save rewrites the archive, without what is empty.
func (g *golden) save(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	var files []txtar.File
	for _, f := range g.archive.Files {
		if len(f.Data) > 0 {
			files = append(files, f)
		}
	}
	g.archive.Files = files
	if err := os.WriteFile(g.path, txtar.Format(g.archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
