package fleet

import (
	"context"
	"strings"
	"testing"
)

// TestText of versions: of the one that is loaded, of one of before, and of none. What
// the environment has is not in it.
func TestText(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, first := fleetOfTwo(t)
	second := r.edit("p=http://10.0.0.2:80")
	for _, c := range []struct{ blueprint, version, is, has string }{
		{"one", "", second, "10.0.0.2"},
		{"one.yaml", second, second, "10.0.0.2"},
		{r.file("one.yaml"), first, first, "10.0.0.1"},
		{"", first, first, "10.0.0.1"},
	} {
		version, files, err := r.fleet.Text(ctx, c.blueprint, c.version)
		if err != nil || version != c.is || len(files) != 1 || !strings.Contains(string(files[r.file("one.yaml")]), c.has) {
			t.Errorf("%q %q: %s %s %v", c.blueprint, c.version, version, files, err)
		}
	}
	for _, bad := range [][2]string{{"two", ""}, {"one", "none"}} {
		if _, files, err := r.fleet.Text(ctx, bad[0], bad[1]); err == nil || files != nil {
			t.Errorf("%v: %v", bad, files)
		}
	}
}

// TestPage: one blueprint that wants the page is enough.
func TestPage(t *testing.T) {
	t.Parallel()
	off := "dashboard: {enabled: false}\n"
	r := newRig(t, map[string]string{"one.yaml": off + blueprint("one", "p=http://10.0.0.1:80")})
	if r.fleet.Page() {
		t.Error("a blueprint that is against it counts for nothing")
	}
	r.write("one.yaml", blueprint("one", "p=http://10.0.0.1:80"))
	r.reload()
	r.until("the page is wanted", r.fleet.Page)
}
