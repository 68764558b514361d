package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"backworks/admin"
	"backworks/fleet"
)

const (
	// statusEvery is how often --watch looks, waitEvery how often --wait does.
	statusEvery = time.Second
	waitEvery   = 100 * time.Millisecond
)

// statusFlags are what `status` was called with.
type statusFlags struct {
	admin  *adminClient
	node   string
	watch  bool
	wait   time.Duration
	output string
}

func statusCommand() *cobra.Command {
	f := &statusFlags{}
	c := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show every Envoy and how far it is; 1 when anything is refused",
		Long: `Status asks a running start for its blueprints and Envoys. Each type of resources of
each Envoy is SYNCED (all acknowledged), STALE (sent, not acknowledged), REJECTED (with
the refusal, and the place in the blueprint) or NOT SENT. The exit code is 1 when anything
is refused. With --wait it is 0 as soon as everybody has everything, and 1 when that does
not come in time.`,
		Example: `  backworks status
  backworks status --wait 30s        after an edit: until it is live everywhere
  backworks status --node edge-1 -o json
  backworks status --watch --admin 127.0.0.1:9000`,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.output != "table" && f.output != "json" {
				return wrongUse("invalid argument %q for -o: must be table or json", f.output)
			}
			if f.watch && f.wait > 0 {
				return wrongUse("--watch and --wait exclude each other")
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return f.run(ctx, c.OutOrStdout())
		},
	}
	flags := c.Flags()
	f.admin = newAdminClient(flags)
	flags.StringVar(&f.node, "node", "", "show the Envoy with this `ID` only")
	flags.BoolVarP(&f.watch, "watch", "w", false, "show it anew every second, until Ctrl-C")
	flags.DurationVar(&f.wait, "wait", 0, "wait for so much `TIME` until every Envoy has everything")
	flags.StringVarP(&f.output, "output", "o", "table", "`table|json`")
	return c
}

func (f *statusFlags) run(ctx context.Context, out io.Writer) error {
	switch {
	case f.watch:
		return f.follow(ctx, out)
	case f.wait > 0:
		return f.until(ctx, out)
	}
	s, err := f.get(ctx)
	if err != nil {
		return err
	}
	return f.show(out, s)
}

// get asks for the status, of the one node that was asked for.
func (f *statusFlags) get(ctx context.Context) (*admin.Status, error) {
	s := &admin.Status{}
	if err := f.admin.get(ctx, http.MethodGet, "/api/v1/status", nil, s); err != nil {
		return nil, err
	}
	if f.node != "" {
		s.Nodes = slices.DeleteFunc(s.Nodes, func(n admin.Node) bool { return n.ID != f.node })
		if len(s.Nodes) == 0 {
			return nil, fmt.Errorf("no Envoy %q is connected", f.node)
		}
	}
	return s, nil
}

// show prints a status. It fails when anything in it is refused.
func (f *statusFlags) show(out io.Writer, s *admin.Status) error {
	if err := f.print(out, s); err != nil {
		return err
	}
	if refused(s) {
		return errTold
	}
	return nil
}

func (f *statusFlags) print(out io.Writer, s *admin.Status) error {
	if f.output == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	return writeStatus(out, s, time.Now())
}

// refused says that a node refuses something, or a version went back.
func refused(s *admin.Status) bool {
	return slices.ContainsFunc(s.Nodes, func(n admin.Node) bool { return n.State == fleet.NodeRejected }) ||
		slices.ContainsFunc(s.Blueprints, func(b fleet.BlueprintStatus) bool { return b.Rollout.Stage == fleet.Refused })
}

// arrived says that what was loaded last is served, and every node that a blueprint is
// for has all of it.
func arrived(s *admin.Status) bool {
	here := slices.DeleteFunc(slices.Clone(s.Nodes), func(n admin.Node) bool { return n.Blueprint == "" })
	return len(here) > 0 && s.Ready &&
		!slices.ContainsFunc(here, func(n admin.Node) bool { return n.State != fleet.NodeSynced }) &&
		!slices.ContainsFunc(s.Blueprints, func(b fleet.BlueprintStatus) bool {
			return b.Rollout.Stage != fleet.Accepted && b.Rollout.Stage != fleet.RolledBack && slices.ContainsFunc(here, func(n admin.Node) bool { return n.Blueprint == b.File })
		})
}

// tried says that a version is with its first nodes, whose refusal may be of the one before.
func tried(s *admin.Status) bool {
	return slices.ContainsFunc(s.Blueprints, func(b fleet.BlueprintStatus) bool {
		return b.Rollout.Stage == fleet.Checking || b.Rollout.Stage == fleet.Canary || b.Rollout.Stage == fleet.Stepping
	})
}

// until waits for everything to be everywhere. A refusal ends it: it does not go by
// itself.
func (f *statusFlags) until(ctx context.Context, out io.Writer) error {
	late := time.After(f.wait)
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	for {
		s, err := f.get(ctx)
		if err == nil && (arrived(s) || refused(s) && !tried(s)) {
			return f.show(out, s)
		}
		select {
		case <-ctx.Done():
			return errTold
		case <-late:
			if err != nil {
				return err
			}
			if err := f.print(out, s); err != nil {
				return err
			}
			return fmt.Errorf("not every Envoy has everything after %s", f.wait)
		case <-tick.C:
		}
	}
}

// follow shows the status until the user ends it.
func (f *statusFlags) follow(ctx context.Context, out io.Writer) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	var last error
	for {
		var page bytes.Buffer
		s, err := f.get(ctx)
		if err == nil {
			err = f.show(&page, s)
		}
		if ctx.Err() != nil {
			return last
		}
		if last = err; err != nil && !errors.Is(err, errTold) {
			fmt.Fprintln(&page, err)
		}
		if f.output == "table" {
			_, _ = io.WriteString(out, "\x1b[H\x1b[2J") // home, and clear what is below
		}
		if _, err := page.WriteTo(out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}
