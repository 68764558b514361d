package fleet

import (
	"fmt"
	"testing"

	"backworks/xds"
)

func limitedBlueprint(requests int) string {
	return fmt.Sprintf(`plugins:
  proxy: {config: {targets: [http://192.0.2.1:80]}}
  rate_limit: {config: {service: http://192.0.2.2:8081, requests: %d, per: 1m, scope: fleet}}
endpoints: [{path: /}]
`, requests)
}

// A rate limit service gets the limits of all blueprints, and keeps those that an edit does
// not change.
func TestRateLimitService(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{"a.yaml": limitedBlueprint(1), "b.yaml": blueprint("b", "p=http://b.test:80")})
	for node, want := range map[*xds.Node]bool{
		{ID: "ratelimit"}: true, {ID: "ratelimit-7"}: true, {ID: "a"}: false, {ID: "ratelimit", UserAgent: "envoy 1.40.0"}: false,
	} {
		if group, _ := r.fleet.Groups.Group(*node); (group == limitGroup) != want {
			t.Errorf("%+v is in group %q", node, group)
		}
	}
	groups, _ := r.server.given()
	first := groups[limitGroup].Snapshot
	if first == nil {
		t.Fatal("nothing is given to the service")
	}
	r.write("b.yaml", blueprint("b", "p=http://b.test:81"))
	r.reload()
	if groups, _ = r.server.given(); groups[limitGroup].Snapshot != first {
		t.Error("another blueprint's edit gives it something new")
	}
	r.write("a.yaml", limitedBlueprint(2))
	r.reload()
	groups, _ = r.server.given()
	second := groups[limitGroup].Snapshot
	if second == first {
		t.Error("an edit of a limit gives it nothing new")
	}
	r.write("a.yaml", blueprint("a", "p=http://a.test:80"))
	r.reload()
	if groups, _ = r.server.given(); groups[limitGroup].Snapshot == second || groups[limitGroup].Snapshot == nil {
		t.Error("limits that are gone are still there")
	}
}
