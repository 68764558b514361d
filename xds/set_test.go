package xds

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// some are resources with these names, at a version; of a name and a version there is
// one.
func some(version string, names ...int) (out []*Resource) {
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		r := &Resource{url: typeEndpoint, name: fmt.Sprintf("%03d", n), version: version}
		r.sum = sumOf(r.name, r.version)
		out = append(out, r)
	}
	return out
}

// TestOver: few resources or many over others are as if the whole were made anew.
func TestOver(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n int) (out []int) {
		for range n {
			out = append(out, random.IntN(500))
		}
		return out
	}
	for range 300 {
		base, over := newSet(typeEndpoint, some("a", pick(random.IntN(300))...)), newSet(typeEndpoint, some("b", pick(random.IntN(40))...))
		before := slices.Clone(base.all)
		got, want := over.over(base), newSet(typeEndpoint, merge(over.all, base.all))
		if !slices.Equal(got.all, want.all) || got.sum != want.sum {
			t.Fatalf("%d over %d gave %d, want %d", len(over.all), len(base.all), len(got.all), len(want.all))
		}
		if !slices.Equal(base.all, before) {
			t.Fatal("the base has changed")
		}
		o := NewOverlay(base.all).With(over.all)
		if !slices.Equal(o.Resources(typeEndpoint), want.all) || len(want.all) > 0 && o.sum != want.sum {
			t.Fatal("an overlay differs")
		}
		c := compare(base.all, got.all)
		part := &names{}
		for _, r := range some("", pick(100)...) {
			part.list = append(part.list, r.name)
		}
		base.version(part)
		got.inherit(base, c, part)
		if v := got.version(part); v != want.version(part) {
			t.Fatalf("a part has version %s, want %s", v, want.version(part))
		}
		back := newSet(typeEndpoint, before)
		back.inherit(got, compare(got.all, back.all), part)
		if v := back.version(part); v != base.version(part) {
			t.Fatalf("on the way back a part has version %s, want %s", v, base.version(part))
		}
		if len(c.gone) > 0 || !slices.Equal(c.put, over.all) {
			t.Fatalf("%d differ, want %d", len(c.put), len(over.all))
		}
	}
}
