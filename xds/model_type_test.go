package xds

import (
	"maps"
	"slices"
)

// wants is a subscription to one type.
type wants struct {
	wild  bool
	names map[string]bool
}

func (w wants) has(name string) bool { return w.wild || w.names[name] }
func (w wants) empty() bool          { return !w.wild && len(w.names) == 0 }
func (w wants) clone() wants         { return wants{w.wild, maps.Clone(w.names)} }

func (w wants) list() []string {
	out := slices.Sorted(maps.Keys(w.names))
	if w.wild {
		out = append(out, "*")
	}
	return out
}

// heard is a response that the model did not answer yet.
type heard struct {
	answer
	round   int
	at      int               // counts the client's responses
	changed []string          // what it added or changed
	touched map[string]string // what it speaks of, with the versions held before; "" for none
	goal    map[string]string // what was published for the subscription then; nil where that is not certain
	wants   wants             // the subscription, where that is certain
	whole   bool              // the client held just that with it
}

// refusal says which response was refused, in which round, and whether that told
// anything new of the name.
type refusal struct {
	at, round int
	news      bool
}

// modelType is what the model of a client knows of one type.
type modelType struct {
	url     string
	full    bool // a response is the whole state
	started bool // subscribed to, on this stream
	named   bool // a name was subscribed to, on this stream
	wants   wants
	recent  []wants // what the server may take the subscription for

	held    map[string]string  // applied, accepted or not yet
	acked   map[string]string  // as last accepted
	doubt   map[string]refusal // names that were refused
	eased   map[string]bool    // names that were, until the last sync at least
	open    []*heard           // not answered, oldest first
	stale   []string           // nonces
	version string             // of the last response that was not refused, for SotW
	asked   map[string]int     // to be answered whatever is held
	owed    map[string]bool    // assignments that are to follow their clusters
	met     map[string]bool    // those of both that were answered since the last sync
	away    map[string]int     // SotW: names that vanished, of which such a client is not told, by the round
	mend    int                // the round in which something was refused, if nothing came since; else -1
	refusal *heard             // what was refused: it must not come again
	stands  map[string]string  // what version stands for; nil where that is not certain
	said    bool               // SotW: the subscription was sent since the last sync
	heard   bool               // a response came since the last sync
	crossed bool               // SotW: these two crossed; the server may not have taken it in
	first   bool               // no response came on this stream
	match   bool               // SotW: the client came back with the version of what is published
}

func newModelType(url string, delta bool) *modelType {
	t := &modelType{url: url, full: !delta && (url == typeCluster || url == typeListener)}
	t.restart(false)
	return t
}

// restart begins another stream.
func (t *modelType) restart(keep bool) {
	if !keep {
		t.held, t.acked, t.away, t.version, t.stands = map[string]string{}, map[string]string{}, map[string]int{}, "", nil
	}
	t.started, t.named, t.open, t.stale, t.refusal = false, false, nil, nil, nil
	t.said, t.heard, t.crossed, t.first, t.match, t.mend = false, false, false, true, false, -1
	t.doubt, t.eased, t.asked = map[string]refusal{}, map[string]bool{}, map[string]int{}
	t.owed, t.met = map[string]bool{}, map[string]bool{}
	t.recent = []wants{{}}
}

// possibly says that the server may think that the name is subscribed to.
func (t *modelType) possibly(name string) bool {
	return slices.ContainsFunc(t.recent, func(w wants) bool { return w.has(name) })
}

// unsure says that the server may think that the name is not subscribed to, or was not.
func (t *modelType) unsure(name string) bool {
	return slices.ContainsFunc(t.recent, func(w wants) bool { return !w.has(name) })
}

func (t *modelType) isAsked(name string) bool {
	_, ok := t.asked[name]
	return ok
}

// isAway says that the name vanished, so that it comes again when it is back.
func (t *modelType) isAway(name string) bool {
	_, ok := t.away[name]
	return ok
}

// surely says that the server knows that the type is subscribed to.
func (t *modelType) surely() bool {
	return t.started && !slices.ContainsFunc(t.recent, wants.empty)
}

// forget drops what is not subscribed to.
func (t *modelType) forget() {
	for name := range t.held {
		if !t.wants.has(name) {
			t.drop(name)
		}
	}
	for name := range t.doubt {
		if !t.wants.has(name) {
			delete(t.doubt, name)
		}
	}
}

// drop forgets a name; what it had was more than the version speaks of.
func (t *modelType) drop(name string) {
	t.version, t.stands = "", nil
	delete(t.held, name)
	delete(t.doubt, name)
	delete(t.acked, name)
	delete(t.away, name)
}

// holds is what the client holds of a subscription.
func (t *modelType) holds(w wants) map[string]string {
	out := map[string]string{}
	for name, version := range t.held {
		if w.has(name) {
			out[name] = version
		}
	}
	return out
}
