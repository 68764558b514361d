package xds

import (
	"fmt"
	"slices"
	"testing"
)

// scenario is a client of one type, and what is published for it.
type scenario struct {
	*client
	rig    *rig
	url    string
	full   bool           // a response is the whole state
	there  map[string]int // resources, by content
	names  []string       // subscribed to, as SotW says it
	nonce  string
	last   answer
	marks  *marks
	serial *int // of what is published
}

func newScenario(t *testing.T, delta bool, url string) *scenario {
	r := newRig(t, Options{})
	s := &scenario{client: r.connect(delta, "n"), rig: r, url: url, there: map[string]int{}, marks: &marks{}, serial: new(int)}
	s.full = !delta && (url == typeCluster || url == typeListener)
	s.publish()
	s.marks.begin(s.client)
	s.quiet()
	return s
}

// publish publishes what there is, and these names besides.
func (s *scenario) publish(names ...string) {
	for _, name := range names {
		s.there[name]++
	}
	*s.serial++
	all := s.marks.published(*s.serial)
	for name, n := range s.there {
		all = append(all, resourceOf(s.url, name, n))
	}
	s.rig.publish(fmt.Sprint(*s.serial), all...)
}

// update changes the resource, or adds it.
func (s *scenario) update(name string) { s.publish(name) }

func (s *scenario) remove(name string) {
	delete(s.there, name)
	s.publish()
}

// subscribe is the first request of the type, when the server has what is published.
func (s *scenario) subscribe(names ...string) {
	s.t.Helper()
	s.quiet()
	s.names = names
	s.send(say{url: s.url, names: names})
}

func (s *scenario) add(name string) {
	s.names = append(s.names, name)
	if s.delta {
		s.send(say{url: s.url, names: []string{name}})
	} else {
		s.send(say{url: s.url, nonce: s.nonce, names: s.names})
	}
}

func (s *scenario) drop(names ...string) {
	s.names = slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return slices.Contains(names, name) })
	if s.delta {
		s.send(say{url: s.url, unsubscribe: names})
	} else {
		s.send(say{url: s.url, nonce: s.nonce, names: s.names})
	}
}

// gets waits for one response with just these resources, in the version that is
// published, and accepts it.
func (s *scenario) gets(names ...string) {
	s.t.Helper()
	a := s.next()
	slices.Sort(names)
	if a.url != s.url || !slices.Equal(a.names, names) {
		s.t.Fatalf("got %s %v removed %v, want %s %v", short(a.url), a.names, a.removed, short(s.url), names)
	}
	for name, n := range s.there {
		if v, want := a.versions[name], resourceOf(s.url, name, n).Version(); v != "" && v != want {
			s.t.Fatalf("%s is %s, want %s", name, v, want)
		}
	}
	s.nonce = a.nonce
	s.last = a
	s.ack(a, s.names...)
}

// getsOf waits for the changed ones, or for the whole state where that is what a
// response holds.
func (s *scenario) getsOf(changed []string, whole ...string) {
	s.t.Helper()
	if s.full {
		changed = whole
	}
	s.gets(changed...)
}

// lost checks what the last response removed.
func (s *scenario) lost(names ...string) {
	s.t.Helper()
	if s.delta && !slices.Equal(s.last.removed, names) {
		s.t.Fatalf("removed %v, want %v", s.last.removed, names)
	}
}

// next returns the next response but for those to the marks.
func (s *scenario) next() answer {
	s.t.Helper()
	for {
		if a := s.marks.receive(s.client); a.url != typeMark {
			return a
		}
	}
}

// quiet checks that nothing more comes for what was published and said.
func (s *scenario) quiet() {
	s.t.Helper()
	s.marks.drain(s.client, *s.serial, func(a answer) {
		s.t.Helper()
		s.t.Fatalf("more than needed: %s %v removed %v", short(a.url), a.names, a.removed)
	})
}
