package blueprints

import "time"

// Nodes says which Envoys get a blueprint; without any rule it fits all.
type Nodes struct {
	Position
	// IDs and Clusters are exact names or globs, Metadata is compared for equality.
	IDs, Clusters []string
	Metadata      map[string]string
	// GRPC says that proxyless gRPC clients are expected among them. It chooses
	// no node: those that come are served in any case.
	GRPC bool
}

// Rollout says how a new version reaches the Envoys that get a blueprint.
type Rollout struct {
	Position
	// Canary is how many Envoys get it first, 1 by default; 0: all at once.
	Canary int
	// Steps are per cents of the Envoys, ascending, which get it before all do.
	Steps []float64
	// Watch is how long a step is watched once it has acknowledged; 0 by default.
	Watch time.Duration
	// MaxRefused is how many Envoys have to refuse it behind the canaries for all to go
	// back; 5 % by default.
	MaxRefused Share
	// MaxErrors is how much larger the share of 5xx answers may be, in per cent of all
	// answers, where a step is watched than elsewhere; 0: errors do not count.
	MaxErrors float64
}

// Share is a number, or a per cent of a whole when Percent is not 0.
type Share struct {
	Count   int
	Percent float64
}
