package blueprints

import (
	"bytes"
	"os"
	"testing"
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
