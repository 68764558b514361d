// Package xds brings resources to the Envoys that want them: in the right order,
// once.
//
// What comes in: one Snapshot per group of nodes (Publish), endpoint state that
// replaces resources of it by name (Overlay), and the requests of clients, as
// state of the world or incremental ("delta") ADS streams. What goes out:
// responses, a status of every node (Nodes), and events (Notify).
//
// A resource is marshalled once and versioned by its content. The sets of
// resources of each type are immutable and stand behind one atomic pointer. A
// stream holds, for each type, the set it was last sent, and pulls the newest when
// it can send; the way from one set to another is computed and encoded once for all
// streams that take it.
//
// On the same listeners it answers CSDS, by which tools read what each client was
// sent and acknowledged, and takes load reports (LRS).
//
// It never looks inside a resource (but for the name of the assignment a cluster
// waits for, and for secrets that CSDS must not show), never waits for one client on
// behalf of another, and never sends a state twice.
package xds

import (
	"context"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/hashicorp/go-hclog"
)

const (
	// longestWait is how long a step may wait for the acknowledgement of the one
	// before. Envoy holds back the one of CDS while a cluster warms: up to the
	// initial_fetch_timeout of its EDS, which is 15 s.
	longestWait = 15 * time.Second
	// resumeWait is how long a client that came back may take to name all the types
	// it subscribes to, before what is gone is removed. Envoy names them in one go.
	resumeWait = 500 * time.Millisecond
	// mostLingers is how many times Options.Linger what is needless stays under edits
	// that go on and on.
	mostLingers = 4
	// maxUnanswered is how many responses of a type a client may leave unanswered
	// before it must answer one. Envoy answers all but CDS at once; the limit bounds
	// what is kept for a client which reads but never answers.
	maxUnanswered = 8
	// maxHeaders bounds those of a stream, in bytes: gRPC's own limit is 16 MiB.
	maxHeaders = 64 << 10
	// handshakeTime is how long a connection may take until it can be used, with the
	// handshakes of a whole fleet beside it; gRPC's own 2 min keep idle ones for long.
	handshakeTime = 30 * time.Second
	// minPing is how often a client may ping. Envoys are often set to 30 s or 10 s;
	// grpc-go's own 5 min would answer these with GOAWAY too_many_pings.
	minPing = 5 * time.Second
	// pingEvery and pingTimeout find peers that vanished without a word. Idle
	// streams are what xDS is made of, so nothing else would.
	pingEvery   = 30 * time.Second
	pingTimeout = 10 * time.Second
)

// Node is what a client said of itself in the first request of its stream.
type Node struct {
	ID, Cluster string
	Metadata    map[string]any
	// UserAgent is name and version, as in "envoy 1.40.0".
	UserAgent string

	locality *corev3.Locality // as CSDS shows it; nil: none
}

// Options are what a Server is made of.
type Options struct {
	// Logger is the parent of the server's; nil: nothing is logged.
	Logger hclog.Logger
	// Group says to which group a node belongs; false: to none, it is sent nothing
	// until a later Publish finds it one. It is asked by many goroutines at once, for
	// each node when it connects and after each Publish. nil: every node is of "".
	Group func(Node) (string, bool)
	// LongestWait is how long a step may wait for the acknowledgement of the one
	// before it. Default 15 s, the longest that Envoy holds one back. Longer: a
	// client that does not answer gets routes later; shorter: requests may meet
	// clusters that are not ready.
	LongestWait time.Duration
	// Linger is how long clusters, and listeners inside Envoy that only clusters lead to, are
	// still there when the client has acknowledged that nothing names them any more: a
	// request that is on its way through the filters, or between two tries, has its route
	// already, and without the cluster gets a 503. Where others become needless meanwhile
	// it begins anew, up to mostLingers times. A client that only these are left to be
	// removed of is synced. Default 0: none.
	Linger time.Duration
	// TLS is for connections that do not come by a Unix socket; nil: plaintext.
	TLS *TLS
	// Permit says whether the peer of a call (see PeerOf) may act for a node: be sent
	// what is for it, read by CSDS what it was sent, and report its load. The error is the
	// refusal; it may be a gRPC status. It is asked by many goroutines at once, when a
	// stream begins and after each Recheck. nil: whoever reaches the server may.
	Permit func(ctx context.Context, node Node) error
	// Limits bound what one client can cost the others.
	Limits Limits
	// LoadEvery is how often clients are asked to report their load. Default 1 s: a
	// rollout that is judged by errors sees them within two. Where many report, they
	// are asked less often (see loadInterval); the longest is 20 s.
	LoadEvery time.Duration
}
