package fleet

import (
	"fmt"
	"testing"
	"time"

	"backworks/blueprints"
)

func TestExpiring(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var all []Certificate
	for i, left := range []time.Duration{400 * 24 * time.Hour, 21*24*time.Hour + time.Minute, 21*24*time.Hour - time.Minute, time.Minute, 0, -time.Hour} {
		all = append(all, Certificate{
			File: fmt.Sprintf("/tls/%d.pem", i), Expires: now.Add(left), position: blueprints.Position{File: "main.yaml", Line: i + 1, Column: 2},
		})
	}
	const renew = ": renew it, it is read again when it changes"
	want := []string{
		"main.yaml:3:2: warning: 2.pem expires in 20 days, at 2026-03-21T23:59:00Z" + renew,
		"main.yaml:4:2: warning: 3.pem expires in 0 days, at 2026-03-01T00:01:00Z" + renew,
		"main.yaml:5:2: 4.pem expired at 2026-03-01T00:00:00Z" + renew,
		"main.yaml:6:2: 5.pem expired at 2026-02-28T23:00:00Z" + renew,
	}
	got := expiring(all, now)
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i, p := range got {
		if p.String() != want[i] {
			t.Errorf("got %s, want %s", p, want[i])
		}
	}
}
