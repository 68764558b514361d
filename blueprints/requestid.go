package blueprints

type requestIDSpec struct {
	at
	Answer boolean `yaml:"answer" default:"true" doc:"Whether answers have it too."`
	Keep   boolean `yaml:"keep" default:"false" doc:"Whether one that a client sends is kept. Then tracing chooses by it, and leaves out those that are no UUID."`
}

// RequestID says what becomes of the header X-Request-Id, which every request to a
// target has.
type RequestID struct {
	// Answer: answers have it too, the default. Keep: a client's own is kept.
	Answer, Keep bool
}
