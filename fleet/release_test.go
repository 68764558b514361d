package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// site is a blueprint of so many pools, each of one target.
func site(version string, pools int) *blueprints.Blueprint {
	bp := &blueprints.Blueprint{File: "/main.yaml", Version: version, Server: blueprints.Server{Host: "0.0.0.0", Port: 80}}
	for i := range pools {
		at := blueprints.Position{File: "main.yaml", Line: i + 1, Column: 1}
		bp.Pools = append(bp.Pools, &blueprints.Pool{
			Position: at, Name: fmt.Sprintf("pool-%05d", i), Algorithm: blueprints.RoundRobin, ConnectTimeout: 1e9,
			Targets: []*blueprints.Target{{Position: at, Name: "t", Host: fmt.Sprintf("h%d.test", i), Port: 80, Weight: 1}},
		})
	}
	return bp
}

// edited is bp at another version, with one pool changed.
func edited(bp *blueprints.Blueprint, version string, i int, change func(*blueprints.Pool)) *blueprints.Blueprint {
	out, pool := *bp, *bp.Pools[i]
	target := *pool.Targets[0]
	pool.Targets = []*blueprints.Target{&target}
	change(&pool)
	out.Version, out.Pools = version, slices.Clone(bp.Pools)
	out.Pools[i] = &pool
	return &out
}

func built(t testing.TB, before *release, bp *blueprints.Blueprint, state *translate.State) *release {
	t.Helper()
	var prev *translate.Resources
	if before != nil {
		prev = before.translated
	}
	resources, problems := translate.Update(prev, bp)
	if resources == nil {
		t.Fatal(problems)
	}
	r, err := EnvoyDialect.build(before, bp, resources, nil, state)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReleaseOfBefore: what is made out of the release before is what would be made
// anew, with as much as possible the same.
func TestReleaseOfBefore(t *testing.T) {
	t.Parallel()
	state := &translate.State{Addresses: map[string][]netip.Addr{}}
	for i := range 40 {
		state.Addresses[fmt.Sprintf("h%d.test", i)] = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}
	}
	first := built(t, nil, site("1", 40), state)
	for name, c := range map[string]struct {
		bp      *blueprints.Blueprint
		changed int
	}{
		"nothing":   {edited(first.bp, "2", 7, func(*blueprints.Pool) {}), 0},
		"a port":    {edited(first.bp, "2", 7, func(p *blueprints.Pool) { p.Targets[0].Port++ }), 1},
		"a host":    {edited(first.bp, "2", 7, func(p *blueprints.Pool) { p.Targets[0].Host = "h1.test" }), 1},
		"the place": {edited(first.bp, "2", 7, func(p *blueprints.Pool) { p.Line = 1000 }), 1},
		"resolve":   {edited(first.bp, "2", 7, func(p *blueprints.Pool) { p.ResolveByEnvoy = true }), 1},
		"the name":  {edited(first.bp, "2", 7, func(p *blueprints.Pool) { p.Name += "x" }), 1},
	} {
		next, anew := built(t, first, c.bp, state), built(t, nil, c.bp, state)
		a, b := next.xds.Overlay.Resources(assignmentURL), anew.xds.Overlay.Resources(assignmentURL)
		alike := func(x, y *xds.Resource) bool {
			return x.Name() == y.Name() && x.Version() == y.Version() && x.Origin() == y.Origin()
		}
		if !slices.EqualFunc(a, b, alike) || !slices.EqualFunc(next.resources, anew.resources, alike) {
			t.Errorf("%s: another release", name)
		}
		if next.xds.Snapshot.Version() != "2" {
			t.Errorf("%s: version %s", name, next.xds.Snapshot.Version())
		}
		changed := count(a, func(x *xds.Resource) bool { return !slices.Contains(first.xds.Overlay.Resources(assignmentURL), x) })
		if changed > c.changed {
			t.Errorf("%s: %d assignments were made anew", name, changed)
		}
		back := built(t, next, site("3", 40), state)
		if !slices.EqualFunc(back.xds.Overlay.Resources(assignmentURL), first.xds.Overlay.Resources(assignmentURL), alike) ||
			!slices.EqualFunc(back.resources, first.resources, alike) {
			t.Errorf("%s: the way back leads elsewhere", name)
		}
	}
}

// BenchmarkRelease is what an edit of one target costs from its translation until the
// streams are told.
func BenchmarkRelease(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			first := built(b, nil, site("1", n), &translate.State{})
			server := xds.NewServer(xds.Options{})
			server.PublishGroups(map[string]xds.Group{"": {Release: first.xds}})
			b.ReportAllocs()
			before := first
			for i := 0; b.Loop(); i++ {
				bp := edited(before.bp, fmt.Sprint(i), n/2, func(p *blueprints.Pool) { p.Targets[0].Host = fmt.Sprintf("10.0.%d.%d", i/250%250, i%250) })
				before = built(b, before, bp, before.state)
				server.PublishGroups(map[string]xds.Group{"": {Release: before.xds}})
			}
		})
	}
}
