package blueprints

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the goldens and the generated files")

// A golden is a txtar archive: files to load, "env" with NAME=value lines, and
// what comes of it: "problems", one a line, and "model", the normalised set.
// main.yaml is loaded, or the folder where there is none.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find goldens: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	options := Options{Path: dir, LookupEnv: func(string) (string, bool) { return "", false }}
	want := map[string]string{}
	var inputs []txtar.File
	for _, f := range a.Files {
		switch f.Name {
		case "problems", "model":
			want[f.Name] = string(f.Data)
			continue
		case "env":
			options.LookupEnv = lookup(string(f.Data))
		case "main.yaml":
			options.Path = filepath.Join(dir, f.Name)
		}
		inputs = append(inputs, f)
		write(t, filepath.Join(dir, f.Name), string(f.Data))
	}
	got := map[string]string{}
	r := NewLoader(options).Load()
	for _, p := range r.Problems {
		got["problems"] += strings.ReplaceAll(p.String(), dir+"/", "") + "\n"
	}
	if r.Problems.Err() == nil && !strings.HasPrefix(string(a.Comment), "problems only") {
		got["model"] = strings.ReplaceAll(dump(t, r.Set), dir+"/", "")
	}
	if *update {
		a.Files = inputs
		for _, name := range []string{"problems", "model"} {
			if got[name] != "" {
				a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(got[name])})
			}
		}
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range []string{"problems", "model"} {
		if got[name] != want[name] {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got[name], want[name])
		}
	}
}

// dump is the set as JSON without what is empty, and without positions.
func dump(t *testing.T, s *Set) string {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(terse(v)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func terse(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range []string{"Line", "Column", "Version"} {
			delete(v, k)
		}
		if f, ok := v["File"].(string); ok && !filepath.IsAbs(f) || v["Files"] == nil {
			delete(v, "File")
		}
		for k, x := range v {
			if x = terse(x); x == nil || x == "" || x == false || x == 0.0 {
				delete(v, k)
			} else {
				v[k] = x
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = terse(v[i])
		}
	}
	return v
}

func lookup(env string) func(string) (string, bool) {
	values := map[string]string{}
	for _, line := range strings.Split(env, "\n") {
		if k, v, ok := strings.Cut(line, "="); ok {
			values[k] = v
		}
	}
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
