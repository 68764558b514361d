package blueprints

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"
)

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("blueprint.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("blueprint.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bySchema is the schema's verdict on a YAML text.
func bySchema(t testing.TB, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("read test input: %v\n%s", err, text)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// byLoader are the loader's errors for a YAML text.
func byLoader(t testing.TB, text string) Problems {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.yaml")
	write(t, file, text)
	return NewLoader(Options{Path: file, LookupEnv: lookup("N=1\nB=true\n")}).Load().Problems.Errors()
}

func TestShippedBlueprintsSatisfySchema(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	if err := bySchema(t, s, string(Default)); err != nil {
		t.Error(err)
	}
	if errs := byLoader(t, string(Default)); len(errs) > 0 {
		t.Error(errs)
	}
}

// What the loader accepts, the schema accepts: every golden without an error.
func TestSchemaAcceptsGoldens(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		good := false
		for _, f := range a.Files {
			good = good || f.Name == "model"
		}
		for _, f := range a.Files {
			if good && strings.HasSuffix(f.Name, ".yaml") {
				tried++
				if err := bySchema(t, s, string(f.Data)); err != nil {
					t.Errorf("%s: %s: %v", file, f.Name, err)
				}
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d blueprints tried", tried)
	}
}

// cases are read from a file of YAML documents, separated by "--- name".
func cases(t *testing.T, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range strings.Split("\n"+string(raw), "\n--- ")[1:] {
		name, text, _ := strings.Cut(c, "\n")
		if out[name] != "" {
			t.Fatalf("%s: %q stands twice", file, name)
		}
		out[name] = text
	}
	if len(out) < 10 {
		t.Fatalf("%s: %d cases", file, len(out))
	}
	return out
}

func TestSchemaAndLoaderAgree(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for _, list := range []struct {
		file           string
		loader, schema bool // whether each accepts
	}{
		{"testdata/accepted.yaml", true, true},
		{"testdata/refused.yaml", false, false},
		{"testdata/loader-only.yaml", false, true},
	} {
		for name, text := range cases(t, list.file) {
			if err := bySchema(t, s, text); (err == nil) != list.schema {
				t.Errorf("%s: %s: schema: %v", list.file, name, err)
			}
			if errs := byLoader(t, text); (len(errs) == 0) != list.loader {
				t.Errorf("%s: %s: loader: %v", list.file, name, errs)
			}
		}
	}
}
