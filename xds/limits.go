package xds

import (
	"time"

	"google.golang.org/grpc/codes"
)

// Limits bound what one client can cost the others. 0 in a field: the default.
type Limits struct {
	// RequestRate is how many requests a second a stream may send for long; more wait,
	// and are refused in no case. At once it may be ten times as many. Default 50: an
	// Envoy sends some 10 when it starts and one for each type of an edit, a gRPC client
	// one for each name; while 100 clients that do nothing but send cost a tenth of
	// a core. A request counts once for each 16 KiB it has; answers to what a client was
	// sent do not, for it sends no more of them than it gets. A connection may open as many
	// streams a second, and at once as many more as it may have.
	RequestRate int
	// RequestBytes bounds a request. Default 32 MiB: a member of a large fleet that comes
	// back names every resource it has, and gRPC's own 4 MiB would lock it out. It is also
	// the memory that a stream can take while it receives, and the sum of the lengths of
	// the names that it may subscribe to.
	RequestBytes int
	// UnknownTypes is how many types a stream may ask for that there are no rules for.
	// Default 20: Envoy's API has about as many, and each is remembered.
	UnknownTypes int
	// Names is how many names a stream may subscribe to, over all types. Default
	// 200,000: clusters, assignments and routes of the largest fleets are 30,000; each
	// costs some 100 bytes.
	Names int
	// Streams is how many there may be in all; more wait until others end. Default
	// 20,000: they take about 2 GiB.
	Streams int
	// ConnectionStreams is how many of them may be of one connection; more wait. Default
	// 10,000: an Envoy has two, but a proxy in front of a fleet has all of theirs on few
	// connections; and no connection can have all there are.
	ConnectionStreams int
	// Arrivals is how many clients may be at their first request at the same time; more
	// wait. Default 100: this keeps the cores busy, and when a whole fleet comes at once,
	// those who are there already need not share the cores with thousands, nor is the
	// memory of thousands of first requests needed at a time.
	Arrivals int
}

// DefaultLimits are those that hold where none are given.
func DefaultLimits() Limits { return Limits{}.orDefaults() }

func (l Limits) orDefaults() Limits {
	for _, f := range []struct {
		limit    *int
		fallback int
	}{
		{&l.RequestRate, 50}, {&l.RequestBytes, maxRequest}, {&l.UnknownTypes, 20}, {&l.Names, 200_000},
		{&l.Streams, 20_000}, {&l.ConnectionStreams, 10_000}, {&l.Arrivals, 100},
	} {
		if *f.limit <= 0 {
			*f.limit = f.fallback
		}
	}
	return l
}

const (
	maxRequest = 32 << 20
	// maxTypeURL bounds the name of a type, which is kept, and told; in bytes. Those of
	// Envoy's API have under 100.
	maxTypeURL = 256
	// maxNode bounds what a client says of itself, in bytes: it is kept. Envoy's list of
	// extensions takes 60 KiB.
	maxNode = 512 << 10
	// maxNodeName bounds a node's id and cluster, in bytes: they are in logs and metrics.
	maxNodeName = 1 << 10
	// burstSeconds is for how long a stream may have saved up requests.
	burstSeconds = 10
	// saved is how many seconds' requests there must be before a stream that had to wait is
	// read again.
	saved = 0.1
	// requestUnit is how many bytes of a request count as one.
	requestUnit = 16 << 10
)

// bucket holds what may be done at once; it fills by rate a second, up to most.
type bucket struct {
	rate, most, tokens float64
	filled             time.Time
}

func newBucket(rate, most int, now time.Time) bucket {
	return bucket{rate: float64(rate), most: float64(most), tokens: float64(most), filled: now}
}

// cost is what a request of so many bytes counts for.
func cost(bytes int) int64 { return 1 + int64(bytes/requestUnit) }

// take takes out what something costs, puts back what is to be given back, and says how
// long the next one has to wait: until several may be done, for waking up for each would
// cost more than they do. Nothing costs more than a full bucket.
func (b *bucket) take(cost, back int64, now time.Time) time.Duration {
	b.tokens = min(b.most, b.tokens+now.Sub(b.filled).Seconds()*b.rate+float64(back))
	b.filled = now
	b.tokens -= min(b.most, float64(cost))
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration((saved - b.tokens/b.rate) * float64(time.Second))
}

// acceptable bounds what a request says, before anything of it is kept.
func (s *stream) acceptable(r *request) error {
	switch {
	case r.tooMany:
		return s.end(TooManyNames, codes.ResourceExhausted, "a request may have %d names (--xds-max-names)", r.most)
	case r.url == "":
		return s.end(Malformed, codes.InvalidArgument, "type_url is required on an aggregated stream")
	case len(r.url) > maxTypeURL:
		return s.end(TooLarge, codes.InvalidArgument, "a type_url may have %d bytes", maxTypeURL)
	case len(r.node) > maxNode:
		return s.end(TooLarge, codes.InvalidArgument, "a node may have %d KiB", maxNode>>10)
	}
	return nil
}

// mayAsk says whether the stream may ask for another type.
func (s *stream) mayAsk(url string) error {
	if _, place := ruleOf(url); place < len(order) {
		return nil
	}
	unknown := 0
	for _, sub := range s.subs {
		if sub.place == len(order) {
			unknown++
		}
	}
	if most := s.server.limits.UnknownTypes; unknown >= most {
		return s.end(TooManyTypes, codes.ResourceExhausted, "a stream may ask for %d types that are unknown here (--xds-max-types)", most)
	}
	return nil
}

// namesFit bounds what is subscribed to, over all types.
func (s *stream) namesFit() error {
	count, bytes := 0, 0
	for _, sub := range s.subs {
		if sub.names != nil {
			count, bytes = count+len(sub.names.list), bytes+sub.names.bytes
		}
	}
	if l := s.server.limits; count > l.Names || bytes > l.RequestBytes {
		return s.end(TooManyNames, codes.ResourceExhausted, "a stream may subscribe to %d names of %d bytes together (--xds-max-names, --xds-max-request)", l.Names, l.RequestBytes)
	}
	return nil
}
