package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"backworks/envoy"
	"backworks/fleet"
)

// startFlags are what `start` was called with.
type startFlags struct {
	blueprint     string
	watch         bool
	port          uint16
	dashboardPort uint16
	xdsListen     string
	xds           xdsFlags
	adminListen   string
	access        accessFlags
	envoy         string
	envoyAdmin    []envoy.Address
	nodeAdmins    string
	envoyArgs     []string
	keepEnvoy     bool
	stateDir      string
	strict        bool
	demo          bool
	canary        int // below 0: the blueprint's
	steps         []float64
	watchFor      time.Duration // below 0: the blueprint's
	checkEnvoy    bool
	verbose       bool
}

// withSidecar tells whether `start` runs an Envoy itself.
func (f *startFlags) withSidecar() bool { return f.envoy != "none" }

func startCommand() *cobra.Command {
	f := &startFlags{}
	c := &cobra.Command{
		Use:   "start [flags] [-- ENVOY ARGS]",
		Short: "Put blueprints on an Envoy, or on those that others run",
		Long: `Start loads a blueprint, or a folder of them, and serves it.

It finds an Envoy (--envoy, $ENVOY, PATH, .tools), runs it and keeps it running. With
--envoy none it serves Envoys that others run; "backworks bootstrap" makes what those
are started with. SIGHUP loads the blueprints again. SIGTERM and Ctrl-C let requests in
flight finish; a second one does not wait for them.`,
		Example: `  backworks start                               the blueprint in this folder
  backworks start --watch -c blueprints/        a folder; edits are live when saved
  backworks start --watch --demo                with backends to try it on
  backworks start --envoy none --xds-listen 0.0.0.0:18000 --xds-cert tls.crt --xds-key tls.key --xds-client-ca ca.crt
  backworks start -- --concurrency 2            what follows -- goes to Envoy`,
		Args: f.takeArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return start(c.Context(), *f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVarP(&f.blueprint, "config", "c", "", "blueprint `FILE|DIR`; by default backworks.yaml, main.yaml, blueprints/main.yaml or blueprint.yaml")
	flags.BoolVarP(&f.watch, "watch", "w", false, "load again when a file changes")
	flags.VarP((*portFlag)(&f.port), "port", "p", "`PORT` of the proxy, in place of the blueprint's (8080)")
	flags.Var((*portFlag)(&f.dashboardPort), "dashboard-port", "`PORT` of the admin listener, in place of the blueprint's (8081)")
	flags.Var((*listenFlag)(&f.adminListen), "admin-listen", "`ADDR` of the admin listener (127.0.0.1:8081)")
	f.access.add(flags)
	flags.Var((*xdsListenFlag)(&f.xdsListen), "xds-listen", "`ADDR` to serve other Envoys on, host:port or unix:///path; 127.0.0.1:18000 with --envoy none, else none")
	f.xds.add(flags)
	flags.StringVar(&f.envoy, "envoy", "auto", "the Envoy to run: `auto|none|PATH`")
	flags.Var((*addressesFlag)(&f.envoyAdmin), "envoy-admin", "`URL` of the admin interface of an Envoy that others run, for metrics and targets; may be repeated")
	flags.StringVar(&f.nodeAdmins, "node-admins", string(fleet.TrustOwn), "which admin interfaces are asked that nodes tell of in their metadata: those at the node's `own` address, any or none")
	flags.BoolVar(&f.keepEnvoy, "keep-envoy", false, "leave Envoy running at the end; the next start takes it over")
	flags.StringVar(&f.stateDir, "state-dir", "", "`DIR` for last good blueprints and sockets (~/.local/state/backworks/...)")
	flags.BoolVar(&f.strict, "strict", false, "do not start on a last good version, nor on some blueprints of a folder")
	flags.IntVar(&f.canary, "canary", -1, "`N` Envoys get a new version before the others, in place of the blueprint's rollout.canary (1); 0: all at once")
	flags.Float64SliceVar(&f.steps, "rollout-steps", nil, "`PERCENT,...` of the Envoys that get it next, in place of rollout.steps")
	flags.DurationVar(&f.watchFor, "rollout-watch", -1, "`TIME` that each step is watched, in place of rollout.watch (0s)")
	flags.BoolVar(&f.checkEnvoy, "check-envoy", false, "have an Envoy here validate each new version before it is sent to anybody")
	flags.BoolVar(&f.demo, "demo", false, "run demo backends on ports 3001 to 3003")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log what is done, not only what changes")
	return c
}

// takeArgs keeps what follows "--" for Envoy; there are no other arguments.
func (f *startFlags) takeArgs(c *cobra.Command, args []string) error {
	dash := c.ArgsLenAtDash()
	if dash < 0 {
		dash = len(args)
	}
	f.envoyArgs = args[dash:]
	switch {
	case dash > 0:
		return fmt.Errorf("unexpected argument %q: a blueprint is named with -c", args[0])
	case !f.withSidecar() && len(f.envoyArgs) > 0:
		return fmt.Errorf("arguments for Envoy and --envoy none exclude each other")
	case !slices.Contains([]fleet.AdminTrust{fleet.TrustOwn, fleet.TrustAny, fleet.TrustNone}, fleet.AdminTrust(f.nodeAdmins)):
		return fmt.Errorf("--node-admins must be own, any or none, got %q", f.nodeAdmins)
	case !f.withSidecar() && f.keepEnvoy:
		return fmt.Errorf("--keep-envoy and --envoy none exclude each other")
	case c.Flags().Changed("canary") && f.canary < 0, c.Flags().Changed("rollout-watch") && f.watchFor < 0:
		return fmt.Errorf("--canary and --rollout-watch must not be below 0")
	case !slices.IsSorted(f.steps) || len(f.steps) > 0 && (f.steps[0] <= 0 || f.steps[len(f.steps)-1] > 100):
		return fmt.Errorf("--rollout-steps must be ascending per cents, as in 10,50")
	case f.adminListen != "" && f.dashboardPort != 0:
		return fmt.Errorf("--admin-listen and --dashboard-port exclude each other")
	}
	if err := f.checkAccess(); err != nil {
		return err
	}
	return f.checkXDS()
}

// logLevel is for people: info is what changed.
func (f *startFlags) logLevel() hclog.Level {
	if f.verbose {
		return hclog.Debug
	}
	return hclog.Info
}

// newLogger logs warnings only, unless it is to be verbose: what stands against a
// start is to be read without steps that went well above it.
func (f *startFlags) newLogger(w io.Writer) hclog.Logger {
	level := hclog.Warn
	if f.verbose {
		level = hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Name: "backworks", Level: level, Output: w})
}
