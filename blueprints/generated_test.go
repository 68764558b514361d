package blueprints

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/tools/txtar"
)

// The generated files of the repository are current; -update writes them.
func TestGeneratedFiles(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]byte{
		"../docs/reference.md":  Reference(),
		"blueprint.schema.json": Schema(),
	} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say: run go test ./blueprints -update", file)
		}
	}
}

// The reference golden holds the blueprint that is shipped, word for word.
func TestReferenceGoldenIsShipped(t *testing.T) {
	t.Parallel()
	a, err := txtar.ParseFile("testdata/reference.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		a.Files[0].Data = Default
		if err := os.WriteFile("testdata/reference.txtar", txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Files[0].Data, Default) {
		t.Error("testdata/reference.txtar has another main.yaml: run go test ./blueprints -update twice")
	}
}
