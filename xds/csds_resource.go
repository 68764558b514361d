package xds

import (
	"slices"
	"strings"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// held is what there is to tell of a type: a copy of what the stream's goroutine
// works with, made by it under the stream's lock. What is pointed to never changes.
type held struct {
	goal             *set // nil: nothing is published for the node
	names, sentNames *names
	sent, acked      *set
	doubt            *names // of the last refusal; nil: none
	resent           bool   // other content was sent since
	open             [maxUnanswered]*reply
	first, last      time.Time
	status           TypeStatus // as of the same moment
}

// hold makes the copies; it costs some pointers a type. s.mu is held.
func (s *stream) hold() {
	for _, sub := range s.inOrder {
		h := held{
			names: sub.names, sentNames: sub.sentNames, sent: sub.sent, acked: sub.acked, first: sub.first, last: sub.last,
			status: sub.status,
		}
		if s.view != nil {
			h.goal = sub.goal(s.view)
		}
		if sub.refused != nil {
			h.doubt, h.resent = sub.refused.doubt, sub.refused.resent
		}
		for i, r := range sub.unanswered {
			h.open[i] = &r.reply
		}
		sub.held = h
	}
}

// typeState is all that is told of a type of a client.
type typeState struct {
	held
	rule
	delta bool
	since time.Time // when the client connected
}

// told lists the names that there is something to tell of, sorted: those that are
// subscribed to, and by a wildcard all that there are or were.
func (t *typeState) told() []string {
	if t.names == nil {
		return nil
	}
	out := slices.Clone(t.names.list)
	if t.names.wild {
		var done []*set
		for _, s := range []*set{t.goal, t.sent, t.acked} {
			if s == nil || slices.Contains(done, s) {
				continue
			}
			done = append(done, s)
			for _, r := range s.all {
				if s == t.goal || t.sentNames == nil || t.sentNames.has(r.name) {
					out = append(out, r.name)
				}
			}
		}
		slices.Sort(out)
		out = slices.Compact(out)
	}
	return out
}

// lookup is find for a set that may be nil.
func (s *set) lookup(name string) *Resource {
	if s == nil {
		return nil
	}
	return s.find(name)
}

// standing is how far a client is with a resource: as we see it, as it said, and the
// resource that it was last sent.
type standing struct {
	config   statusv3.ConfigStatus
	client   adminv3.ClientResourceStatus
	resource *Resource
}

// of tells how far the client is with the resource of a name.
func (t *typeState) of(name string) standing {
	const (
		requested = adminv3.ClientResourceStatus_REQUESTED
		accepted  = adminv3.ClientResourceStatus_ACKED
		refused   = adminv3.ClientResourceStatus_NACKED
		missing   = adminv3.ClientResourceStatus_DOES_NOT_EXIST
	)
	var sent, acked *Resource
	wanted, heard := t.goal.lookup(name), t.sentNames != nil && t.sentNames.has(name)
	if heard {
		sent, acked = t.sent.lookup(name), t.acked.lookup(name)
	}
	client := requested
	switch doubtful := t.doubt != nil && t.doubt.lists(name); {
	case doubtful && !t.resent:
		// The rejected one, as envoy.service.status.v3.ConfigStatus.ERROR has it.
		return standing{statusv3.ConfigStatus_ERROR, refused, sent}
	case doubtful:
		client = refused
	case acked != nil:
		client = accepted
	}
	switch {
	case t.unanswered(name) && sent == nil: // a removal is on its way
		return standing{statusv3.ConfigStatus_STALE, client, acked}
	case t.unanswered(name), sent != nil && (acked == nil || acked.version != sent.version):
		return standing{statusv3.ConfigStatus_STALE, client, sent}
	case sent != nil && (wanted != nil || t.goal == nil) && (wanted == nil || wanted.version == sent.version):
		return standing{statusv3.ConfigStatus_SYNCED, client, sent}
	case sent != nil: // a change or removal that waits
		return standing{statusv3.ConfigStatus_NOT_SENT, client, sent}
	case wanted == nil && heard && t.sent != nil && t.tellsRemovals():
		client = missing
	}
	return standing{statusv3.ConfigStatus_NOT_SENT, client, nil}
}

// tellsRemovals says that a client hears that there is no such resource: SotW says so
// of listeners and clusters alone.
func (t *typeState) tellsRemovals() bool { return t.delta || t.full }

// unanswered says that the client has a response with this name to answer.
func (t *typeState) unanswered(name string) bool {
	for _, r := range t.open {
		if r == nil {
			return false
		}
		if _, ok := slices.BinarySearchFunc(r.put, name, byName); ok {
			return true
		}
		if _, ok := slices.BinarySearch(r.gone, name); ok && t.tellsRemovals() {
			return true
		}
	}
	return false
}

// config is what CSDS says of a resource.
func (t *typeState) config(name string, contents bool) *statusv3.ClientConfig_GenericXdsConfig {
	is := t.of(name)
	out := &statusv3.ClientConfig_GenericXdsConfig{
		TypeUrl: t.url, Name: name, ConfigStatus: is.config, ClientStatus: is.client,
	}
	if is.resource != nil {
		out.VersionInfo, out.LastUpdated = t.version(is), timestamppb.New(t.updated(is.resource))
		if contents {
			out.XdsConfig = is.resource.bare().content
		}
	}
	if r := t.status.Refused; r != nil && is.client == adminv3.ClientResourceStatus_NACKED {
		out.ErrorState = &adminv3.UpdateFailureState{
			Details: t.details(r), VersionInfo: r.Version, LastUpdateAttempt: timestamppb.New(r.At),
		}
		if is.resource != nil && is.config == statusv3.ConfigStatus_ERROR {
			out.ErrorState.VersionInfo = out.VersionInfo
		}
	}
	return out
}

// version is the one that the client knows: under delta the resource's, under SotW
// that of the response.
func (t *typeState) version(is standing) string {
	switch {
	case t.delta:
		return is.resource.version
	case is.config == statusv3.ConfigStatus_SYNCED || is.config == statusv3.ConfigStatus_NOT_SENT:
		return t.status.Acked
	}
	return t.status.Sent
}

// updated is when the client got a resource, as near as can be said without keeping a
// time for each: when it was first sent to anybody, but neither before the first
// response of its type to this client nor after the last. What a client brought with
// it, it had when it connected.
func (t *typeState) updated(r *Resource) time.Time {
	earliest, latest, at := t.first, t.last, time.Unix(0, r.first.Load())
	if earliest.IsZero() {
		return t.since
	}
	switch {
	case at.Before(earliest):
		return earliest
	case at.After(latest):
		return latest
	}
	return at
}

// details is the client's message. Envoy repeats in it all of a resource that its own
// rules refuse, so nothing is told where secrets were refused.
func (t *typeState) details(r *Refusal) string {
	for _, x := range t.sent.subset(t.doubt) {
		if x.bare().secret {
			return "the message is withheld, for what was refused holds secrets"
		}
	}
	return strings.ToValidUTF8(r.Message, "\uFFFD")
}
