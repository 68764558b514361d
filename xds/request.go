package xds

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// request is a DiscoveryRequest or DeltaDiscoveryRequest, parsed at its top level
// only: a large client's names fill megabytes, and mostly are those of before.
type request struct {
	delta bool
	known *interner // of what clients say
	most  int       // names that are read; 0: all

	bytes               int  // its length
	tooMany             bool // there are more names
	url, nonce, version string
	node                []byte
	refusal             *statuspb.Status
	names               *names // nil: none were said
	unsubscribe         []string
	initial             *initial // nil: nothing is said to be there
}

// initial is what a client says it has when it comes back: names and versions. It is
// immutable; equal ones are the same pointer.
type initial struct {
	entries []byte // map entries as sent, tags included
	hash    uint64 // of all of them, in any order
}

// Fields of the two requests, by what they mean; 0: the request has no such field.
type fields struct{ version, node, url, names, unsubscribe, initial, nonce, refusal protowire.Number }

var (
	sotwFields  = fields{version: 1, node: 2, names: 3, url: 4, nonce: 5, refusal: 6}
	deltaFields = fields{node: 1, url: 2, names: 3, unsubscribe: 4, initial: 5, nonce: 6, refusal: 7}
	seed        = maphash.MakeSeed()
)

// parse reads the request off b, which is not kept.
func (r *request) parse(b []byte) error {
	f := sotwFields
	if r.delta {
		f = deltaFields
	}
	r.bytes = len(b)
	named := 0
	var said, has runs
	var hash uint64
	for at := 0; at < len(b); {
		number, v, n, err := nextField(b[at:])
		if err != nil {
			return err
		}
		if number != 0 && (number == f.names || number == f.unsubscribe || number == f.initial) {
			// Not one more is kept: a name takes a byte to send and a hundred to have.
			if named++; r.most > 0 && named > r.most {
				r.tooMany = true
				return nil
			}
		}
		switch number {
		case 0: // nothing that we read
		case f.names:
			said = said.with(at, at+n)
		case f.initial:
			has = has.with(at, at+n)
			hash += maphash.Bytes(seed, v)
		default:
			err = r.take(f, number, v)
		}
		if err != nil {
			return err
		}
		at += n
	}
	if len(has) > 0 {
		r.initial = r.known.had(b, has, hash)
	}
	var err error
	if len(said) > 0 {
		r.names, err = r.known.said(b, said)
	}
	return err
}

// take reads one field.
func (r *request) take(f fields, number protowire.Number, v []byte) error {
	// What is echoed in a response must be valid there, else the client cannot
	// read it.
	if number != f.node && number != f.refusal && !utf8.Valid(v) {
		return fmt.Errorf("parse request: field %d is not UTF-8", number)
	}
	switch number {
	case f.version:
		r.version = string(v)
	case f.node:
		r.node = append([]byte(nil), v...)
	case f.url:
		r.url = urlOf(v)
	case f.unsubscribe:
		r.unsubscribe = append(r.unsubscribe, string(v))
	case f.nonce:
		r.nonce = string(v)
	case f.refusal:
		r.refusal = &statuspb.Status{}
		// A refusal counts even when its words cannot be read.
		if err := proto.Unmarshal(v, r.refusal); err != nil {
			r.refusal = &statuspb.Status{Message: "unreadable error_detail: " + err.Error()}
		}
	}
	return nil
}

// urlOf returns a type URL, without a copy of those in the order.
func urlOf(v []byte) string {
	for _, r := range order {
		if string(v) == r.url {
			return r.url
		}
	}
	return string(v)
}

// nextField reads the first field of b: its content and its length, tag included. The
// number is 0 where it is not length-delimited.
func nextField(b []byte) (number protowire.Number, v []byte, n int, err error) {
	number, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return 0, nil, 0, protowire.ParseError(n)
	}
	if kind != protowire.BytesType {
		m := protowire.ConsumeFieldValue(number, kind, b[n:])
		if m < 0 {
			return 0, nil, 0, protowire.ParseError(m)
		}
		return 0, nil, n + m, nil
	}
	v, m := protowire.ConsumeBytes(b[n:])
	if m < 0 {
		return 0, nil, 0, protowire.ParseError(m)
	}
	return number, v, n + m, nil
}

// eachField calls f with each length-delimited field of a message.
func eachField(b []byte, f func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		number, v, n, err := nextField(b)
		if err == nil && number > 0 {
			err = f(number, v)
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// each calls f with each name and version.
func (i *initial) each(f func(name, version string)) {
	// The entries were checked as fields; a broken one inside reads as empty.
	_ = eachField(i.entries, func(_ protowire.Number, entry []byte) error {
		var name, version string
		_ = eachField(entry, func(number protowire.Number, v []byte) error {
			switch number {
			case 1:
				name = strings.ToValidUTF8(string(v), "\uFFFD")
			case 2:
				version = string(v)
			}
			return nil
		})
		f(name, version)
		return nil
	})
}

// parseNode reads the node of a first request.
func parseNode(raw []byte) (Node, error) {
	n := &corev3.Node{}
	err := proto.Unmarshal(raw, n)
	out := Node{ID: n.GetId(), Cluster: n.GetCluster(), Metadata: n.GetMetadata().AsMap(), UserAgent: n.GetUserAgentName(), locality: n.GetLocality()}
	version := n.GetUserAgentVersion()
	if v := n.GetUserAgentBuildVersion().GetVersion(); v != nil {
		version = fmt.Sprintf("%d.%d.%d", v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch())
	}
	if version != "" {
		out.UserAgent += " " + version
	}
	return out, err
}
