package fleet

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"testing"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// overlay is what the nodes of a blueprint should have as addresses.
func overlay(t *testing.T, bp *blueprints.Blueprint, addresses map[string][]netip.Addr) []*xds.Resource {
	t.Helper()
	var out []*xds.Resource
	for _, a := range translate.Assignments(bp, translate.State{Addresses: addresses}) {
		r, err := xds.NewResource(a.Message, a.Name, a.Position.String())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// loaded reads file as the fleet does.
func (r *rig) loaded(file string) *blueprints.Blueprint {
	r.Helper()
	res := blueprints.NewLoader(blueprints.Options{Path: r.file(file)}).Load()
	if err := res.Problems.Err(); err != nil || len(res.Set.Blueprints) != 1 {
		r.Fatalf("load %s: %v", file, err)
	}
	return res.Set.Blueprints[0]
}

func addr(s ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestFirstLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{
		"one.yaml": blueprint("one", "p=http://a.test:80", "q=http://b.test:81"),
		"two.yaml": blueprint("two", "p=http://10.0.0.9:80"),
	})
	if groups, publishes := r.server.given(); len(groups) != 2 || publishes != 1 {
		t.Fatalf("%d groups in %d publishes", len(groups), publishes)
	}
	want := overlay(t, r.loaded("one.yaml"), map[string][]netip.Addr{"a.test": addr("10.0.0.1"), "b.test": addr("10.0.0.2", "fd00::2")})
	if got := r.overlay("one.yaml"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s := r.fleet.Status()
	if s.Degraded || len(s.Problems) != 0 || len(s.Unresolved) != 0 || len(s.Blueprints) != 2 || s.Last.Outcome != Published || s.Last.By != "start" {
		t.Errorf("status %+v", s)
	}
	if b := s.Blueprints[0]; b.Name != "one" || b.Version == "" || b.Since.IsZero() {
		t.Errorf("blueprint %+v", b)
	}
}

// TestBadEdit: the last good version stays, the problem shows, and goes with the
// next good save.
func TestBadEdit(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{
		"one.yaml": blueprint("one", "p=http://a.test:80"),
		"two.yaml": blueprint("two", "p=http://10.0.0.9:80"),
	})
	one, two := r.group("one.yaml").Snapshot, r.group("two.yaml").Snapshot
	r.write("one.yaml", blueprint("one", "p=http://a.test:80")+"nonsense: [\n")
	report := r.reload()
	if report.Outcome != Rejected || len(report.Problems.Errors()) == 0 || report.By != "hand" {
		t.Errorf("report %+v", report)
	}
	s := r.fleet.Status()
	if !s.Degraded || !s.Blueprints[0].Degraded || s.Blueprints[1].Degraded {
		t.Errorf("status %+v", s)
	}
	if len(r.overlay("one.yaml")) != 1 || r.group("two.yaml").Snapshot != two {
		t.Error("another version than the last good one is served")
	}
	if s.Blueprints[0].Version != r.fleet.rollouts[r.file("one.yaml")].newest.version() {
		t.Error("status shows another version than what is served")
	}
	if n := r.fleet.Numbers(); n.Loads[Rejected] != 1 || n.Loads[Published] != 1 || n.Degraded != 1 || n.Errors == 0 {
		t.Errorf("numbers %+v", n)
	}

	r.write("one.yaml", blueprint("one", "p=http://a.test:8080"))
	if report := r.reload(); report.Outcome != Published || len(report.Problems) != 0 {
		t.Errorf("report %+v", report)
	}
	if s := r.fleet.Status(); s.Degraded || len(s.Problems) != 0 {
		t.Errorf("status %+v", s)
	}
	if r.group("one.yaml").Snapshot == one || r.group("two.yaml").Snapshot != two {
		t.Error("the edited blueprint, and only that, is to be published")
	}
}

func TestUnchangedPushesNothing(t *testing.T) {
	t.Parallel()
	content := blueprint("one", "p=http://a.test:80")
	r := newRig(t, map[string]string{"one.yaml": content})
	r.write("one.yaml", content)
	if report := r.reload(); report.Outcome != Unchanged {
		t.Errorf("report %+v", report)
	}
	if _, publishes := r.server.given(); publishes != 1 {
		t.Errorf("%d publishes", publishes)
	}
}

// TestWatched: a signal loads, as a reload does; a blueprint that goes is taken
// away when its last good version is not kept on.
func TestWatched(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://10.0.0.1:80", "q=http://10.0.0.2:80")})
	r.write("one.yaml", blueprint("one", "p=http://10.0.0.7:80"))
	r.changes <- struct{}{}
	want := overlay(t, r.loaded("one.yaml"), nil)
	r.until("the assignment that is left", func() bool { return reflect.DeepEqual(r.overlay("one.yaml"), want) })
	r.write("new.yaml", blueprint("new", "p=http://10.0.0.1:80"))
	r.changes <- struct{}{}
	r.until("a new blueprint", func() bool { return r.group("new.yaml").Snapshot != nil })
}

// TestSharedPools: an edit marshals what it changed and no more.
func TestSharedPools(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{
		"one.yaml":   "include: [inc/*.yaml]\n" + blueprint("one", "p=http://10.0.0.1:80"),
		"inc/a.yaml": "plugins: {proxy: {config: {upstreams: {a: {targets: [{name: t, url: \"http://10.0.0.2:80\"}]}}}}}\n",
	})
	if err := r.fleet.Status().Problems.Err(); err != nil {
		t.Fatal(err)
	}
	before := r.overlay("one.yaml")
	r.write("one.yaml", "include: [inc/*.yaml]\n"+blueprint("one", "p=http://10.0.0.8:80"))
	if report := r.reload(); report.Outcome != Published {
		t.Fatalf("report %+v", report)
	}
	after := r.overlay("one.yaml")
	if len(before) != 2 || len(after) != 2 || before[0] != after[0] || before[1] == after[1] {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestLastGoodIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://10.0.0.1:80")})
	<-r.kept.saved
	r.kept.mu.Lock()
	r.kept.fails = errors.New("disk is full")
	r.kept.mu.Unlock()
	r.write("one.yaml", blueprint("one", "p=http://10.0.0.2:80"))
	r.reload()
	<-r.kept.saved
	r.until("the failure", func() bool { return r.fleet.Status().NotKept == "disk is full" })
	r.kept.mu.Lock()
	r.kept.fails = nil
	r.kept.mu.Unlock()
	last := blueprint("one", "p=http://10.0.0.3:80")
	r.write("one.yaml", last)
	r.reload()
	r.stop() // flushes what waits
	if got := string(r.kept.good[r.file("one.yaml")][r.file("one.yaml")]); got != last {
		t.Errorf("kept %q", got)
	}
	if s := r.fleet.Status(); s.NotKept != "" {
		t.Errorf("still not kept: %s", s.NotKept)
	}
}

func TestReloadAfterTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": blueprint("one", "p=http://10.0.0.1:80")})
	r.stop()
	if _, err := r.fleet.Reload(context.Background()); !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(r.file("one.yaml")); err != nil {
		t.Fatal(err)
	}
}

func TestNothingToServe(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"one.yaml": "endpoints: [\n"})
	s := r.fleet.Status()
	if len(s.Blueprints) != 0 || !s.Degraded || s.Ready || s.Last.Outcome != Rejected {
		t.Errorf("status %+v", s)
	}
}
