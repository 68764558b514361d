package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"backworks/fleet"
)

// switches are what `target` does, with what it has done then.
var switches = []struct {
	name fleet.Switch
	done string
}{{fleet.Drain, "drained: it gets nothing new until it is restored"}, {fleet.Eject, "ejected: it is tried after the recovery time of its breaker"}, {fleet.Restore, "restored"}}

func targetCommand() *cobra.Command {
	var address *adminClient
	of := fleet.Switched{}
	var names []string
	for _, s := range switches {
		names = append(names, string(s.name))
	}
	use := "target " + strings.Join(names, "|") + " NAME"
	c := &cobra.Command{
		Use:   use,
		Short: "Take a target out by hand, and let it in again",
		Long: `Target switches a target of a running start.

drain    no Envoy sends it anything new until it is restored, over restarts too; what is
         under way ends
eject    its breaker is opened in each Envoy that can be asked, as if it had failed: it
         is tried after the recovery time
restore  ends a drain, and closes its breakers`,
		Example: `  backworks target drain backend-1
  backworks target restore backend-1 --pool users`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || !slices.Contains(names, args[0]) {
				return fmt.Errorf("write: backworks %s", use)
			}
			return nil
		},
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			query := url.Values{"to": {args[0]}, "target": {args[1]}}
			for key, value := range map[string]string{"pool": of.Pool, "blueprint": of.Blueprint} {
				if value != "" {
					query.Set(key, value)
				}
			}
			var answer struct{ Targets []fleet.TargetStatus }
			if err := address.get(c.Context(), http.MethodPost, "/api/v1/switch", query, &answer); err != nil {
				return err
			}
			for _, s := range switches {
				if string(s.name) == args[0] {
					fmt.Fprintf(c.OutOrStdout(), "%s is %s\n", visible(args[1]), s.done)
				}
			}
			return nil
		},
	}
	address = newAdminClient(c.Flags())
	c.Flags().StringVar(&of.Pool, "pool", "", "`NAME` of the pool, where several have a target of the name")
	c.Flags().StringVar(&of.Blueprint, "blueprint", "", "`BLUEPRINT`, by its name or file, where several have")
	return c
}
