package main

import (
	"encoding/binary"
	"hash/maphash"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of the requests. A DiscoveryRequest is SotW's, a DeltaDiscoveryRequest delta's.
type fields struct{ version, node, url, names, unsubscribe, initial, nonce protowire.Number }

var (
	sotwFields  = fields{version: 1, node: 2, names: 3, url: 4, nonce: 5}
	deltaFields = fields{node: 1, url: 2, names: 3, unsubscribe: 4, initial: 5, nonce: 6}
)

func fieldsOf(delta bool) fields {
	if delta {
		return deltaFields
	}
	return sotwFields
}

// Fields of both responses, of envoy.service.discovery.v3.Resource and of Any.
const (
	responseVersion, responseResources, responseURL, responseNonce, responseRemoved = 1, 2, 4, 5, 6
	resourceVersion, resourceBody, resourceName                                     = 1, 2, 3
	anyURL, anyValue                                                                = 1, 2
)

func appendString[S string | []byte](b []byte, field protowire.Number, s S) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(len(s)))
	return append(b, s...)
}

// eachField calls f with each length-delimited field of a message: its number, its
// content, and where it begins and ends, tag included.
func eachField(b []byte, f func(number protowire.Number, v []byte, begin, end int)) error {
	for at := 0; at < len(b); {
		number, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return protowire.ParseError(n)
		}
		m := protowire.ConsumeFieldValue(number, typ, b[at+n:])
		if m < 0 {
			return protowire.ParseError(m)
		}
		if typ == protowire.BytesType {
			_, prefix := protowire.ConsumeVarint(b[at+n:])
			f(number, b[at+n+prefix:at+n+m], at, at+n+m)
		}
		at += n + m
	}
	return nil
}

// field returns the last field of that number, or nil.
func field(b []byte, wanted protowire.Number) (out []byte) {
	_ = eachField(b, func(number protowire.Number, v []byte, _, _ int) {
		if number == wanted {
			out = v
		}
	})
	return out
}

// response is a response parsed at its top level. It points into the message.
type response struct {
	kind           kind
	version, nonce string
	raw            []byte
	content        uint64 // a hash of all but the nonce
	resources      int
}

var seed = maphash.MakeSeed()

func parse(b []byte) (response, error) {
	r := response{kind: kinds, raw: b}
	begin, end := len(b), len(b)
	err := eachField(b, func(number protowire.Number, v []byte, from, to int) {
		switch number {
		case responseVersion:
			r.version = string(v)
		case responseResources:
			r.resources++
		case responseURL:
			r.kind = kindOf(v)
		case responseNonce:
			r.nonce, begin, end = string(v), from, to
		}
	})
	r.content = mix(maphash.Bytes(seed, b[:begin]), maphash.Bytes(seed, b[end:]))
	return r, err
}

// mix joins two hashes; their order matters.
func mix(a, b uint64) uint64 {
	var pair [16]byte
	binary.LittleEndian.PutUint64(pair[:8], a)
	binary.LittleEndian.PutUint64(pair[8:], b)
	return maphash.Bytes(seed, pair[:])
}

// nameList is an immutable, sorted list of names, and the same as fields of a request.
type nameList struct {
	list    []string
	encoded []byte
}

func newNameList(list []string) *nameList {
	n := &nameList{list: list}
	for _, name := range list {
		n.encoded = appendString(n.encoded, sotwFields.names, name)
	}
	return n
}
