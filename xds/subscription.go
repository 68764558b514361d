package xds

import (
	"slices"
	"time"
)

// subscription is what a stream knows of one type: what the client wants, what it
// was sent, and what it said to that.
type subscription struct {
	rule
	place   int // in the order
	names   *names
	named   bool // a name was subscribed to once: an empty list is no wildcard any more
	nothing *set // what a view without this type holds

	// claim is what the client says it has, until the first answer.
	claim *claim

	// sent is the set that the client was last brought to, sentNames what of it; nil
	// before the first answer. acked is the same for what it acknowledged.
	sent, acked *set
	sentNames   *names
	unanswered  []*response // oldest first
	again       *names      // to be sent whatever the client has
	noted       holding     // what the status tells already
	heldSince   time.Time   // when a change began to wait for another type
	namedSince  time.Time   // since when nothing but the subscription is against a removal
	leaving     leaving     // what is needless, and still there
	nonce       string      // of the last response

	refused *refused // nil: nothing is in doubt
	status  TypeStatus

	// first and last are when responses were sent; held is what CSDS tells.
	first, last time.Time
	held        held
}

// leaving is what requests on their way may still need: since when it would be removed to
// come to a set, and since when anything would be.
type leaving struct {
	to           *set
	since, first time.Time
}

// holding is what a client has of a set.
type holding struct {
	set   *set
	names *names
}

// claim is what a first request says of what the client has.
type claim struct {
	version string
	initial *initial
	// doubted: what it has is to be sent nevertheless.
	doubted bool
}

func (c *claim) empty() bool { return c.version == "" && c.initial == nil }

// response is one that the client did not answer yet.
type response struct {
	reply
	number uint64 // of the stream's responses, in order
	nonce  string
	at     time.Time
	// snapshot is the version of what the client was on.
	snapshot string
	to       *set     // what the client has when it acknowledges this
	goal     *set     // what it was being brought to: the same, less what is removed later
	mends    *refused // the doubt that this ends when it is acknowledged
}

// wants takes over what a SotW request subscribes to.
func (sub *subscription) wants(r *request, in *interner) {
	if n := r.names.subscribed(!sub.named); n != sub.names {
		sub.take(n, in)
	}
}

// changes takes over what a delta request subscribes to and unsubscribes from.
func (sub *subscription) changes(r *request, in *interner) {
	if sub.names == nil {
		sub.take(r.names.subscribed(true), in)
		return
	}
	if r.names == nil && len(r.unsubscribe) == 0 {
		return
	}
	wild, list := sub.names.wild, slices.Clone(sub.names.list)
	var again []string // answered whatever the client has
	for _, name := range r.unsubscribe {
		if name == "*" {
			wild = false
		} else if i, ok := slices.BinarySearch(list, name); ok {
			list = slices.Delete(list, i, i+1)
			// The client may have dropped what the wildcard still wants.
			again = append(again, name)
		}
	}
	if r.names != nil {
		wild = wild || r.names.wild
		list = append(list, r.names.list...)
		// It may have been dropped and wanted again before we heard of it: see the
		// comment of resource_names_subscribe.
		again = append(again, r.names.list...)
	}
	sub.take(in.get(wild, list), in)
	asked := in.get(false, again)
	if sub.refused != nil {
		// A question is answered, be it with what was refused.
		sub.relieve(in.without(sub.refused.doubt, asked))
	}
	sub.sent = sub.sent.disclaimed(asked.lists)
	sub.repeat(asked, in)
}

// take makes n the subscription; what is not in it any more may be dropped by the
// client at any time.
func (sub *subscription) take(n *names, in *interner) {
	sub.names = n
	sub.named = sub.named || len(n.list) > 0
	if sub.sentNames != nil {
		sub.sentNames = in.both(sub.sentNames, n)
	}
	sub.sent = sub.sent.disclaimed(func(name string) bool { return !n.has(name) })
	// What was refused and is not wanted any more leaves nothing in doubt.
	if sub.refused != nil {
		sub.relieve(in.both(sub.refused.doubt, n))
	}
}

// subscribed returns the subscription that said names stand for. None at all are a
// wildcard, but not where names were subscribed to before.
func (n *names) subscribed(legacy bool) *names {
	switch {
	case n != nil:
		return n
	case legacy:
		return everybody
	}
	return nobody
}

// goal is the set that the client is to be brought to.
func (sub *subscription) goal(v *view) *set {
	if s := v.sets[sub.url]; s != nil {
		return s
	}
	return sub.nothing
}

// settled says that the client has acknowledged all of the view.
func (sub *subscription) settled(v *view) bool {
	return sub.arrived(v) && len(sub.unanswered) == 0 && sub.refused == nil
}

// leftOver says that nothing is between the client and the view but what it has too much.
func (sub *subscription) leftOver(v *view) bool {
	return sub.sent != nil && sub.sentNames == sub.names && sub.again == nil && len(sub.goal(v).since(sub.sent).put) == 0 &&
		len(sub.unanswered) == 0 && sub.refused == nil
}

// arrived says that the client was sent all of the view.
func (sub *subscription) arrived(v *view) bool {
	return sub.names.empty() || sub.sent == sub.goal(v) && sub.sentNames == sub.names && sub.again == nil
}

// repeat makes those of the names that are subscribed to be sent again.
func (sub *subscription) repeat(n *names, in *interner) {
	if n = in.both(n, sub.names); !n.empty() {
		sub.again = in.join(sub.again, n)
	}
}
