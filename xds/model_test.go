package xds

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// fleetModel is a server, what is published there, and clients of both protocols.
type fleetModel struct {
	*rig
	o      *oracle
	models []*model
	trace  []string
}

// Whatever is published when, and whatever clients do: no response comes without a
// reason or before its turn, and all end up with what is published for them. The
// oracle knows nothing of how the server works: it lays what is published together
// anew each time, and clients keep what they are sent in maps.
//
// A seed does the same each time, but for what happens at once within a round.
func TestModel(t *testing.T) {
	t.Parallel()
	seeds, rounds := uint64(30), 60
	if os.Getenv("SOAK") != "" {
		seeds, rounds = 300, 200
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			f := newFleetModel(t, seed)
			for round := range rounds {
				f.round(rand.New(rand.NewPCG(seed, uint64(round))))
			}
			f.finish(rand.New(rand.NewPCG(seed, uint64(rounds))))
		})
	}
}

func newFleetModel(t *testing.T, seed uint64) *fleetModel {
	o := &oracle{laid: map[string]map[string][]*Resource{}, of: map[string]string{}, groups: map[string]modelGroup{}}
	f := &fleetModel{rig: newRig(t, Options{Group: o.group, LongestWait: time.Hour}), o: o}
	o.server = f.server
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; the last of what happened:\n%s", seed, strings.Join(f.trace[max(0, len(f.trace)-400):], "\n"))
		}
	})
	random := rand.New(rand.NewPCG(seed, 1<<32))
	for _, name := range []string{"x", "y"} {
		o.groups[name] = modelGroup{modelRelease: o.edit(random, modelRelease{})}
	}
	for i := range 6 {
		delta := i%2 == 1
		m := &model{o: o, id: fmt.Sprintf("%s%d", map[bool]string{true: "delta", false: "sotw"}[delta], i), log: f.log, types: map[string]*modelType{}, past: map[key]map[string]bool{}}
		for _, url := range modelTypes {
			m.types[url] = newModelType(url, delta)
		}
		o.of[m.id] = []string{"x", "x", "x", "x", "y", "y"}[i]
		f.models = append(f.models, m)
	}
	f.publish()
	for i, m := range f.models {
		m.connect(random, f.connect(i%2 == 1, m.id), false)
	}
	f.sync()
	return f
}

func (f *fleetModel) log(format string, args ...any) {
	f.trace = append(f.trace, fmt.Sprintf(format, args...))
}

// publish makes the world what the oracle says.
func (f *fleetModel) publish() {
	f.o.publish()
	f.look()
}

func (f *fleetModel) look() {
	for _, m := range f.models {
		m.look()
	}
}

// round lets some things happen, one or a few at once, and then waits until the server
// and all clients have taken them in.
func (f *fleetModel) round(random *rand.Rand) {
	n := 1
	if random.IntN(2) == 0 {
		n += random.IntN(6)
	}
	f.log("--- round of %d", n)
	for range n {
		if random.IntN(4) == 0 {
			f.edit(random)
		} else {
			f.act(random, f.models[random.IntN(len(f.models))])
		}
	}
	for _, m := range f.models {
		for _, url := range modelTypes {
			if t := m.types[url]; len(t.open) > 4 { // a real client does not read on for ever
				m.answer(random, t, 0, "")
			}
		}
	}
	f.sync()
	if random.IntN(6) == 0 {
		f.settle(random, f.models[random.IntN(len(f.models))])
	}
}

// edit publishes something.
func (f *fleetModel) edit(random *rand.Rand) {
	o := f.o
	name := []string{"x", "y"}[random.IntN(2)]
	g, published := o.groups[name]
	m := f.models[random.IntN(len(f.models))]
	switch kind := random.IntN(12); {
	case !published:
		f.log("group %s comes", name)
		o.groups[name] = modelGroup{modelRelease: o.edit(random, modelRelease{})}
		f.publish()
	case kind < 5:
		g.modelRelease = o.edit(random, g.modelRelease)
		f.log("group %s is edited", name)
		o.groups[name] = g
		f.publish()
	case kind < 6: // the same content under another version
		f.log("group %s: another version", name)
		g.version += "'"
		slices.Reverse(g.resources)
		o.groups[name] = g
		f.publish()
	case kind < 8: // one tries another release, or all are on one again
		f.log("group %s: others", name)
		if g.others = nil; random.IntN(3) > 0 {
			g.others = map[string]modelRelease{m.id: o.edit(random, g.modelRelease)}
		}
		o.groups[name] = g
		f.publish()
	case kind < 10:
		node, types := "", []string{typeEndpoint}
		if random.IntN(2) == 0 {
			node = m.id
		}
		if random.IntN(4) == 0 {
			types = modelTypes
		}
		f.log("group %s node %q: endpoint state", name, node)
		layer := o.some(random, types, 0.4)
		for _, r := range o.laid[name][node] {
			if r.Type() == typeMark {
				layer = append(layer, r)
			}
		}
		o.lay(name, node, layer)
		f.look()
	case kind < 11:
		f.log("group %s goes", name)
		delete(o.groups, name)
		f.publish()
	default:
		f.log("%s moves to %s", m.id, name)
		o.mu.Lock()
		o.of[m.id] = name
		o.mu.Unlock()
		f.server.Regroup()
		f.look()
	}
}

// act lets a client do something.
func (f *fleetModel) act(random *rand.Rand, m *model) {
	t := m.types[modelTypes[random.IntN(len(modelTypes))]]
	switch kind := random.IntN(20); {
	case kind < 10:
		// Rather a type that has something to answer.
		for _, url := range modelTypes {
			if len(t.open) == 0 {
				t = m.types[url]
			}
		}
		if len(t.open) == 0 {
			return
		}
		i, refuse := 0, ""
		if random.IntN(3) == 0 {
			i = random.IntN(len(t.open))
		}
		// Refusing that there is no ghost would not end.
		touched := slices.Sorted(maps.Keys(t.open[i].touched))
		if random.IntN(4) == 0 && slices.ContainsFunc(touched, func(name string) bool { return name != ghost && t.wants.has(name) }) {
			refuse = "no"
		}
		m.answer(random, t, i, refuse)
	case kind < 16:
		m.subscribe(random, t)
	case kind < 18:
		m.old(random, t)
	default:
		m.cancel()
		m.connect(random, f.connect(m.delta, m.id), random.IntN(3) > 0)
	}
}

// settle has a client accept all that comes, and checks that it has everything then.
func (f *fleetModel) settle(random *rand.Rand, m *model) {
	f.t.Helper()
	for range 20 {
		if m.o.view(m.id) == nil {
			return // a group that is gone says nothing
		}
		busy := false
		for _, url := range modelTypes {
			t := m.types[url]
			for len(t.open) > 0 {
				m.answer(random, t, len(t.open)-1, "")
			}
			busy = busy || t.crossed
		}
		f.sync()
		if m.settled() {
			if err := m.complete(); err != nil {
				m.fail("%v\n%v", err, m)
			}
			return
		}
		if busy = busy || slices.ContainsFunc(modelTypes, func(url string) bool { return len(m.types[url].open) > 0 }); !busy {
			return // refused content stays refused
		}
	}
	m.fail("there is always something more: %v", m)
}

// finish publishes what all accept, and checks that all end with that.
func (f *fleetModel) finish(random *rand.Rand) {
	f.log("--- finish")
	for i, name := range []string{"x", "y"} {
		r := modelRelease{version: "end"}
		for _, url := range modelTypes {
			for j, n := range modelNames {
				r.resources = append(r.resources, resourceOf(url, n, 1000+10*i+j))
			}
		}
		f.o.groups[name] = modelGroup{modelRelease: r}
	}
	f.publish()
	for _, name := range []string{"x", "y"} {
		f.o.lay(name, "", nil)
		for _, m := range f.models {
			f.o.lay(name, m.id, nil)
			f.look()
		}
	}
	f.sync()
	for _, m := range f.models {
		f.settle(random, m)
		if !m.settled() {
			m.fail("not settled in the end: %v", m)
		}
	}
	f.agree()
}

// agree checks that the server knows that all have everything.
func (f *fleetModel) agree() {
	f.t.Helper()
	for _, n := range f.server.Nodes() {
		for _, s := range n.Types {
			if s.Type != short(typeMark) && (!s.Synced || s.Refused != nil) {
				f.t.Fatalf("%s %s: not in sync: %+v", n.ID, s.Type, s)
			}
		}
	}
}
