package translate_test

import (
	"maps"
	"strings"
	"testing"

	ratelimitv3 "github.com/envoyproxy/go-control-plane/ratelimit/config/ratelimit/v3"

	"backworks/translate"
)

// TestFleetRules: of two versions the last one's limits hold, and those that the other has
// alone; no rule is one for others too.
func TestFleetRules(t *testing.T) {
	t.Parallel()
	const head = `
plugins: {proxy: {config: {targets: [http://192.0.2.2:80]}}, rate_limit: {config: {service: http://192.0.2.1:8081, per: 1m, scope: fleet}}}
endpoints:
`
	base := parse(t, head+`
  - {path: "/*", config: {rate_limit: {requests: 1}}}
  - {path: /old, config: {rate_limit: {requests: 2}}}
`)
	trial := parse(t, head+`
  - {path: "/*", config: {rate_limit: {requests: 10}}}
  - {path: /new, config: {rate_limit: {requests: 30, by: ["header:a", "header:b"]}}}
`)
	got := map[string]uint32{}
	walk(translate.FleetLimits(trial, base).Descriptors, "", func(key string, d *ratelimitv3.RateLimitDescriptor) {
		if strings.HasSuffix(d.Value, "*") {
			t.Errorf("%s: the service takes this for any end", d.Value)
		}
		if d.RateLimit != nil {
			got[key] = d.RateLimit.RequestsPerUnit
		}
	})
	want := map[string]uint32{
		"limit=ANY /* (0)": 1, "limit=ANY /old (0)": 2,
		"limit=ANY /new (0), header:a=, header:b=":                             30,
		"limit of the unknown=ANY /new (0), header:a=, masked_remote_address=": 30,
		"limit of the unknown=ANY /new (0), header:b=, masked_remote_address=": 30,
		"limit of the unknown=ANY /new (0), masked_remote_address=":            30,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if c := translate.FleetLimits(parse(t, "endpoints: [{path: /, static: {}}]")); c != nil {
		t.Error(c)
	}
}

func walk(list []*ratelimitv3.RateLimitDescriptor, above string, visit func(string, *ratelimitv3.RateLimitDescriptor)) {
	for _, d := range list {
		key := d.Key + "=" + d.Value
		if above != "" {
			key = above + ", " + key
		}
		visit(key, d)
		walk(d.Descriptors, key, visit)
	}
}
