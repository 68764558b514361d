package fleet

import (
	"context"
	"encoding/base64"
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
	for _, c := range []struct{ version, label, name, has string }{
		{"", "CDS", "p", `"p"`}, {second, "EDS", "p", "10.0.0.2"}, {second, "EDS", "none", ""}, {first, "CDS", "p", ""},
	} {
		if text, err := r.fleet.Content(ctx, "one", c.version, c.label, c.name); err != nil || (len(text) > 0) != (c.has != "") || !strings.Contains(string(text), c.has) {
			t.Errorf("%+v: %s %v", c, text, err)
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

// TestContentTellsNoSecret: the values of files and of the environment, short of where they
// are only numbers of a digit or two.
func TestContentTellsNoSecret(t *testing.T) {
	t.Setenv("FLEET_TEST_HOST", "hidden-host.example")
	t.Setenv("FLEET_TEST_BODY", `hidden "body" 100% {a}`)
	t.Setenv("FLEET_TEST_PATH", "hidden-path")
	t.Setenv("FLEET_TEST_PORT", "54321")
	r := newRig(t, nil)
	r.write("key.txt", "hidden-key%\n")
	r.write("one.yaml", `name: one
plugins:
  proxy:
    config:
      transform_request: {headers: {X-Api: "file:key.txt"}}
      path_rewrite: {pattern_replace: {pattern: "^/${FLEET_TEST_PATH}/(.*)$", replacement: "/${FLEET_TEST_PATH}-b/$1"}}
      transform_response: {headers: {X-Plain: "of ${FLEET_TEST_PATH}"}}
      upstreams:
        main: {targets: [{name: a, url: "http://${FLEET_TEST_HOST}:${FLEET_TEST_PORT}"}]}
endpoints:
  - {path: "/${FLEET_TEST_PATH}/{id}", method: GET, handler: proxy, upstream: main}
  - {path: /b, method: GET, handler: static, config: {static: {body: {a: "${FLEET_TEST_BODY}", id: "{{now}}"}}}}
  - {path: /c, method: GET, handler: static, config: {static: {body: "${FLEET_TEST_BODY}"}}}
`)
	if report := r.reload(); report.Problems.Err() != nil {
		t.Fatal(report.Problems)
	}
	w, err := r.fleet.Text(context.Background(), "one", "")
	if err != nil || len(w.Resources) < 3 {
		t.Fatalf("%+v %v", w, err)
	}
	var all strings.Builder
	for _, x := range w.Resources {
		text, err := r.fleet.Content(context.Background(), "one", w.Version, x.Type, x.Name)
		if err != nil || len(text) == 0 {
			t.Fatalf("%+v: %v", x, err)
		}
		all.Write(text)
	}
	for _, secret := range []string{"hidden", "54321", base64.StdEncoding.EncodeToString([]byte("hidden"))[:7]} {
		if i := strings.Index(all.String(), secret); i >= 0 {
			t.Errorf("%s is told: %.300s", secret, all.String()[max(0, i-100):])
		}
	}
	for _, stands := range []string{"file:key.txt", "of ${FLEET_TEST_PATH}", "${FLEET_TEST_BODY}"} {
		if !strings.Contains(all.String(), stands) {
			t.Errorf("no %s in %s", stands, all.String())
		}
	}
}
