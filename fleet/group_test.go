package fleet

import (
	"testing"

	"backworks/blueprints"
	"backworks/xds"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	meta := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	node := xds.Node{ID: "edge-eu-1", Cluster: "edge-eu", Metadata: map[string]any{"zone": "a", "tier": "gold", "cores": 2.0}}
	ids := func(s ...string) blueprints.Nodes { return blueprints.Nodes{IDs: s} }
	clusters := func(s ...string) blueprints.Nodes { return blueprints.Nodes{Clusters: s} }
	none := blueprints.Nodes{}
	for name, c := range map[string]struct {
		nodes []blueprints.Nodes // of the files 0, 1, …
		want  string
		also  int // how many fit as well
	}{
		"no blueprint":                  {nil, "", 0},
		"no rule fits all":              {[]blueprints.Nodes{none}, "0", 0},
		"nothing fits":                  {[]blueprints.Nodes{ids("other"), clusters("edge"), {Metadata: meta("zone", "b")}, {Metadata: meta("cores", "2")}, {Metadata: meta("no", "")}}, "", 0},
		"all rules have to fit":         {[]blueprints.Nodes{{IDs: []string{"edge-eu-1"}, Clusters: []string{"other"}}, none}, "1", 0},
		"exact id before id glob":       {[]blueprints.Nodes{ids("edge-*"), ids("x", "edge-eu-1")}, "1", 0},
		"longer literal part of an id":  {[]blueprints.Nodes{ids("edge-*"), ids("edge-*-1"), ids("*")}, "1", 0},
		"best of several patterns":      {[]blueprints.Nodes{ids("*", "edge-eu-*"), ids("edge-*")}, "0", 0},
		"id glob before metadata":       {[]blueprints.Nodes{{Metadata: meta("zone", "a", "tier", "gold")}, ids("*")}, "1", 0},
		"more metadata keys":            {[]blueprints.Nodes{{Metadata: meta("zone", "a")}, {Metadata: meta("zone", "a", "tier", "gold")}}, "1", 0},
		"metadata before exact cluster": {[]blueprints.Nodes{clusters("edge-eu"), {Metadata: meta("zone", "a")}}, "1", 0},
		"exact cluster before glob":     {[]blueprints.Nodes{clusters("edge-e*"), clusters("edge-eu")}, "1", 0},
		"longer literal of a cluster":   {[]blueprints.Nodes{clusters("e*"), clusters("edge-*"), clusters("*u")}, "1", 0},
		"any cluster before none":       {[]blueprints.Nodes{none, clusters("*")}, "1", 0},
		"same ids, cluster decides":     {[]blueprints.Nodes{ids("edge-eu-1"), {IDs: []string{"edge-eu-1"}, Clusters: []string{"edge-*"}}}, "1", 0},
		"the longest of several globs":  {[]blueprints.Nodes{ids("nobody"), ids("edge-*"), ids("*-eu-1"), ids("edge-eu*")}, "3", 0},
		"tie of three":                  {[]blueprints.Nodes{ids("edge-*"), ids("*-eu-1"), ids("ed*u-1")}, "0", 2},
		"a star in the middle":          {[]blueprints.Nodes{ids("e*-*-1"), ids("e*-*-2"), ids("edge-eu-1*1")}, "0", 0},
		"other characters are literal":  {[]blueprints.Nodes{ids("edge-eu-?"), ids("edge-eu-[0-9]")}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := &blueprints.Set{}
			for i, n := range c.nodes {
				set.Blueprints = append(set.Blueprints, &blueprints.Blueprint{File: string(rune('0' + i)), Nodes: n})
			}
			g := &Groups{}
			g.set.Store(set)
			got, ok := g.Group(node)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, c.want)
			}
			if best := bestFit(set, node); len(best) != 0 && len(best) != 1+c.also {
				t.Errorf("%d fit equally well, want %d more", len(best), c.also)
			}
		})
	}
	if _, ok := (&Groups{}).Group(node); ok {
		t.Error("a group before any load")
	}
}
