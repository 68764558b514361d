package main

import (
	"strings"
	"testing"
	"time"

	"backworks/admin"
	"backworks/fleet"
)

// TestStatusTable: every state has its place, and what peers say cannot reach the
// terminal.
func TestStatusTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &admin.Status{
		Blueprints: []fleet.BlueprintStatus{{File: "/etc/shop.yaml", Version: "aaaa", Rollout: fleet.RolloutStatus{Version: "bbbb", Stage: fleet.Canary, Since: now.Add(-90 * time.Second)}}},
		Problems:   []admin.Problem{{Text: "shop.yaml:3:5: is bad"}},
		Nodes: []admin.Node{
			{ID: "edge-1", Blueprint: "/etc/shop.yaml", State: fleet.NodeSynced, Breakers: &fleet.NodeBreakers{HalfOpen: 2}, Types: []admin.TypeState{{Type: "CDS", State: fleet.NodeSynced, Sent: "1", Acked: "1", AckedAt: now.Add(-3 * time.Hour)}}},
			{ID: "edge-2", Blueprint: "/etc/shop.yaml", Ambiguous: []string{"/etc/other.yaml"}, Breakers: &fleet.NodeBreakers{Followed: 1, Ejection: 1}, State: fleet.NodeRejected, Types: []admin.TypeState{
				{Type: "LDS", State: fleet.NodeRejected, Sent: "2", Acked: "1", Refused: &admin.Refusal{Message: "no\x1b[2J such\nport", Resources: []admin.RefusedResource{{Name: "proxy", Position: "shop.yaml:1:9"}}}},
				{Type: "RDS", State: fleet.NodeStale, Sent: "2", SentAt: now.Add(-5 * time.Second)}}},
			{ID: "\x1b]0;evil\a", State: fleet.NodeNotSent, Connected: now.Add(-50 * 24 * time.Hour)},
		},
	}
	var b strings.Builder
	if err := writeStatus(&b, s, now); err != nil {
		t.Fatal(err)
	}
	want := `BLUEPRINT       VERSION             ROLLOUT  SINCE  ENVOYS
/etc/shop.yaml  aaaa (bbbb canary)  canary   1m30s  1 of 2 synced

ENVOY         TYPE  STATE     SENT  ACKNOWLEDGED  AGE   BLUEPRINT
edge-1        CDS   SYNCED    1     1             3h0m  /etc/shop.yaml
edge-2        LDS   REJECTED  2     1             -     /etc/shop.yaml AMBIGUOUS
edge-2        RDS   STALE     2     -             5s    /etc/shop.yaml AMBIGUOUS
?]0;evil?  -     NOT SENT  -     -             50d   fits none

shop.yaml:3:5: is bad
shop.yaml:1:9 proxy: edge-2 refuses LDS: no?[2J such port
edge-2: fits as well: /etc/other.yaml
/etc/shop.yaml: breakers of 2 Envoys: 1 tried half open, 0 follow the fleet's, 1 Envoy's own ejection alone
`
	got := strings.ReplaceAll(b.String(), "\uFFFD", "?")
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if squeeze(got) != squeeze(want) {
		t.Errorf("got\n%s", got)
	}
	if !refused(s) || arrived(s) {
		t.Error("a refusal is not seen")
	}
}
