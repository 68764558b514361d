package xds

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// simulated is a client like Envoy: it warms clusters, withholds the ACK of CDS
// meanwhile, applies a part of what it refuses, and loses requests when a route names
// a cluster that it does not have.
type simulated struct {
	*client
	random   *rand.Rand
	clusters map[string]bool // name → warm
	waits    map[string]bool // clusters which wait for their assignment
	asked    map[string]bool // assignments subscribed to
	target   string          // of the route
	held     []answer        // clusters to be acknowledged
	nonce    string          // of the last assignments
}

// Rules of the simulation's resources, by version.
type meaning struct {
	targets map[string]string // route → cluster
	bad     map[string]bool
}

func (s *simulated) apply(a answer, m meaning) {
	s.t.Helper()
	refused := false
	for _, v := range a.versions {
		refused = refused || m.bad[v]
	}
	switch a.url {
	case typeCluster:
		s.applyClusters(a, m, refused)
		if refused {
			s.nack(a, "", "bad")
		} else {
			s.held = append(s.held, a)
		}
	case typeEndpoint:
		for _, name := range a.names {
			delete(s.waits, name)
		}
		s.nonce = a.nonce
		s.ack(a, s.assignments()...)
	case typeRoute:
		if refused {
			s.nack(a, "", "bad", "r")
			return
		}
		s.target = m.targets[a.versions["r"]]
		if !s.clusters[s.target] {
			s.t.Fatalf("the route leads to %q, which is not ready: %v", s.target, s.clusters)
		}
		s.ack(a, "r")
	case typeListener:
		s.ack(a)
	}
}

func (s *simulated) applyClusters(a answer, m meaning, refused bool) {
	s.t.Helper()
	gone := a.removed
	if !s.delta {
		for name := range s.clusters {
			if a.versions[name] == "" {
				gone = append(gone, name)
			}
		}
	}
	var wanted, dropped []string
	for _, name := range a.names {
		if m.bad[a.versions[name]] || refused && s.random.IntN(2) == 0 {
			continue
		}
		if _, ok := s.clusters[name]; !ok {
			s.clusters[name] = false
		}
		if !s.asked[name] {
			s.asked[name] = true
			wanted = append(wanted, name)
		}
		if s.delta { // in SotW it is not told which of them changed
			s.waits[name] = true
		}
	}
	for _, name := range gone {
		if name == s.target {
			s.t.Fatalf("cluster %q goes while the route leads there", name)
		}
		if refused && s.random.IntN(2) == 0 {
			continue
		}
		delete(s.clusters, name)
		delete(s.waits, name)
		if s.asked[name] {
			delete(s.asked, name)
			dropped = append(dropped, name)
		}
	}
	if len(wanted)+len(dropped) == 0 {
		return
	}
	for _, name := range wanted {
		s.waits[name] = true
	}
	if s.delta {
		s.send(say{url: typeEndpoint, names: wanted, unsubscribe: dropped})
	} else {
		s.send(say{url: typeEndpoint, nonce: s.nonce, names: s.assignments()})
	}
}

func (s *simulated) assignments() (out []string) {
	for name := range s.asked {
		out = append(out, name)
	}
	if len(out) == 0 {
		out = []string{"none"} // an empty first list would be a wildcard
	}
	return out
}

// warm acknowledges the clusters that were sent first, if they are ready.
func (s *simulated) warm() {
	if len(s.held) == 0 || len(s.waits) > 0 {
		return
	}
	for _, name := range s.held[0].names {
		if _, ok := s.clusters[name]; ok {
			s.clusters[name] = true
		}
	}
	s.ack(s.held[0])
	s.held = s.held[1:]
}

// published makes a random world: a route to one of some clusters.
func published(random *rand.Rand, m meaning, good bool) []*Resource {
	var out []*Resource
	names := []string{"a", "b", "c", "d"}
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:1+random.IntN(len(names))]
	for _, name := range names {
		r := cluster(name, random.IntN(3))
		if !good && random.IntN(8) == 0 {
			r = cluster(name, 100+random.IntN(3))
			m.bad[r.Version()] = true
		}
		out = append(out, r, assignment(name, 1+random.IntN(3)))
	}
	r := route("r", names[0])
	m.targets[r.Version()] = names[0]
	return append(out, listener("l", 1+random.IntN(2)), r)
}

// Whatever is published when, and however slowly the client answers: no route leads to
// a cluster that is not ready, no cluster goes before its route, all ends in sync.
func TestSimulatedClient(t *testing.T) {
	modes(t, func(t *testing.T, delta bool) {
		for seed := range uint64(12) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				simulate(t, delta, rand.New(rand.NewPCG(seed, 1)))
			})
		}
	})
}

func simulate(t *testing.T, delta bool, random *rand.Rand) {
	r := newRig(t, Options{LongestWait: time.Hour})
	m := meaning{targets: map[string]string{}, bad: map[string]bool{}}
	r.publish("start", published(random, m, true)...)
	s := &simulated{
		client: r.connect(delta, "n"), random: random,
		clusters: map[string]bool{}, waits: map[string]bool{}, asked: map[string]bool{},
	}
	s.send(say{url: typeCluster})
	s.apply(<-s.answers, m)
	for len(s.held) > 0 {
		s.apply(<-s.answers, m) // assignments
		s.warm()
	}
	s.send(say{url: typeListener})
	s.send(say{url: typeRoute, names: []string{"r"}})
	const steps = 300
	deadline := time.After(patience)
	for i := 0; ; i++ {
		switch {
		case i < steps && random.IntN(6) == 0:
			r.publish(fmt.Sprint(i), published(random, m, false)...)
		case i == steps:
			r.publish("end", published(random, m, true)...)
		case i > steps || random.IntN(3) == 0:
			s.warm()
		}
		if n := r.server.Nodes(); i > steps && len(s.held) == 0 && n[0].Synced && n[0].Snapshot == "end" {
			s.tellsAll(r)
			return
		}
		select {
		case a := <-s.answers:
			s.apply(a, m)
		case err := <-s.end:
			t.Fatal(err)
		case <-deadline:
			t.Fatalf("not in sync: client %v, waits %v, held %d, target %q\n%+v", s.clusters, s.waits, len(s.held), s.target, r.server.Nodes())
		case <-time.After(time.Millisecond):
		}
	}
}
