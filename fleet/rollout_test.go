package fleet

import (
	"strings"
	"testing"
	"time"

	"backworks/blueprints"
)

// TestCanary: one node first, the others when it has acknowledged.
func TestCanary(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c")
	s.load("1") // the first of all: there is nothing to fall back on
	s.want("a=1 b=1 c=1")
	s.sync("a", "b")
	s.stage(Spread)
	s.sync("c")
	s.stage(Accepted)

	s.load("2")
	s.want("a=2 b=1 c=1")
	s.stage(Canary)
	s.sync("b") // of what it had
	s.want("a=2 b=1 c=1")
	s.sync("a")
	s.want("a=2 b=2 c=2")
	s.stage(Spread)
	s.sync("b", "c")
	s.stage(Accepted)
	if _, bad := s.r.problem(); bad || s.r.good.version() != "2" {
		t.Errorf("good is %s", s.r.good.version())
	}
}

// TestRefusedCanary: the others never see the version; it is not tried again until
// another is loaded, or by hand.
func TestRefusedCanary(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c")
	s.accepted("1")
	s.load("2")
	s.refuse("a")
	s.stage(Refused)
	s.want("a=1 b=1 c=1")
	p, bad := s.r.problem()
	if !bad || p.File != "one.yaml" || p.Line != 3 || p.Column != 5 || !strings.Contains(p.Message, "port is taken") {
		t.Errorf("problem %+v", p)
	}
	s.sync("a")
	s.load("1")
	s.stage(Accepted)
	if _, bad := s.r.problem(); bad {
		t.Error("a problem with the version that is served")
	}
	s.load("2") // the same again
	s.stage(Refused)
	s.want("a=1 b=1 c=1")
	if err := s.r.retry(s.now); err != nil {
		t.Fatal(err)
	}
	s.look()
	s.want("a=2 b=1 c=1")
	if s.sync("a", "b", "c"); s.r.retry(s.now) == nil {
		t.Error("what is served is retried")
	}
	s.stage(Accepted)
}

// TestOddNode: a refusal behind the canary holds that node; so many end it for all.
func TestOddNode(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c", "d")
	s.accepted("1")
	s.load("2")
	s.sync("a")
	s.want("a=2 b=2 c=2 d=2")
	s.refuse("b")
	s.want("a=2 b=1 c=2 d=2")
	s.sync("b", "c", "d")
	s.stage(Accepted)
	s.want("a=2 b=1 c=2 d=2")
	s.leave("b")
	s.connect("b")
	s.want("a=2 b=1 c=2 d=2")
	if held := s.r.status().Held; len(held) != 1 || held[0] != (Held{Node: "b", Version: "1", Refused: "2"}) {
		t.Errorf("held %+v", held)
	}

	s.load("3") // is tried by all, and two refuse
	s.want("a=3 b=1 c=2 d=2")
	s.sync("a")
	s.want("a=3 b=3 c=3 d=3")
	s.refuse("c")
	s.want("a=3 b=3 c=2 d=3")
	s.refuse("d")
	s.stage(Refused)
	s.want("a=2 b=2 c=2 d=2")
	if p, _ := s.r.problem(); !strings.Contains(p.Message, "2 of 4 Envoys refused it") {
		t.Error(p.Message)
	}

	s.how.MaxRefused = blueprints.Share{Count: 3}
	s.sync("a", "b", "c", "d")
	s.load("4")
	s.sync("a")
	s.refuse("c")
	s.refuse("d")
	s.stage(Spread)
	s.refuse("b")
	s.stage(Refused)
}

// TestSilentCanary: another takes the place of one that does not answer, or went.
func TestSilentCanary(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c")
	s.accepted("1")
	s.load("2")
	s.pass(silence - time.Second)
	s.want("a=2 b=1 c=1")
	s.pass(time.Second)
	s.want("a=1 b=2 c=1")
	s.leave("b")
	s.want("a=1 c=2")
	s.sync("c")
	s.stage(Spread)
	s.pass(silence) // a is still silent: it gets it, and holds up nobody
	s.want("a=2 c=2")
	s.stage(Accepted)
}

// TestCrashingCanary: a version that takes canaries down is given up.
func TestCrashingCanary(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c", "d", "e")
	s.accepted("1")
	s.load("2")
	for _, id := range []string{"a", "b", "c", "d"} {
		s.stage(Canary)
		s.leave(id)
	}
	s.stage(Refused)
	s.want("e=1")
	// The only one, again and again.
	s = newStages(t, "a")
	s.accepted("1")
	s.load("2")
	for range 3 {
		s.leave("a")
		s.stage(Waiting)
		s.connect("a")
		s.want("a=2")
	}
	s.leave("a")
	s.stage(Refused)
	s.connect("a")
	s.want("a=1")
}

// TestNewerVersion: in the canary stage a newer version takes the place of the one
// that is tried; when all have one, it waits for them, and not for ever.
func TestNewerVersion(t *testing.T) {
	t.Parallel()
	s := newStages(t, "a", "b", "c")
	s.accepted("1")
	s.load("2")
	s.load("3")
	s.want("a=3 b=1 c=1")
	s.load("1") // taken back
	s.want("a=1 b=1 c=1")
	s.stage(Accepted)
	s.sync("a")
	s.load("4")
	s.sync("a")
	s.want("a=4 b=4 c=4")
	s.load("5")
	s.load("6")
	s.want("a=4 b=4 c=4")
	s.sync("b")
	s.pass(spreading - time.Second)
	s.want("a=4 b=4 c=4")
	s.sync("c")
	s.want("a=6 b=4 c=4")
	s.sync("a")
	s.load("7")
	s.sync("b")
	s.pass(spreading)
	s.want("a=7 b=6 c=6")
	if s.r.good.version() != "6" {
		t.Errorf("good is %s", s.r.good.version())
	}
	// One that waits is tried when the one before it went back.
	s.sync("a")
	s.load("8")
	s.refuse("b")
	s.refuse("c")
	s.want("a=8 b=6 c=6")
}
