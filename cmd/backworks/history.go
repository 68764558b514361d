package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"backworks/admin"
	"backworks/fleet"
)

func historyCommand() *cobra.Command {
	output := "table"
	var address *adminClient
	c := &cobra.Command{
		Use:   "history [BLUEPRINT]",
		Short: "Show the versions of blueprints and what became of them",
		Long: `History asks a running start for the last 50 versions of its blueprints. A blueprint
goes by its name, or by the path of its main file, or the end of that.`,
		Example: `  backworks history
  backworks history main.yaml -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if output != "table" && output != "json" {
				return wrongUse("invalid argument %q for -o: must be table or json", output)
			}
			query := url.Values{}
			if len(args) > 0 {
				query.Set("blueprint", args[0])
			}
			var h admin.History
			if err := address.get(c.Context(), http.MethodGet, "/api/v1/history", query, &h); err != nil {
				return err
			}
			if output == "json" {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(h)
			}
			return writeHistory(c.OutOrStdout(), h, time.Now())
		},
	}
	address = newAdminClient(c.Flags())
	c.Flags().StringVarP(&output, "output", "o", output, "`table|json`")
	return c
}

func writeHistory(out io.Writer, h admin.History, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BLUEPRINT\tVERSION\tOUTCOME\tAGE\tREASON")
	for _, b := range h.Blueprints {
		for _, v := range b.Versions {
			reason := oneLine(v.Reason)
			if len(v.Where) > 0 {
				reason = strings.Join(v.Where, ", ") + ": " + reason
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", shown(b.File), v.Version, v.Stage, age(v.At, now), cmp.Or(reason, "-"))
		}
	}
	return w.Flush()
}

func rollbackCommand() *cobra.Command {
	var address *adminClient
	c := &cobra.Command{
		Use:   "rollback BLUEPRINT [VERSION]",
		Short: "Give the Envoys of a blueprint an earlier version",
		Long: `Rollback gives all Envoys of a blueprint a version of its history, at once; without
VERSION the one that was accepted before the present one. The present version is not tried
again until a file changes, or "backworks rollout retry".`,
		Example: `  backworks rollback main.yaml
  backworks rollback shop 3957630b738857c3`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{"blueprint": {args[0]}}
			if len(args) > 1 {
				query.Set("version", args[1])
			}
			return byHand(c, address, "/api/v1/rollback", query)
		},
	}
	address = newAdminClient(c.Flags())
	return c
}

func rolloutCommand() *cobra.Command {
	var address *adminClient
	c := &cobra.Command{
		Use:   "rollout retry [BLUEPRINT]",
		Short: "Bring the Envoys once more what they refused",
		Long: `Rollout retry brings the version that was loaded last to the Envoys of a blueprint,
though one of them refused it, or it was rolled back by hand. Of one blueprint the name may
be left out.`,
		Example: `  backworks rollout retry
  backworks rollout retry shop`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 || args[0] != "retry" {
				return fmt.Errorf("write: backworks rollout retry [BLUEPRINT]")
			}
			return nil
		},
		ValidArgs: []string{"retry"},
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{}
			if len(args) > 1 {
				query.Set("blueprint", args[1])
			}
			return byHand(c, address, "/api/v1/retry", query)
		},
	}
	address = newAdminClient(c.Flags())
	return c
}

// byHand has a start do something, and tells how far its blueprints are then.
func byHand(c *cobra.Command, address *adminClient, path string, query url.Values) error {
	var answer struct{ Blueprints []fleet.BlueprintStatus }
	if err := address.get(c.Context(), http.MethodPost, path, query, &answer); err != nil {
		return err
	}
	for _, b := range answer.Blueprints {
		fmt.Fprintf(c.OutOrStdout(), "%s: version %s, %s\n", shown(b.File), b.Version, b.Rollout.Stage)
	}
	return nil
}
