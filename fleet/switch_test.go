package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
	"backworks/xds"
)

// switching is a fleet of one node, to be switched.
func switching(t *testing.T) (*seenNode, func(to Switch, target string, fails bool)) {
	n := newNode(t)
	n.pool.Targets[0].Name, n.pool.Targets[1].Name = "a", "b"
	return n, func(to Switch, target string, fails bool) {
		t.Helper()
		f := &Fleet{breakers: n.work}
		if err := f.Switch(Switched{Target: target}, to); (err != nil) != fails {
			t.Errorf("%s %s: %v", to, target, err)
		}
	}
}

// lie are how many assignments lie over those of a group, and of its nodes.
func (n *seenNode) lie(what string, all, one int) {
	n.Helper()
	if a, o := len(n.server.overlays[place{nodeAt.file, ""}]), len(n.server.overlays[nodeAt]); a != all || o != one {
		n.Errorf("%s: %d lie over the group's and %d over the node's, want %d and %d", what, a, o, all, one)
	}
}

// TestDrain: it holds for all nodes, over restarts, whatever the breakers do besides, until
// it is ended, or the target is gone.
func TestDrain(t *testing.T) {
	t.Parallel()
	n, do := switching(t)
	n.look(0)
	do(Drain, "nobody", true)
	do(Drain, "b", false)
	do(Drain, "b", false)
	n.lie("drained", 1, 0)
	n.end()
	n.server = &recorder{}
	n.begin()
	n.lie("after a restart", 1, 0)
	drainedAlone := n.server.overlays[place{nodeAt.file, ""}][0].Version()
	n.a.Ejected = true
	n.look(time.Second)
	n.lie("the other one is open in one Envoy", 1, 1)
	if v := n.server.overlays[nodeAt][0].Version(); v == drainedAlone {
		t.Error("the other one is not out")
	}
	f := &Fleet{breakers: n.work}
	plain := TargetStatus{Blueprint: nodeAt.file, Node: nodeAt.node, Health: Healthy}
	for _, target := range n.pool.Targets {
		s := f.breakers.beside(n.pool, target, []TargetStatus{plain})[0]
		if s.Drained != (target.Name == "b") || s.Breaker.State != map[bool]BreakerState{true: BreakerOpen, false: BreakerClosed}[target.Name == "a"] || !s.Breaker.HalfOpens {
			t.Errorf("%s: drained %v, breaker %+v", target.Name, s.Drained, s.Breaker)
		}
	}
	without := *n.pool
	without.Targets = n.pool.Targets[:1]
	n.publish(&without)
	n.lie("it is gone", 0, 1)
	n.publish(n.pool)
	n.lie("it came back", 0, 1)
}

// TestDrainOnOtherReleases: a node that is on a release of its own has that one's pool, and
// gRPC clients have it in their way.
func TestDrainOnOtherReleases(t *testing.T) {
	t.Parallel()
	n, do := switching(t)
	version := func(targets ...*blueprints.Target) *release {
		p := *n.pool
		p.Targets = targets
		return &release{bp: &blueprints.Blueprint{File: nodeAt.file, Pools: []*blueprints.Pool{&p}}, state: &translate.State{}}
	}
	a, b, c := n.pool.Targets[0], n.pool.Targets[1], &blueprints.Target{Name: "c", Host: "10.0.0.3", Port: 1, Weight: 1}
	where := placed{base: version(a, b), others: map[string]*release{"canary": version(a, b, c)}, grpc: true}
	n.work.publish(map[string]placed{nodeAt.file: where})
	do(Drain, "b", false)
	n.lie("drained", 1, 0)
	canary, grpc := n.server.overlays[place{nodeAt.file, "canary"}], n.server.overlays[place{GRPCDialect.group(nodeAt.file), ""}]
	if len(canary) != 1 || len(grpc) != 1 {
		t.Fatalf("the canary has %d, gRPC clients %d", len(canary), len(grpc))
	}
	versions := map[string]bool{canary[0].Version(): true, grpc[0].Version(): true, n.server.overlays[place{nodeAt.file, ""}][0].Version(): true}
	if len(versions) != 3 {
		t.Error("some have the same assignment")
	}
	n.work.publish(map[string]placed{nodeAt.file: {base: where.others["canary"], grpc: true}})
	if left := n.server.overlays[place{nodeAt.file, "canary"}]; len(left) != 0 {
		t.Errorf("the canary still has one of its own: %v", left)
	}
	do(Restore, "b", false)
	n.lie("restored", 0, 0)
}

// TestEjectAndRestore: ejected by hand, it is tried after its time; restored, it has its
// share at once, though Envoy itself holds it out.
func TestEjectAndRestore(t *testing.T) {
	t.Parallel()
	n, do := switching(t)
	var told []string
	n.work.event = func(e Event) { told = append(told, string(e.Kind)+" "+e.Subject+" "+e.Text) }
	do(Eject, "b", true) // nobody has looked yet
	n.look(0)
	do(Eject, "b", false)
	n.wants("ejected", 1, BreakerOpen)
	n.look(11 * time.Second)
	n.wants("at its time", 1, BreakerHalfOpen)
	if all := strings.Join(told, "\n"); !strings.Contains(all, "switch b pool p: eject by hand") || !strings.Contains(all, "breaker b pool p: HalfOpen") {
		t.Errorf("events: %s", all)
	}
	do(Restore, "b", false)
	n.wants("restored, but its Envoy has to forget it", 1, BreakerClosed)
	n.b.Ejected = true
	n.look(trialLook)
	n.wants("it is still there", 1, BreakerClosed)
	s := sight{at: n.now, hosts: map[string]envoy.Host{aName: n.a}}
	n.work.take(nodeAt, n.work.watched(nodeAt), map[string]sight{"p": s}, n.now)
	n.wants("it has gone", 0, BreakerClosed)
	n.b = envoy.Host{EDSHealth: "HEALTHY"}
	n.look(trialLook)
	n.wants("it is back", 0, BreakerClosed)
	do("explode", "b", true)
}

// TestSwitchMeansOne: a name that several have is refused, unless it is told which.
func TestSwitchMeansOne(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.pool.Targets[1].Name = "b"
	other := &blueprints.Pool{Name: "q", Targets: n.pool.Targets}
	n.work = newBreakers(n.server, nil, hclog.NewNullLogger())
	n.publish(n.pool, other)
	f := &Fleet{breakers: n.work}
	for of, good := range map[Switched]bool{
		{Target: "b"}: false, {Target: "b", Pool: "q"}: true, {Target: "b", Pool: "q", Blueprint: "main.yaml"}: true,
		{Target: "b", Pool: "q", Blueprint: "other.yaml"}: false, {Target: "b", Pool: "r"}: false,
	} {
		if err := f.Switch(of, Drain); (err == nil) != good {
			t.Errorf("%+v: %v", of, err)
		}
	}
	var names []string
	for _, r := range n.server.overlays[place{nodeAt.file, ""}] {
		names = append(names, (*xds.Resource).Name(r))
	}
	if len(names) != 1 || names[0] != "q" {
		t.Errorf("drained in %v", names)
	}
}
