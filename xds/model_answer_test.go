package xds

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// answer accepts or refuses an open response. What a SotW client skipped shares the
// fate of what it answers.
func (m *model) answer(random *rand.Rand, t *modelType, i int, refuse string) {
	from := i
	if !m.delta {
		from = 0
	}
	done := slices.Clone(t.open[from : i+1])
	t.open = slices.Delete(t.open, from, i+1)
	h := done[len(done)-1]
	for _, d := range done {
		t.stale = append(t.stale, d.nonce)
	}
	m.log("%s %s: answer %s %q", m.id, short(t.url), h.nonce, refuse)
	if refuse != "" {
		m.refuse(random, t, done)
	} else {
		m.accept(t, done)
	}
	s := say{url: t.url, version: t.version, nonce: h.nonce, refuse: refuse}
	if !m.delta {
		s.names = t.wants.list()
		t.said = t.said || len(t.open) == 0
	}
	m.send(s)
}

func (m *model) accept(t *modelType, done []*heard) {
	h := done[len(done)-1]
	for _, d := range done {
		for name := range d.touched {
			if v, ok := d.versions[name]; ok {
				t.acked[name] = v
			} else {
				delete(t.acked, name)
			}
		}
	}
	for name, r := range t.doubt {
		spoken := func(d *heard) bool { _, ok := d.touched[name]; return ok && d.at > r.at }
		if t.full || slices.ContainsFunc(done, spoken) {
			delete(t.doubt, name)
			t.eased[name] = true
		}
	}
	if len(t.doubt) == 0 {
		t.refusal = nil
	}
	t.version, t.stands = h.version, nil
	if h.whole && len(t.open) == 0 {
		t.stands = h.goal
	}
}

// refuse applies some of what is refused, as Envoy does.
func (m *model) refuse(random *rand.Rand, t *modelType, done []*heard) {
	h := done[len(done)-1]
	for i := len(done) - 1; i >= 0; i-- {
		d := done[i]
		for _, name := range slices.Sorted(maps.Keys(d.touched)) {
			if !t.wants.has(name) {
				continue
			}
			if t.url == typeCluster {
				m.types[typeEndpoint].owed[name] = true
			}
			t.doubt[name] = refusal{d.at, m.round, d.versions[name] != d.touched[name]}
			later := slices.ContainsFunc(t.open, func(o *heard) bool {
				_, ok := o.touched[name]
				return o.at > d.at && (ok || t.full)
			})
			if before := d.touched[name]; random.IntN(2) == 0 && t.held[name] == d.versions[name] && !later {
				if t.held[name] = before; before == "" {
					delete(t.held, name)
				}
			}
		}
	}
	t.version, t.stands, t.mend = "", nil, m.round
	// Of late refusals it is not said which content comes again.
	if t.refusal = nil; len(t.open) == 0 && h.goal != nil {
		t.refusal = h
	}
}

// old answers a nonce that is none any more, and asks for what must not be heard.
func (m *model) old(random *rand.Rand, t *modelType) {
	if !t.started || len(t.stale) < 2 {
		return
	}
	s := say{url: t.url, nonce: t.stale[random.IntN(len(t.stale)-1)]}
	if random.IntN(2) == 0 {
		s.refuse = "late"
	}
	if !m.delta {
		s.names = pick(random, 0.5)
	}
	m.log("%s %s: stale %s", m.id, short(t.url), s.nonce)
	m.send(s)
}
