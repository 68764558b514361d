package blueprints

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func grantsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "authorize.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGrants(t *testing.T) {
	t.Parallel()
	grants, problems := LoadGrants(grantsFile(t, `# who may be whom
- san: spiffe://example.org/edge/*
  ids: [edge-*, gateway]
  clusters: edge
- {san: "*.ops.example.org", id: "*"}
- {san: me@example.org, cluster: test}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for _, g := range grants {
		got = append(got, fmt.Sprintf("%s %v %v %d:%d", g.SAN, g.IDs, g.Clusters, g.Line, g.Column))
	}
	want := "spiffe://example.org/edge/* [edge-* gateway] [edge] 2:3|*.ops.example.org [*] [] 5:3|me@example.org [] [test] 6:3"
	if strings.Join(got, "|") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if grants, problems := LoadGrants(grantsFile(t, "[]\n")); len(grants)+len(problems) > 0 {
		t.Error("nobody:", grants, problems)
	}
}

// What is wrong is told at its place, all of it at once, and then nothing is granted.
func TestGrantsProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                 {":1:1: the file is empty"},
		"# nothing yet\n":  {":1:1: the file is empty"},
		"- san: [a\n":      {": is not YAML"},
		"san: a\nids: b\n": {":1:1: must be a list, got a mapping"},
		"- {san: a, ids: b}\n---\n- {san: c, ids: d}\n": {":2:1: a second document"},
		"- {ids: a}\n":                                     {`:1:3: [0]: needs the key "san"`},
		"- {san: a}\n":                                     {":1:3: [0]: needs ids or clusters"},
		"- {san: '', ids: a}\n":                            {":1:9: [0].san: must not be empty"},
		"- {san: a, ids: []}\n":                            {":1:17: [0].ids: must name at least one"},
		"- {san: a, ids: ['']}\n":                          {":1:18: [0].ids[0]: must not be empty"},
		"- {san: a, idz: [b]}\n":                           {":1:3: [0]: needs ids or clusters", `:1:12: [0].idz: is not a known key: did you mean "ids"?`},
		"- {san: a, ids: b}\n- 5\n- {san: [c], ids: d}\n":  {":2:3: [1]: must be a mapping", ":3:9: [2].san: must be a string, got a list"},
		"- {san: '${NO_SUCH_VARIABLE_HERE}', ids: [a]}\n":  {":1:9: [0].san: environment variable NO_SUCH_VARIABLE_HERE is not set"},
		"- {san: a, ids: b}\n- {san: a, ids: b, ids: c}\n": {":2:20: [1].ids: stands here a second time"},
	} {
		path := grantsFile(t, text)
		grants, problems := LoadGrants(path)
		if grants != nil || len(problems) != len(want) {
			t.Errorf("%q: %v, %v", text, grants, problems)
			continue
		}
		for i, p := range problems {
			if !strings.HasPrefix(p.String(), path) || !strings.Contains(p.String(), want[i]) {
				t.Errorf("%q: %s, want %s", text, p, want[i])
			}
		}
	}
	if _, problems := LoadGrants(filepath.Join(t.TempDir(), "none")); len(problems) != 1 || !strings.Contains(problems[0].String(), "cannot be read: no such file") {
		t.Error(problems)
	}
}
