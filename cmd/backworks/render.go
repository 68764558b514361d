package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/anypb"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/fleet"
	"backworks/translate"
	"backworks/xds"
)

// resolveTime is how long the names of all targets of a rendering may take.
const resolveTime = 5 * time.Second

// rendering is what `render` was asked for.
type rendering struct {
	resources  bool
	secrets    bool
	envoyAdmin envoy.Address
	adminAt    envoy.Address
	warn       func(format string, args ...any)
}

func renderCommand() *cobra.Command {
	r := rendering{}
	c := &cobra.Command{
		Use:   "render [FILE] [flags]",
		Short: "Print a blueprint as Envoy configuration",
		Long: `Render prints a complete configuration that "envoy -c" runs without a management server.
Host names of targets are resolved now and stand in it as addresses.`,
		Example: `  backworks render main.yaml > envoy.yaml && envoy -c envoy.yaml
  backworks render --resources               what an Envoy is sent by xDS`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.warn = func(format string, args ...any) {
				fmt.Fprintf(c.ErrOrStderr(), "backworks: warning: "+format+"\n", args...)
			}
			return r.run(c.Context(), append(args, "")[0], c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&r.resources, "resources", false, "print the xDS resources: a document of each type, as Envoy also reads them from files")
	c.Flags().BoolVar(&r.secrets, "secrets", false, "print the keys and passwords of clients too, without which nobody who needs one is let in, and the content of headers from files")
	c.Flags().Var((*addressFlag)(&r.envoyAdmin), "envoy-admin", "`ADDR` of Envoy's admin interface; none by default")
	c.Flags().Var((*addressFlag)(&r.adminAt), "admin-address", "`ADDR` of a Backworks admin listener, for the blueprint's metrics (127.0.0.1:8081)")
	return c
}

func (r rendering) run(ctx context.Context, path string, stdout, stderr io.Writer) error {
	bp, err := oneBlueprint(path, stderr)
	if err != nil {
		return err
	}
	conceal := xds.NewConcealer(bp.HeaderSecrets())
	switch bare, held := bp.WithoutSecrets(); {
	case r.secrets:
		conceal = nil
	case held:
		bp = bare
		r.warn("keys and passwords of clients are left out, and nobody who needs one is let in: --secrets prints them too")
	case conceal != nil:
		r.warn("headers from files have the files' names instead of their content: --secrets prints that")
	}
	if r.resources {
		return r.writeResources(ctx, bp, conceal, stdout)
	}
	config, err := r.config(ctx, bp)
	if err != nil {
		return err
	}
	conceal.Message(config)
	text, err := envoy.YAML(config)
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	return err
}

// checkForFile also warns of what a file cannot say.
func checkForFile(bp *blueprints.Blueprint) blueprints.Problems {
	return append(fleet.NewTranslator().Check(bp), translate.FileWarnings(bp)...)
}

// config is a complete static configuration.
func (r rendering) config(ctx context.Context, bp *blueprints.Blueprint) (*bootstrapv3.Bootstrap, error) {
	static, problems := translate.Static(bp, r.resolve(ctx, bp))
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if r.adminAt == "" {
		r.adminAt = envoy.Address(net.JoinHostPort(defaultAdminHost, strconv.Itoa(bp.Dashboard.Port)))
	}
	config, err := envoy.Bootstrap{
		Admin: r.envoyAdmin, AdminListener: r.adminAt, MaxConnections: bp.Server.MaxConnections,
	}.Message()
	if err != nil {
		return nil, err
	}
	static.AddTo(config)
	return config, nil
}

// writeResources prints a discovery response of each type, which is also what Envoy
// reads from files.
func (r rendering) writeResources(ctx context.Context, bp *blueprints.Blueprint, conceal *xds.Concealer, w io.Writer) error {
	all, problems := translate.Blueprint(bp)
	if err := problems.Err(); err != nil {
		return err
	}
	var out bytes.Buffer
	types := [][]translate.Resource{all.Clusters, translate.Assignments(bp, r.resolve(ctx, bp)), all.Listeners, all.Routes, translate.FileSecrets(bp)}
	for _, resources := range types {
		if len(resources) == 0 {
			continue
		}
		response := &discoveryv3.DiscoveryResponse{VersionInfo: bp.Version}
		for _, resource := range resources {
			packed, err := anypb.New(resource.Message)
			if err != nil {
				return fmt.Errorf("render %q: %w", resource.Name, err)
			}
			conceal.Message(packed)
			response.Resources = append(response.Resources, packed)
			response.TypeUrl = packed.TypeUrl
		}
		text, err := envoy.YAML(response)
		if err != nil {
			return err
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// resolve looks the host names of bp's targets up, IPv4 first. One without an address
// is left out, with a warning.
func (r rendering) resolve(ctx context.Context, bp *blueprints.Blueprint) translate.State {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	state := translate.State{Addresses: map[string][]netip.Addr{}}
	for _, host := range translate.Hosts(bp) {
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil && r.warn != nil {
			r.warn("cannot resolve host %q, its targets are left out: %v", host, cause(err))
		}
		for i := range addresses {
			addresses[i] = addresses[i].Unmap()
		}
		slices.SortFunc(addresses, func(a, b netip.Addr) int { return a.Compare(b) }) // IPv4 first
		state.Addresses[host] = slices.Compact(addresses)
	}
	return state
}
