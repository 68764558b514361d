package fleet

import (
	"context"
	"slices"
	"strings"
	"testing"

	"backworks/xds"
)

// TestText of versions: of the one that is loaded, of one of before, and of none.
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
		w, err := r.fleet.Text(ctx, c.blueprint, c.version)
		if err != nil || w.Version != c.is || len(w.Files) != 1 || !strings.Contains(string(w.Files[r.file("one.yaml")]), c.has) {
			t.Errorf("%q %q: %+v %v", c.blueprint, c.version, w, err)
		}
		if listed := slices.ContainsFunc(w.Resources, func(x xds.Listed) bool { return x.Type == "CDS" && strings.HasPrefix(x.Origin, r.file("one.yaml")+":") }); listed != (c.is == second) {
			t.Errorf("%q %q: became %+v", c.blueprint, c.version, w.Resources)
		}
	}
	for _, bad := range [][2]string{{"two", ""}, {"one", "none"}} {
		if w, err := r.fleet.Text(ctx, bad[0], bad[1]); err == nil || w.Files != nil {
			t.Errorf("%v: %v", bad, w)
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
