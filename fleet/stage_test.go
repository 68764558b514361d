package fleet

import (
	"errors"
	"strings"
	"testing"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/xds"
)

// TestNobodyConnected: the newest is taken, and tried by those that come.
func TestNobodyConnected(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a")
	s.accepted("1")
	s.leave("a")
	s.load("2")
	s.load("3")
	s.connect("a", "b")
	s.want("a=3 b=3")
	s.refuse("a")
	s.stage(Spread)
	s.refuse("b")
	s.stage(Refused)
	s.want("a=1 b=1")
}

// TestNothingToFallBackOn: what is refused is served on, since nothing else is there,
// and the next version is tried.
func TestNothingToFallBackOn(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a")
	s.load("1")
	s.refuse("a")
	s.stage(Refused)
	s.want("a=1")
	s.load("2")
	s.want("a=2")
	s.sync("a")
	s.stage(Accepted)
}

// TestSteps: shares of the nodes one after the other, each watched.
func TestSteps(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c", "d")
	s.accepted("1")
	s.how.Steps, s.how.Watch = []float64{50, 75}, 10*time.Second
	s.load("2")
	s.sync("a")
	s.want("a=2 b=1 c=1 d=1")
	s.pass(9 * time.Second)
	s.want("a=2 b=1 c=1 d=1")
	s.pass(time.Second)
	s.want("a=2 b=2 c=1 d=1")
	s.stage(Stepping)
	s.sync("b")
	s.pass(10 * time.Second)
	s.want("a=2 b=2 c=2 d=1")
	s.refuse("c")
	s.want("a=2 b=2 c=1 d=1")
	s.pass(10 * time.Second)
	s.want("a=2 b=2 c=1 d=2")
	s.sync("d")
	s.stage(Accepted)
	s.how.Canary = 0
	s.load("3")
	s.want("a=3 b=3 c=1 d=3")
}

// TestErrors: a version whose canary answers with more errors than the others is
// taken back.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers, errors uint64
		want            Stage
	}{"worse": {100, 20, Refused}, "hardly worse": {100, 8, Spread}, "too few to tell": {20, 20, Spread}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			load := func(answers, errors uint64) Load {
				return Load{Counts: xds.Counts{Successes: answers - errors, Errors: errors}}
			}
			loads := map[string]Load{"a": load(1000, 900), "b": load(1000, 0), "c": load(1000, 0)}
			s := newStages(t, "a", "b", "c", "d")
			s.r.how.load = func(id string) (Load, bool) { l, ok := loads[id]; return l, ok }
			s.accepted("1")
			s.how.Watch, s.how.MaxErrors = 10*time.Second, 5
			s.load("2")
			s.sync("a")
			loads["a"] = load(1000+c.answers, 900+c.errors)
			loads["b"], loads["c"] = load(1100, 5), load(1100, 5)
			s.pass(10 * time.Second)
			s.stage(c.want)
			if p, bad := s.r.problem(); bad && !strings.Contains(p.Message, "20.0 % of the answers of a are errors, and 5.0 %") {
				t.Error(p.Message)
			}
		})
	}
}

// TestCheck: nobody is sent what the check refuses.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b")
	s.accepted("1")
	done := make(chan struct{})
	s.r.how.Check = func(bp *blueprints.Blueprint) error {
		defer func() { <-done }()
		if bp.Version == "2" {
			return errors.New("no such filter")
		}
		return nil
	}
	told := make(chan func(), 1)
	s.r.how.checked = func(_, version string, err error) {
		told <- func() { s.r.checked(version, err, s.now); s.look() }
	}
	s.load("2")
	s.stage(Checking)
	s.want("a=1 b=1")
	done <- struct{}{}
	(<-told)()
	s.stage(Refused)
	s.load("3")
	done <- struct{}{}
	(<-told)()
	s.want("a=3 b=1")
}

// TestRevert: by hand all go back at once, and the version is left alone.
func TestRevert(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b")
	s.accepted("1")
	one := s.r.good
	s.accepted("2")
	s.r.revert(one, s.now)
	s.look()
	s.want("a=1 b=1")
	s.sync("a", "b")
	s.stage(Accepted)
	if p, bad := s.r.problem(); !bad || !strings.Contains(p.Message, "rolled back by hand") {
		t.Errorf("problem %+v", p)
	}
	s.load("3")
	s.want("a=3 b=1")
	if _, bad := s.r.problem(); bad {
		t.Error("a version that is being tried has a problem")
	}
}

// TestAdminLoads: a node whose counters begin anew is judged by what came since.
func TestAdminLoads(t *testing.T) {
	t.Parallel()
	var a adminLoads
	host := func(good, bad uint64) Load {
		return loadOf([]envoy.Cluster{{Name: "c", Hosts: []envoy.Host{{RequestsSuccess: good, RequestsError: bad}, {RequestsSuccess: 1}}}})
	}
	a.set("n", host(10, 4))
	before := a.known["n"]
	a.set("n", host(15, 5))
	if since := a.known["n"].After(before); since.Successes != 5 || since.Errors != 1 {
		t.Errorf("since then %+v", since)
	}
	a.set("n", host(3, 2))
	if since := a.known["n"].After(before); since.Successes != 4 || since.Errors != 2 {
		t.Errorf("anew %+v", since)
	}
}
