package translate_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// FuzzTranslate: what loads is translated to resources that Envoy's own validation
// rules take, or has problems that have a place; the same input gives the same bytes.
func FuzzTranslate(f *testing.F) {
	f.Add(blueprints.Default)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range a.Files {
			if filepath.Ext(x.Name) == ".yaml" {
				f.Add(x.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(t.TempDir(), "main.yaml")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		result := blueprints.NewLoader(blueprints.Options{Path: file, LookupEnv: func(string) (string, bool) { return "", false }}).Load()
		for _, bp := range result.Set.Blueprints {
			r, problems := translate.Blueprint(bp)
			if (r == nil) != (problems.Err() != nil) {
				t.Fatalf("resources %v with problems %v", r != nil, problems)
			}
			for _, p := range problems {
				if p.Line == 0 || p.Message == "" {
					t.Errorf("a problem without a place: %q", p)
				}
			}
			if r != nil {
				if again, _ := translate.Blueprint(bp); !bytes.Equal(wire(t, bp, r), wire(t, bp, again)) {
					t.Error("twice the same blueprint, different bytes")
				}
				if g, problems := translate.GRPC(bp); g == nil {
					t.Error("Envoys can be given it, gRPC clients cannot: ", problems)
				}
			}
		}
	})
}

// wire is all that an Envoy would be sent, and the rendering.
func wire(t *testing.T, bp *blueprints.Blueprint, r *translate.Resources) []byte {
	t.Helper()
	var out []byte
	add := func(m proto.Message) {
		if v, ok := m.(interface{ ValidateAll() error }); ok {
			if err := v.ValidateAll(); err != nil {
				t.Errorf("Envoy would refuse it: %v", err)
			}
		}
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	for _, list := range [][]translate.Resource{r.Clusters, r.Listeners, r.Routes, r.Secrets, translate.Assignments(bp, translate.State{})} {
		for _, x := range list {
			add(x.Message)
		}
	}
	static, problems := translate.Static(bp, translate.State{})
	if static == nil {
		t.Fatalf("translated, but not rendered: %v", problems)
	}
	config, err := envoy.Bootstrap{}.Message()
	if err != nil {
		t.Fatal(err)
	}
	static.AddTo(config)
	add(config)
	return out
}
