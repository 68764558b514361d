package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
)

// stage waits until the rollout of one.yaml is there.
func (r *rig) stage(want Stage) RolloutStatus {
	r.Helper()
	status := func() RolloutStatus { return r.fleet.Status().Blueprints[0].Rollout }
	r.until("stage "+string(want), func() bool { return status().Stage == want })
	return status()
}

// gives waits until the nodes a and b are given these versions.
func (r *rig) gives(a, b string) {
	r.Helper()
	r.until(a+" and "+b, func() bool { return r.server.has("a") == a && r.server.has("b") == b })
}

// fleetOfTwo has the nodes a and b on one.yaml, which they accepted, and the version.
func fleetOfTwo(t *testing.T) (r *rig, first string) {
	r = newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://10.0.0.1:80")})
	r.comeBack()
	r.server.sync("a", "b")
	return r, r.stage(Accepted).Version
}

func (r *rig) comeBack() {
	r.server.connect("a", r.file("one.yaml"))
	r.server.connect("b", r.file("one.yaml"))
}

// edit saves another version, and takes it to all.
func (r *rig) edit(pool string) string {
	r.Helper()
	r.write("one.yaml", blueprint("one", pool))
	r.reload()
	v := r.stage(Canary).Version
	r.server.sync("a")
	r.gives(v, v)
	r.server.sync("b")
	r.stage(Accepted)
	return v
}

// TestRefusalIsRemembered, and what is served in its place, by the next process.
func TestRefusalIsRemembered(t *testing.T) {
	t.Parallel()
	r, first := fleetOfTwo(t)
	r.write("one.yaml", blueprint("one", "p=http://10.0.0.2:80"))
	r.reload()
	second := r.stage(Canary).Version
	r.gives(second, first)
	r.server.refuse("a", "no")
	r.stage(Refused)
	r.stop()
	r.start()
	s := r.stage(Refused)
	r.comeBack()
	r.gives(first, first)
	if st := r.fleet.Status(); s.Version != second || !st.Degraded || len(st.Problems.Errors()) != 1 || st.Blueprints[0].Version != first {
		t.Errorf("status %+v", st)
	}
	r.server.sync("a", "b")
	r.until("ready", r.fleet.Ready)
}

// TestEditInBetween: an edit while the management server was away is tried by a canary,
// and the others keep what they have. A name that only this version has is resolved.
func TestEditInBetween(t *testing.T) {
	t.Parallel()
	r, first := fleetOfTwo(t)
	r.stop()
	r.write("one.yaml", blueprint("one", "p=http://a.test:80"))
	r.start()
	second := r.stage(Waiting).Version
	r.comeBack()
	r.gives(second, first)
	if r.group("one.yaml").Others["a"].Overlay == nil {
		t.Error("no endpoint state")
	}
	r.server.sync("a")
	r.gives(second, second)
	r.server.sync("b")
	r.stage(Accepted)
}

// TestByHand: back to a version of before, which a restart does not undo, and forward
// again.
func TestByHand(t *testing.T) {
	t.Parallel()
	r, first := fleetOfTwo(t)
	second := r.edit("p=http://10.0.0.2:80")
	third := r.edit("p=http://10.0.0.3:80")
	ctx := context.Background()
	if err := r.fleet.Rollback(ctx, "one.yaml", second); err != nil {
		t.Fatal(err)
	}
	r.gives(second, second)
	if err := r.fleet.Rollback(ctx, "one", first); err != nil {
		t.Fatal(err)
	}
	r.gives(first, first)
	r.server.sync("a", "b")
	r.stage(RolledBack)
	r.stop()
	r.start()
	r.stage(RolledBack)
	r.comeBack()
	r.gives(first, first)
	r.server.sync("a", "b")
	if err := r.fleet.Retry(ctx, ""); err != nil {
		t.Fatal(err)
	}
	r.gives(third, first)
	r.server.sync("a")
	r.gives(third, third)
	r.server.sync("b")
	r.stage(Accepted)
	if err := r.fleet.Rollback(ctx, "", ""); err != nil {
		t.Fatal(err)
	}
	r.gives(first, first) // it was accepted after the second
	for what, err := range map[string]error{
		"an unknown version":   r.fleet.Rollback(ctx, "", "0000"),
		"the present version":  r.fleet.Rollback(ctx, "", first),
		"an unknown blueprint": r.fleet.Rollback(ctx, "other.yaml", first),
	} {
		if err == nil {
			t.Errorf("rolled back to %s", what)
		}
	}
	if h := r.fleet.History(""); len(h) != 1 || len(h[r.file("one.yaml")]) != 3 {
		t.Errorf("history %+v", h)
	}
}

// TestArchiveIsBounded: the newest are kept, and the one that was accepted last.
func TestArchiveIsBounded(t *testing.T) {
	t.Parallel()
	to := &versions{records: map[string]map[string][]byte{}, files: map[string]blueprints.FileSet{}}
	a := newArchive(to, hclog.NewNullLogger())
	began := time.Now()
	for i := range 3 * Versions {
		v := Verdict{Stage: Refused, At: began.Add(time.Duration(i) * time.Second)}
		if i == 1 {
			v.Stage = Accepted
		}
		a.record("/m", &release{bp: &blueprints.Blueprint{Version: fmt.Sprint(i)}}, v)
	}
	a.write()
	again := newArchive(to, hclog.NewNullLogger())
	for _, list := range [][]Version{a.versions("/m"), again.versions("/m")} {
		if len(list) != Versions || list[0].Version != fmt.Sprint(3*Versions-1) || list[Versions-1].Version != "1" {
			t.Errorf("%d are kept: %+v", len(list), list)
		}
	}
	if v, ok := again.accepted("/m"); !ok || v.Version != "1" || again.verdict("/m", "2") != nil || again.verdict("/m", "149") == nil {
		t.Errorf("accepted %+v", v)
	}
}

// TestAddressesFlow to every node, on whatever version it is.
func TestAddressesFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://a.test:80")})
	r.comeBack()
	r.server.sync("a", "b")
	first := r.stage(Accepted).Version
	r.write("one.yaml", blueprint("one", "p=http://a.test:8080"))
	r.reload()
	second := r.stage(Canary).Version
	r.gives(second, first)
	before := r.group("one.yaml")
	r.names.set("a.test", "10.0.0.9")
	r.until("both have the new address", func() bool {
		g := r.group("one.yaml")
		return g.Overlay != before.Overlay && g.Others["a"].Overlay != before.Others["a"].Overlay
	})
	r.gives(second, first)
	r.server.refuse("a", "no")
	r.gives(first, first)
	if g := r.group("one.yaml"); g.Overlay == before.Overlay || g.Overlay == nil {
		t.Error("going back forgot the new address")
	}
}
