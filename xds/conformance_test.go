package xds

import (
	"fmt"
	"testing"
)

// scenarios are what the CNCF's xds-test-harness asks of a server, and what it leaves
// out of types and of delta. After each step the server must have said what is named
// and not a word more.
var scenarios = map[string]func(s *scenario){
	"a wildcard brings everything at once": func(s *scenario) {
		s.publish("a", "b", "c")
		s.subscribe()
		s.gets("a", "b", "c")
	},
	"a wildcard brings changes": func(s *scenario) {
		s.publish("a", "b", "c")
		s.subscribe("*")
		s.gets("a", "b", "c")
		s.update("a")
		s.getsOf([]string{"a"}, "a", "b", "c")
	},
	"a wildcard brings what is added": func(s *scenario) {
		s.publish("a", "b", "c")
		s.subscribe()
		s.gets("a", "b", "c")
		s.update("d")
		s.getsOf([]string{"d"}, "a", "b", "c", "d")
	},
	"a subset brings that alone": func(s *scenario) {
		s.publish("a", "b", "c", "d")
		s.subscribe("d", "b")
		s.gets("b", "d")
		s.update("a")
		s.quiet()
	},
	"a subset brings its changes": func(s *scenario) {
		s.publish("a", "b", "c", "d")
		s.subscribe("b", "d")
		s.gets("b", "d")
		s.update("b")
		s.getsOf([]string{"b"}, "b", "d")
	},
	"what is missing comes later": func(s *scenario) {
		s.publish("a", "b")
		s.subscribe("a", "late")
		s.gets("a")
		s.lost("late")
		s.update("late")
		s.getsOf([]string{"late"}, "a", "late")
	},
	"all that is wanted is missing": func(s *scenario) {
		s.publish("a")
		s.subscribe("late", "later")
		if s.full { // the whole state of nothing
			s.gets()
		} else if s.delta {
			s.gets()
			s.lost("late", "later")
		}
		s.quiet()
		s.update("late")
		s.gets("late")
	},
	"one name after the other": func(s *scenario) {
		s.publish("a", "b", "c")
		s.subscribe("a")
		s.gets("a")
		s.add("b")
		s.getsOf([]string{"b"}, "a", "b")
		s.add("c")
		s.getsOf([]string{"c"}, "a", "b", "c")
	},
	"unsubscribed from some": func(s *scenario) {
		s.publish("a", "b", "c")
		s.subscribe("a", "b", "c")
		s.gets("a", "b", "c")
		s.drop("c", "b")
		s.quiet()
		s.update("b")
		s.quiet()
		s.update("a")
		s.gets("a")
	},
	"unsubscribed from all": func(s *scenario) {
		s.publish("a", "b", "c")
		s.subscribe("a", "b")
		s.gets("a", "b")
		s.drop("a", "b")
		s.quiet()
		s.update("b")
		s.quiet()
		s.add("b")
		s.gets("b")
	},
	"unsubscribed from a wildcard": func(s *scenario) {
		s.publish("a", "b")
		s.subscribe("*", "a")
		s.gets("a", "b")
		s.drop("*")
		s.quiet()
		s.update("b")
		s.quiet()
		s.update("a")
		s.gets("a")
	},
	"removed and back again": func(s *scenario) {
		s.publish("a", "b")
		s.subscribe("a", "b")
		s.gets("a", "b")
		s.remove("b")
		switch {
		case s.delta:
			s.gets()
			s.lost("b")
		case s.full:
			s.gets("a")
		}
		s.quiet() // the others have no word for it
		s.update("b")
		s.getsOf([]string{"b"}, "a", "b")
	},
	"the same content under another version": func(s *scenario) {
		s.publish("a", "b")
		s.subscribe()
		s.gets("a", "b")
		s.publish()
		s.quiet()
	},
	"a name twice": func(s *scenario) {
		s.publish("a")
		s.subscribe("a", "a")
		s.gets("a")
		s.update("a")
		s.gets("a")
	},
}

func TestConformance(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		for _, url := range modelTypes {
			for name, play := range scenarios {
				t.Run(short(url)+"/"+name, func(t *testing.T) {
					t.Parallel()
					s := newScenario(t, delta, url)
					play(s)
					s.quiet()
				})
			}
		}
	})
}

// Many types on one stream, in any order: each says what changed of it alone.
func TestConformanceManyTypes(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		for _, one := range modelTypes {
			for _, two := range modelTypes {
				if one == two {
					continue
				}
				t.Run(short(one)+" and "+short(two), func(t *testing.T) {
					t.Parallel()
					s := newScenario(t, delta, one)
					other := *s
					other.url, other.nonce, other.names, other.there = two, "", nil, map[string]int{}
					other.full = !delta && (two == typeCluster || two == typeListener)
					s.manyTypes(&other)
				})
			}
		}
	})
}

func (s *scenario) manyTypes(other *scenario) {
	publish := func(n, m int) {
		*s.serial++
		s.rig.publish(fmt.Sprint(*s.serial), append(s.marks.published(*s.serial),
			resourceOf(s.url, "a", 0), resourceOf(s.url, "b", n), resourceOf(other.url, "a", 0), resourceOf(other.url, "b", m))...)
	}
	publish(0, 0)
	s.subscribe("b")
	s.gets("b")
	other.subscribe("b")
	other.gets("b")
	if other.url == typeCluster && s.url == typeEndpoint {
		s.gets("b") // a cluster that comes or changes waits for its assignment
	}
	s.quiet()
	publish(1, 0)
	s.gets("b")
	if s.url == typeCluster && other.url == typeEndpoint {
		other.gets("b")
	}
	s.quiet()
	publish(1, 1)
	other.gets("b")
	if other.url == typeCluster && s.url == typeEndpoint {
		s.gets("b")
	}
	s.quiet()
	other.drop("b")
	s.quiet()
	publish(1, 2)
	s.quiet()
	publish(2, 2)
	s.gets("b")
	s.quiet()
}
