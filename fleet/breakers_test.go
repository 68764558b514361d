package fleet

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

// notes is a Memory.
type notes struct {
	mu    sync.Mutex
	kept  map[string][]byte
	fails error
}

func (n *notes) Note(name string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kept[name], n.fails
}

func (n *notes) SetNote(name string, value []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[name] = value
	return nil
}

// seenNode is an Envoy whose breakers are worked, with one pool of two targets.
type seenNode struct {
	*two
	server *recorder
	notes  *notes
	work   *breakers
}

var nodeAt = place{"/x/main.yaml", "n"}

func newNode(t *testing.T) *seenNode {
	n := &seenNode{two: newTwo(t), server: &recorder{}, notes: &notes{kept: map[string][]byte{}}}
	n.now = time.Now()
	n.begin()
	return n
}

// begin starts the management server, after another one as well.
func (n *seenNode) begin() {
	n.work = newBreakers(n.server, n.notes, hclog.NewNullLogger())
	n.publish(n.pool)
}

func (n *seenNode) publish(pools ...*blueprints.Pool) {
	rel := &release{bp: &blueprints.Blueprint{File: nodeAt.file, Pools: pools}, state: &translate.State{}}
	n.work.publish(map[string]placed{nodeAt.file: {base: rel}})
}

func (n *seenNode) look(after time.Duration) {
	n.now = n.now.Add(after)
	s := sight{at: n.now, hosts: map[string]envoy.Host{aName: n.a, bName: n.b}, stats: n.stats}
	n.work.take(nodeAt, n.work.watched(nodeAt), map[string]sight{"p": s}, n.now)
}

// end stops the management server, with everything written.
func (n *seenNode) end() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n.work.memory.run(ctx)
}

func (n *seenNode) wants(what string, overlay int, state BreakerState) {
	n.Helper()
	if got := len(n.server.overlays[nodeAt]); got != overlay {
		n.Errorf("%s: %d assignments lie over those of all, want %d", what, got, overlay)
	}
	for _, s := range n.work.statuses() {
		if s.Target == "b" && s.State != state {
			n.Errorf("%s: b is %s, want %s", what, s.State, state)
		}
	}
}

// TestBreakersOverReleases: what is open lies over whatever a node is on, only as long as
// the blueprint has it.
func TestBreakersOverReleases(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.pool.Targets[1].Name = "b"
	n.look(0)
	n.wants("all is well", 0, BreakerClosed)
	n.b.Ejected = true
	n.look(time.Second)
	n.wants("it is open", 1, BreakerOpen)
	first := n.server.overlays[nodeAt][0].Version()
	heavier := *n.pool
	heavier.Targets = append([]*blueprints.Target{{Host: "10.0.0.3", Port: 1, Weight: 7}}, n.pool.Targets...)
	n.publish(&heavier)
	n.wants("another target came", 1, BreakerOpen)
	if n.server.overlays[nodeAt][0].Version() == first {
		t.Error("the target that came is not among those of the node")
	}
	without := *n.pool
	without.Targets = n.pool.Targets[:1]
	n.publish(&without)
	n.wants("its target went", 0, BreakerClosed)
	n.look(time.Second)
	n.publish(n.pool)
	n.wants("and came back", 0, BreakerClosed)
	n.look(time.Second)
	n.wants("it is open once more", 1, BreakerOpen)
	short := *n.pool
	short.Breaker = &blueprints.Breaker{RecoveryTimeout: time.Second}
	n.publish(&short)
	n.wants("Envoy's own ejection serves alone", 0, BreakerClosed)
}

// TestBreakersAreKept: an open breaker is open for the rest of its time after a restart;
// one that was being tried is tried anew.
func TestBreakersAreKept(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.pool.Targets[1].Name = "b"
	n.b.Ejected = true
	n.look(time.Second)
	until := n.work.statuses()[1].Until
	n.end()
	n.b = envoy.Host{EDSHealth: "UNHEALTHY"} // Envoy is another one as well
	n.server = &recorder{}
	n.begin()
	n.wants("before anything was looked at", 1, BreakerOpen)
	if got := n.work.statuses()[1].Until; !got.Equal(until) {
		t.Errorf("it is open until %v, want %v", got, until)
	}
	n.look(9 * time.Second)
	n.wants("before its time", 1, BreakerOpen)
	n.look(time.Second)
	n.wants("at its time", 1, BreakerHalfOpen)
	n.end()
	n.begin()
	n.wants("it was being tried", 1, BreakerOpen)
	n.look(time.Second)
	n.wants("it is tried anew", 1, BreakerHalfOpen)
	n.b.RequestsTotal, n.b.RequestsSuccess = 3, 3
	n.look(time.Second)
	n.wants("three were good", 0, BreakerClosed)
	n.end()
	n.begin()
	n.wants("nothing is kept of it", 0, BreakerClosed)
}

// TestBreakersThatCannotBeRead begin anew, and are kept from then on.
func TestBreakersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.notes.kept[breakerNote] = []byte("{")
	n.begin()
	n.wants("no JSON", 0, BreakerClosed)
	n.notes.fails = errors.New("broken")
	n.begin()
	n.notes.fails = nil
	n.b.Ejected = true
	n.look(time.Second)
	n.end()
	if !strings.Contains(string(n.notes.kept[breakerNote]), bName) {
		t.Errorf("kept: %s", n.notes.kept[breakerNote])
	}
}

// TestBreakersNobodySees: a target is not held out for ever by a breaker whose Envoy
// cannot be asked any more.
func TestBreakersNobodySees(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.pool.Targets[1].Name = "b"
	n.b.Ejected = true
	n.look(time.Second)
	n.work.lose(n.now.Add(35 * time.Second))
	n.wants("its time is over, but not for long", 1, BreakerOpen)
	n.work.lose(n.now.Add(41 * time.Second))
	n.wants("nobody looks", 0, BreakerClosed)
}

// TestQuietNodes are left alone: it is not known yet what they are to have.
func TestQuietNodes(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.b.Ejected = true
	n.look(time.Second)
	n.end()
	n.server = &recorder{}
	n.work = newBreakers(n.server, n.notes, hclog.NewNullLogger())
	rel := &release{bp: &blueprints.Blueprint{File: nodeAt.file, Pools: []*blueprints.Pool{n.pool}}, state: &translate.State{}}
	n.work.publish(map[string]placed{nodeAt.file: {base: rel, quiet: true}})
	n.wants("it is quiet", 0, BreakerOpen)
	n.work.publish(map[string]placed{nodeAt.file: {base: rel}})
	n.wants("it is not", 1, BreakerOpen)
}

// TestTrying: while a breaker is half open, only pools are looked at that have one which is
// not closed.
func TestTrying(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	other := *n.pool
	other.Name = "q"
	n.publish(n.pool, &other)
	are := func(what string, want int) {
		t.Helper()
		if got := n.work.trying(nodeAt, n.work.watched(nodeAt)); len(got) != want || got[0].Name != "p" {
			t.Errorf("%s: %d", what, len(got))
		}
	}
	are("all is well", 2)
	n.b.Ejected = true
	n.look(time.Second)
	are("one is open", 2)
	n.b.Ejected = false
	n.look(10 * time.Second)
	are("one is half open", 1)
	n.publish(n.pool)
	n.work.forget(nodeAt, n.work.watched(nodeAt))
	if len(n.work.pools[nodeAt]) != 1 {
		t.Errorf("%d pools are known", len(n.work.pools[nodeAt]))
	}
}
