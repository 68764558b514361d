package blueprints

import (
	"strings"
	"testing"
)

// A pool that an edit names anew is looked for, also where nothing else of the file
// changed; and one file may name what another has.
func TestNamedPoolsAreLookedFor(t *testing.T) {
	t.Parallel()
	const good = `
plugins: {proxy: {config: {upstreams: {a: {targets: ["http://a:1"], fallback: FALLBACK}}}}}
endpoints:
  - path: /
    proxy: {split: {a: 2, SPLIT: 1}, canary: {upstream: CANARY, headers: {x: y}}, mirror: MIRROR}
`
	named := func(place string) string {
		text := good
		for _, p := range []string{"FALLBACK", "SPLIT", "CANARY", "MIRROR"} {
			name := "b"
			if p == place {
				name = "missing"
			}
			text = strings.ReplaceAll(text, p, name)
		}
		return text
	}
	r := newRig(t, Options{Path: "main.yaml"}, map[string]string{
		"main.yaml":    "include: parts/*.yaml\n",
		"parts/a.yaml": named(""),
		"parts/b.yaml": "plugins: {proxy: {config: {upstreams: {b: {targets: [\"http://b:1\"]}}}}}\n",
	})
	for _, place := range []string{"FALLBACK", "SPLIT", "CANARY", "MIRROR"} {
		r.load()
		r.load() // from where that ended
		r.write("parts/a.yaml", named(place))
		r.load(`there is no pool "missing"`)
		r.write("parts/a.yaml", named(""))
	}
	if pools := r.one(r.load()).Endpoints[0].Proxy.Pools(); strings.Join(pools, " ") != "a a b b" {
		t.Errorf("pools %v", pools)
	}
}
