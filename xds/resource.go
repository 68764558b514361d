package xds

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Resource is one resource as it is sent. It is immutable, but for what is kept of it
// for readers.
type Resource struct {
	url, name, version, origin string
	// assignment is the name of the assignment that a cluster waits for; "" for all
	// others.
	assignment string
	private    bool // it holds a key
	lingers    bool // see Options.Linger
	concealer  *Concealer
	// delta is the resource as field 2 of a DeltaDiscoveryResponse, tag included. It
	// ends with what is field 2 of a DiscoveryResponse: sotw. Both are nil where a client
	// claims a version that is not published.
	delta, sotw []byte
	sum         digest
	// For CSDS: when it was first sent to anybody, in ns since 1970, 0 before, and what
	// of it is shown, nil before somebody asks.
	first atomic.Int64
	shown atomic.Pointer[shown]
}

// Fields of envoy.service.discovery.v3.Resource and google.protobuf.Any.
const (
	resourceVersion, resourceBody, resourceName = 1, 2, 3
	anyURL, anyValue                            = 1, 2
	responseResources                           = 2
)

// NewResource marshals msg, deterministically. origin says where it was written, as
// in "main.yaml:12:7"; it is shown when an Envoy refuses the resource. It fails when
// msg is nil, name is empty or not UTF-8, or msg does not satisfy the rules of its own proto
// definition: Envoy refuses a whole response for one such resource, and a refused
// assignment may leave its cluster without endpoints.
func NewResource(msg proto.Message, name, origin string) (*Resource, error) {
	if msg == nil || !msg.ProtoReflect().IsValid() {
		return nil, fmt.Errorf("make resource %q: no message", name)
	}
	url := prefix + string(msg.ProtoReflect().Descriptor().FullName())
	if name == "" || !utf8.ValidString(name) {
		return nil, fmt.Errorf("make resource %q of type %s: the name must be UTF-8 and not empty", name, url)
	}
	if v, ok := msg.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			return nil, fmt.Errorf("validate resource %q: %w", name, err)
		}
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		return nil, fmt.Errorf("marshal resource %q: %w", name, err)
	}
	r := &Resource{url: url, name: name, origin: origin, version: contentVersion(body)}
	if c, ok := msg.(*clusterv3.Cluster); ok && c.GetType() == clusterv3.Cluster_EDS {
		if r.assignment = c.GetEdsClusterConfig().GetServiceName(); r.assignment == "" {
			r.assignment = name
		}
	}
	switch m := msg.(type) {
	case *clusterv3.Cluster:
		r.lingers = true
	case *listenerv3.Listener:
		r.lingers = m.GetInternalListener() != nil // only clusters lead there
	}
	if s, ok := msg.(*tlsv3.Secret); ok {
		r.private = s.GetValidationContext() == nil // authorities are no secret
	}
	r.sum = sumOf(name, r.version)
	r.encode(body)
	return r, nil
}

// Name returns the resource's name.
func (r *Resource) Name() string { return r.name }

// Type returns the resource's type URL.
func (r *Resource) Type() string { return r.url }

// Version returns a hash of the resource's content, 16 hex digits.
func (r *Resource) Version() string { return r.version }

// Origin returns where the resource was written.
func (r *Resource) Origin() string { return r.origin }

// Private returns the same resource as one that holds keys or passwords: it goes out over
// TLS, loopback and Unix sockets only, as secrets do.
func (r *Resource) Private() *Resource {
	out := r.From(r.origin)
	out.private = true
	return out
}

// Concealing returns the same resource, of which readers are not shown the values of c.
func (r *Resource) Concealing(c *Concealer) *Resource {
	out := r.From(r.origin)
	out.concealer = c
	out.shown.Store(nil)
	return out
}

// From returns the same resource, written at another place.
func (r *Resource) From(origin string) *Resource {
	out := &Resource{url: r.url, name: r.name, version: r.version, origin: origin, assignment: r.assignment, private: r.private, lingers: r.lingers, concealer: r.concealer, delta: r.delta, sotw: r.sotw, sum: r.sum}
	out.first.Store(r.first.Load())
	out.shown.Store(r.shown.Load())
	return out
}

func (r *Resource) encode(body []byte) {
	wrapped := appendBytes(appendString(nil, anyURL, r.url), anyValue, body)
	inner := appendString(nil, resourceVersion, r.version)
	inner = appendString(inner, resourceName, r.name)
	inner = appendBytes(inner, resourceBody, wrapped)
	r.delta = appendBytes(nil, responseResources, inner)
	// responseResources and resourceBody are the same number.
	length := protowire.SizeTag(responseResources) + protowire.SizeBytes(len(wrapped))
	r.sotw = r.delta[len(r.delta)-length:]
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, s []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), s)
}

// digest identifies content. That of a set is the sum of those of its members, so
// that the one of any subset is found by adding up.
type digest uint64

func (d digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

func contentVersion(body []byte) string {
	sum := sha256.Sum256(body)
	return digest(binary.BigEndian.Uint64(sum[:8])).String()
}

// sumOf is what a resource contributes to the digest of a set.
func sumOf(name, version string) digest {
	sum := sha256.Sum256([]byte(name + "\x00" + version))
	return digest(binary.BigEndian.Uint64(sum[:8]))
}
