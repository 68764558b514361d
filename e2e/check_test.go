package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestCheckEnvoy: with --check-envoy nobody is sent what an Envoy's own validation
// refuses. The one here refuses a word, since what the loader lets through is hard to
// refuse otherwise; all else it leaves to the real one.
func TestCheckEnvoy(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	picky := e.path("picky")
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in *validate*)
  if grep -q unwelcome "$4"; then echo "error initializing configuration: this word is unwelcome" >&2; exit 1; fi
esac
exec %q "$@"
`, e.envoy)
	if err := os.WriteFile(picky, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	e.write("main.yaml", e.text(0))
	p := e.start("--check-envoy", "--envoy", picky).live()
	p.want(0, nil, "status", "--wait", "20s")
	e.write("main.yaml", e.text(1))
	e.until("an edit that is good is live", func() bool { return e.seen(1) })
	p.want(0, nil, "status", "--wait", "20s")
	word := "endpoints:\n  - {path: /word, method: GET, handler: static, config: {static: {body: unwelcome}}}\n"
	e.write("main.yaml", strings.Replace(e.text(2), "endpoints:\n", word, 1))
	e.until("the check refuses it", func() bool { code, _ := p.command("status"); return code == 1 })
	out := p.want(1, []string{"refused", "this word is unwelcome"}, "status")
	if strings.Contains(out, "REJECTED") {
		t.Errorf("it was sent: %s", out)
	}
	if !e.seen(1) {
		t.Error("the version before is not served")
	}
	e.write("main.yaml", e.text(3))
	e.until("the next one is live", func() bool { return e.seen(3) })
}
