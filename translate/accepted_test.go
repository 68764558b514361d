package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"backworks/blueprints"
	"backworks/envoy"
)

// TestGeneratedBlueprintsAreAccepted: what the loader takes, Envoy takes. The blueprints are
// the same at each run; `make soak` takes more of them, and `make fuzz` looks for others.
func TestGeneratedBlueprintsAreAccepted(t *testing.T) {
	t.Parallel()
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	samples := 60
	if soak {
		samples = 1500
	}
	g := newGenerator(t)
	seen := map[string]bool{}
	for seed := range samples {
		bp, content := g.accepted(t, choices(uint64(seed)))
		if bp == nil {
			continue
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(content, &doc); err != nil {
			t.Fatal(err)
		}
		g.walk(g.top, doc.Content[0], func(f form, _ *yaml.Node, _ bool) { seen[f.where] = true })
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			if accepted(t, binary, bp); t.Failed() {
				t.Logf("%s", content)
			}
		})
	}
	all := 0
	for where := range g.words {
		if where[0] != '.' {
			all++
		}
	}
	if len(seen) < all/2 {
		t.Errorf("the blueprints have %d of %d keys: the generator makes too little", len(seen), all)
	}
}

// FuzzAccepted: the same of any choices.
func FuzzAccepted(f *testing.F) {
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		f.Fatal(err)
	}
	for seed := range uint64(3) {
		f.Add(choices(1<<20 + seed)[:2<<10])
	}
	g := newGenerator(f)
	f.Fuzz(func(t *testing.T, choices []byte) {
		if bp, content := g.accepted(t, choices); bp != nil {
			if accepted(t, binary, bp); t.Failed() {
				t.Logf("%s", content)
			}
		}
	})
}

// accepted makes a blueprint from choices that the loader takes: what it says is wrong is
// taken out, at the place that it names, until nothing is. Nil where nothing is left.
func (g *generator) accepted(t testing.TB, choices []byte) (*blueprints.Blueprint, []byte) {
	t.Helper()
	n := g.document(choices)
	file := filepath.Join(g.dir, "main.yaml")
	for range 200 {
		content, err := yaml.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		result := blueprints.NewLoader(blueprints.Options{Path: file, Check: check}).Load()
		errors := result.Problems.Errors()
		if len(errors) == 0 {
			return result.Set.Blueprints[0], content
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(content, &doc); err != nil {
			t.Fatalf("generated what is no YAML: %v\n%s", err, content)
		}
		n = doc.Content[0]
		for i := len(errors) - 1; i >= 0; i-- { // from behind, so that a place is there when its turn comes
			if p := errors[i]; p.Line > 0 && !without(n, p.Line, p.Column) && len(errors) == 1 {
				t.Errorf("%s: nothing stands there\n%s", p, content)
				return nil, nil
			}
		}
		if len(n.Content) == 0 {
			return nil, nil
		}
	}
	return nil, nil
}

// without takes out the key, value or element that begins at a place.
func without(n *yaml.Node, line, column int) bool {
	at := func(x *yaml.Node) bool { return x.Line == line && x.Column == column }
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	// The innermost first: a mapping begins where its first key does.
	for _, c := range n.Content {
		if without(c, line, column) {
			return true
		}
	}
	for i := 0; i+step <= len(n.Content) && n.Kind != yaml.ScalarNode; i += step {
		if at(n.Content[i]) || at(n.Content[i+step-1]) {
			n.Content = slices.Delete(n.Content, i, i+step)
			return true
		}
	}
	return false
}
