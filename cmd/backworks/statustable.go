package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"backworks/admin"
	"backworks/fleet"
)

// writeStatus prints a status for people: blueprints, Envoys by type, and beneath what
// is wrong, each at its place.
func writeStatus(out io.Writer, s *admin.Status, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BLUEPRINT\tVERSION\tROLLOUT\tSINCE\tENVOYS")
	for _, b := range s.Blueprints {
		version := b.Version
		if b.Rollout.Version != b.Version {
			version += " (" + b.Rollout.Version + " " + string(b.Rollout.Stage) + ")"
		}
		synced, all := 0, 0
		for _, n := range s.Nodes {
			if n.Blueprint == b.File {
				all++
				if n.State == fleet.NodeSynced {
					synced++
				}
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d of %d synced\n", shown(b.File), version, b.Rollout.Stage, age(b.Rollout.Since, now), synced, all)
	}
	fmt.Fprintln(w, "\nENVOY\tTYPE\tSTATE\tSENT\tACKNOWLEDGED\tAGE\tBLUEPRINT")
	for _, n := range s.Nodes {
		blueprint := "fits none"
		if n.Blueprint != "" {
			blueprint = shown(n.Blueprint)
		}
		if len(n.Ambiguous) > 0 {
			blueprint += " AMBIGUOUS"
		}
		if len(n.Types) == 0 {
			fmt.Fprintf(w, "%s\t-\t%s\t-\t-\t%s\t%s\n", visible(n.ID), n.State, age(n.Connected, now), blueprint)
		}
		for _, t := range n.Types {
			at := t.AckedAt
			if t.State == fleet.NodeStale {
				at = t.SentAt
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", visible(n.ID), t.Type, t.State,
				cmp.Or(t.Sent, "-"), cmp.Or(t.Acked, "-"), age(at, now), blueprint)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, line := range complaints(s) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// complaints are what is wrong, a line each.
func complaints(s *admin.Status) []string {
	var out []string
	for _, p := range s.Problems {
		out = append(out, oneLine(p.Text))
	}
	for _, n := range s.Nodes {
		for _, t := range n.Types {
			if t.Refused == nil {
				continue
			}
			var where []string
			for _, r := range t.Refused.Resources {
				where = append(where, strings.TrimSpace(r.Position+" "+r.Name))
			}
			out = append(out, fmt.Sprintf("%s: %s refuses %s: %s", strings.Join(where, ", "), visible(n.ID), t.Type, oneLine(t.Refused.Message)))
		}
		if len(n.Ambiguous) > 0 {
			out = append(out, fmt.Sprintf("%s: fits as well: %s", visible(n.ID), strings.Join(n.Ambiguous, ", ")))
		}
	}
	out = append(out, breakerLines(s)...)
	if len(out) > 0 {
		out = append([]string{""}, out...)
	}
	return out
}

// breakerLines tell how many Envoys of a blueprint have less than half-open breakers.
func breakerLines(s *admin.Status) (out []string) {
	for _, b := range s.Blueprints {
		all, kinds := 0, map[fleet.BreakerKind]int{}
		for _, n := range s.Nodes {
			if n.Blueprint != b.File || n.Breakers == nil {
				continue
			}
			all++
			kinds[n.Breakers.Least()]++
		}
		if half := kinds[fleet.BreakerKinds[0]]; half < all {
			out = append(out, fmt.Sprintf("%s: breakers of %d Envoys: %d tried half open, %d follow the fleet's, %d Envoy's own ejection alone",
				shown(b.File), all, half, kinds[fleet.BreakerKinds[1]], kinds[fleet.BreakerKinds[2]]))
		}
	}
	return out
}

// visible is what a peer said, without what a terminal would act on.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

func oneLine(s string) string { return visible(strings.Join(strings.Fields(s), " ")) }

// shown is a path as people call it from here.
func shown(path string) string {
	here, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

// age is how long ago something was, short.
func age(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case at.IsZero():
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
