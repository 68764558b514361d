package translate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"backworks/blueprints"
	"backworks/blueprints/testca"
	"backworks/envoy"
)

// The examples of docs/tls.md load, and Envoy takes them.
func TestTLSExamples(t *testing.T) {
	t.Parallel()
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/tls.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, x := range examples {
		dir, ca := t.TempDir(), testca.New(t)
		if err := os.Mkdir(filepath.Join(dir, "tls"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, stem := range []string{"shop", "wild"} {
			ca.Sign(90*day, stem+".example").Save(t, filepath.Join(dir, "tls"), stem)
		}
		for _, name := range []string{"clients.pem", "internal.pem"} {
			testca.Write(t, filepath.Join(dir, "tls", name), ca.PEM())
		}
		testca.Write(t, filepath.Join(dir, "main.yaml"), x[1])
		result := blueprints.NewLoader(blueprints.Options{Path: filepath.Join(dir, "main.yaml"), Check: check}).Load()
		if len(result.Problems) > 0 {
			t.Fatal(result.Problems)
		}
		accepted(t, binary, result.Set.Blueprints[0])
	}
}
