package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"backworks/blueprints"
	"backworks/envoy"
)

// fenced is a blueprint in a document: an example that begins with a name, the server or plugins.
var fenced = regexp.MustCompile("(?ms)^```yaml\n((?:name|server|plugins):.*?)^```$")

// secretFile is one that an example takes a key or a password from.
var secretFile = regexp.MustCompile(`file:(secrets/[\w.-]+)`)

// TestDocuments: the blueprints in these documents load without a word, and Envoy accepts
// what they become.
func TestDocuments(t *testing.T) {
	t.Parallel()
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"auth.md", "protocols.md", "rate-limits.md", "routing.md", "cors.md", "compression.md", "errors.md", "observability.md", "cache.md"} {
		text, err := os.ReadFile(filepath.Join("../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		examples := fenced.FindAllSubmatch(text, -1)
		if len(examples) == 0 {
			t.Errorf("%s: no examples", name)
		}
		for i, example := range examples {
			t.Run(fmt.Sprint(name, " ", i+1), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "main.yaml")
				for _, s := range secretFile.FindAllSubmatch(example[1], -1) {
					path := filepath.Join(filepath.Dir(file), string(s[1]))
					if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte("content-of-"+filepath.Base(path)), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(file, example[1], 0o600); err != nil {
					t.Fatal(err)
				}
				result := blueprints.NewLoader(blueprints.Options{Path: file, Check: check}).Load()
				if len(result.Problems) > 0 {
					t.Fatal(result.Problems)
				}
				accepted(t, binary, result.Set.Blueprints[0])
			})
		}
	}
}
