package xds

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxNamed bounds how many resources a refusal names, and maxMessage, in bytes, how
// much of the client's message is kept: Envoy names each bad resource of a response.
const (
	maxNamed   = 50
	maxMessage = 8 << 10
)

// refused is what is known of a client after a NACK: nothing, for each resource of
// the response, for Envoy applies the good part of a refused CDS or LDS.
type refused struct {
	// version is that of what the client was being brought to, of these names: the
	// same again would be refused again.
	version string
	names   *names
	// doubt are the names whose state is unknown.
	doubt *names
	// base is what the client can be relied on to have.
	base *set
	// resent: something else was sent since, with all that is in doubt.
	resent bool
	// number is that of the last response that was refused.
	number uint64
}

// stuck says that the client refused just this content.
func (sub *subscription) stuck(goal *set) bool {
	return sub.refused != nil && !sub.refused.resent && goal.version(sub.refused.names) == sub.refused.version
}

// doubtful says that resources are to be sent again, after a refusal, with other
// content.
func (sub *subscription) doubtful(goal *set) bool {
	return sub.refused != nil && !sub.refused.resent && !sub.stuck(goal)
}

// has is what the client can be relied on to have: what it was sent, unless it
// refused that.
func (sub *subscription) has() *set {
	if sub.refused != nil && !sub.refused.resent {
		return sub.refused.base
	}
	return sub.sent
}

// refuse takes note of a NACK of the last of these responses.
func (sub *subscription) refuse(of []*response, in *interner) {
	last := of[len(of)-1]
	doubt := nobody
	for _, r := range of {
		doubt = in.join(doubt, r.touched(in))
	}
	// Later responses were made on top of this one.
	for _, later := range sub.unanswered {
		later.to = later.to.restored(in.without(doubt, later.touched(in)), sub.acked)
	}
	if old := sub.refused; old != nil && !old.resent {
		doubt = in.join(doubt, old.doubt)
	}
	sub.refused = &refused{
		version: last.goal.version(last.now), names: last.now, doubt: doubt,
		base: sub.sent.restored(doubt, sub.acked), number: last.number,
	}
	if wanted := in.both(doubt, sub.names); wanted != doubt {
		sub.relieve(wanted)
	}
}

// mend ends the doubt about what was accepted after the refusal: all of it by a
// response that holds the whole state, or was sent to end it; else what it touches.
func (sub *subscription) mend(done []*response, in *interner) {
	for _, r := range done {
		switch {
		case sub.refused == nil:
			return
		case r.full || r.mends == sub.refused:
			sub.refused = nil
		case r.number > sub.refused.number:
			sub.relieve(in.without(sub.refused.doubt, r.touched(in)))
		}
	}
}

// relieve leaves some names only in doubt; nil: none.
func (sub *subscription) relieve(doubt *names) {
	switch old := sub.refused; {
	case doubt == nil || doubt.empty():
		sub.refused = nil
	case doubt != old.doubt:
		old.doubt, old.base = doubt, sub.sent.restored(doubt, sub.acked)
	}
}

// restored returns s with the named resources as they are in acked, or without them.
// What only the client knows cannot be given back: it stays as it is in s.
func (s *set) restored(doubt *names, acked *set) *set {
	if doubt == nil {
		return s
	}
	var old []*Resource
	if acked != nil {
		old = slices.DeleteFunc(slices.Clone(acked.subset(doubt)), func(r *Resource) bool {
			return r.delta == nil && s.find(r.name) != nil
		})
	}
	var out []*Resource
	for _, r := range s.all {
		if !doubt.lists(r.name) || acked != nil && acked.claims(r.name) {
			out = append(out, r)
		}
	}
	return newSet(s.url, merge(old, out))
}

// Refusal is a response that a client did not accept.
type Refusal struct {
	Version string
	// Message is the client's own, at most 8 KiB of it.
	Message string
	// Resources are those that the message names, or, when it names none, all that
	// the response added, changed or removed; at most 50.
	Resources []RefusedResource
	At        time.Time
	// Count is how many responses of the type were refused since one was accepted.
	Count int
}

// RefusedResource is a resource of a refused response, and where it was written.
type RefusedResource struct{ Name, Origin string }

func newRefusal(r *reply, message string, count int) *Refusal {
	if len(message) > maxMessage {
		message = message[:maxMessage]
		for !utf8.ValidString(message) {
			message = message[:len(message)-1]
		}
	}
	if slices.ContainsFunc(r.put, func(x *Resource) bool { return x.private }) && strings.Contains(message, "PRIVATE KEY") {
		message = "the message is withheld, for it holds a key"
	}
	out := &Refusal{Version: r.version, Message: strings.TrimSpace(message), At: time.Now(), Count: count}
	named := mentioned(message, r.put)
	if len(named) == 0 && r.full {
		named = mentioned(message, r.to.subset(r.now))
	}
	if len(named) == 0 {
		named = r.put
		for _, name := range r.gone {
			out.Resources = append(out.Resources, RefusedResource{Name: name})
		}
	}
	for _, x := range named {
		out.Resources = append(out.Resources, RefusedResource{x.name, x.origin})
	}
	slices.SortFunc(out.Resources, func(a, b RefusedResource) int { return strings.Compare(a.Name, b.Name) })
	if len(out.Resources) > maxNamed {
		out.Resources = out.Resources[:maxNamed]
	}
	return out
}

// mentioned returns the resources whose names occur in a message, as whole words: the
// longest first, since one name may be part of another.
func mentioned(message string, of []*Resource) []*Resource {
	var out []*Resource
	for _, r := range of {
		if strings.Contains(message, r.name) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *Resource) int { return len(b.name) - len(a.name) })
	return slices.DeleteFunc(out, func(r *Resource) bool {
		found := false
		for at := 0; ; {
			i := strings.Index(message[at:], r.name)
			if i < 0 {
				return !found
			}
			i += at
			at = i + len(r.name)
			if !wordAt(message, i-1) && !wordAt(message, at) {
				found = true
				message = message[:i] + strings.Repeat("\x00", len(r.name)) + message[at:]
			}
		}
	})
}

func wordAt(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}

// origins returns what of a refusal is told to an operator in one line.
func (r *Refusal) origins() []string {
	out := make([]string, 0, len(r.Resources))
	for _, x := range r.Resources {
		if x.Origin != "" {
			out = append(out, x.Name+" ("+x.Origin+")")
		} else {
			out = append(out, x.Name)
		}
	}
	return out
}
