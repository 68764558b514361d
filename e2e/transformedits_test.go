package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestTransformationEditsLoseNothing: transformations of all kinds come, change and go
// under load; each answer is whole.
func TestTransformationEditsLoseNothing(t *testing.T) {
	t.Parallel()
	e := newEdits(newSite(t))
	plain := func(i int) string { return e.text(i * kinds) } // that differ in the header X-Edit alone
	e.write("main.yaml", plain(0))
	e.start("--", "--concurrency", "2").live()
	l := run(300, func(i int) string { return e.proxy + []string{"/a?q=1", "/b?q=2"}[i%2] },
		func(status int, _ string) bool { return status == 200 || status == 203 })
	plugins := []string{
		"response: {body: {set: {edit: %d}}}",
		"response: {force_status: 203, rename_headers: {X-Edit-Not: X-%d}, other_bodies: pass}",
		"request: {query: {set: {edit: \"%d\"}}, body: {remove: a}, max_body_size: 64KiB}",
		"response: {max_body_size: 2MiB, body: [{wrap: \"%d\"}, {pick: \"*\"}]}",
	}
	for i := 1; i <= 24; i++ {
		text := plain(i)
		if i%6 > 0 {
			config := fmt.Sprintf(plugins[i%len(plugins)], i)
			text = strings.Replace(text, "\nendpoints:", "\n  transformations: {config: {"+config+"}}\nendpoints:", 1)
		}
		e.write("main.yaml", text)
		e.until(fmt.Sprintf("edit %d is live", i), func() bool {
			status, _, header := ask(&curl, "GET", e.proxy+"/b", "")
			return (status == 200 || status == 203) && header.Get("X-Edit") == fmt.Sprint(i*kinds)
		})
	}
	l.end(t)
}
