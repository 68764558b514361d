package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backworks/blueprints"
)

// TestTooManySizes: 50 sizes are accepted, and one more is told.
func TestTooManySizes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{50: "", 51: "51 different values of max_request_size"} {
		text := "plugins: {proxy: {config: {targets: [http://a]}}}\nendpoints:\n"
		for i := 1; i <= n; i++ {
			text += fmt.Sprintf("  - {path: /%d, config: {proxy: {max_request_size: %d}}}\n", i, i)
		}
		file := filepath.Join(t.TempDir(), "main.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		problems := blueprints.NewLoader(blueprints.Options{Path: file, Check: check}).Load().Problems
		if got := fmt.Sprint(problems); want == "" && len(problems) > 0 || !strings.Contains(got, want) {
			t.Errorf("%d sizes: %s", n, got)
		}
	}
}
