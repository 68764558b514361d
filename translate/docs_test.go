package translate_test

import (
	"os"
	"strings"
	"testing"

	"backworks/envoy"
)

// The examples of docs/routing.md are blueprints that Envoy accepts.
func TestRoutingDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/routing.md")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := envoy.Find("", "../.tools")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(text), "```yaml\n")[1:]
	if len(examples) < 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, x := range examples {
		x, _, _ = strings.Cut(x, "```")
		accepted(t, binary, oneFile(t, x))
	}
}
