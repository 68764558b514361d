package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"backworks/envoy"
	"backworks/fleet"
)

func bootstrapCommand() *cobra.Command {
	var b envoy.Bootstrap
	var secrets clientTLS
	var file string
	var maxConnections uint32
	c := &cobra.Command{
		Use:   "bootstrap --node-id ID --node-cluster NAME --xds ADDR [flags]",
		Short: "Print what an Envoy is started with to be served from here",
		Example: `  backworks bootstrap --node-id edge-1 --node-cluster edge --xds 10.0.0.5:18000 > envoy.yaml
  envoy -c envoy.yaml
  backworks bootstrap --node-id edge-1 --node-cluster edge --xds xds.example.org:18000 -o envoy.yaml \
    --xds-ca /etc/tls/ca.crt --xds-cert /etc/tls/tls.crt --xds-key /etc/tls/tls.key`,
		RunE: func(c *cobra.Command, _ []string) error {
			if b.NodeID == "" || b.NodeCluster == "" || b.XDS == "" {
				return wrongUse("--node-id, --node-cluster and --xds are needed")
			}
			b.MaxConnections = int(maxConnections)
			if _, own := b.NodeMetadata[fleet.AdminKey]; b.Admin != "" && !own {
				b.NodeMetadata = with(b.NodeMetadata, fleet.AdminKey, string(b.Admin))
			}
			if err := secrets.complete(&b, file); err != nil {
				return err
			}
			message, err := b.Message()
			if err != nil {
				return err
			}
			text, err := envoy.YAML(message)
			if err != nil {
				return err
			}
			if err := secrets.write(); err != nil {
				return err
			}
			return writeTo(file, text, c.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.StringVar(&b.NodeID, "node-id", "", "`ID` of the Envoy, unlike any other's")
	flags.StringVar(&b.NodeCluster, "node-cluster", "", "`NAME` of what it is a part of")
	flags.StringToStringVar(&b.NodeMetadata, "node-metadata", nil, "`KEY=VALUE,...` for the nodes of blueprints to match")
	flags.Var((*addressFlag)(&b.XDS), "xds", "`ADDR` of the management server: host:port or unix:///path")
	secrets.add(flags)
	flags.BoolVar(&b.SotW, "sotw", false, "speak the state-of-the-world variant of xDS, not delta")
	flags.Var((*addressFlag)(&b.Admin), "envoy-admin", "`ADDR` for Envoy's admin interface; whoever reaches it can stop Envoy; none by default; its metadata tells the management server of it")
	flags.Var((*addressFlag)(&b.AdminListener), "admin-address", "`ADDR` of the management server's admin listener; without it a blueprint's metrics endpoints answer 503")
	flags.Uint32Var(&maxConnections, "max-connections", 0, "`N` client connections at once; 50000 by default")
	flags.StringVarP(&file, "output", "o", "", "write to `FILE`, at once or not at all")
	return c
}

// with is a copy of a map that has one value more.
func with(all map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	maps.Copy(out, all)
	return out
}

// writeTo writes text to a file, so that a reader never sees a part of it, or to
// stdout when file is "" or "-".
func writeTo(file string, text []byte, stdout io.Writer) error {
	if file == "" || file == "-" {
		_, err := stdout.Write(text)
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("write %q: %w", file, cause(err))
	}
	defer os.Remove(next.Name()) // nothing is there once it is renamed
	_, err = next.Write(text)
	if err == nil {
		err = next.Chmod(0o644) // the Envoy that reads it may be another user's
	}
	if closing := next.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(next.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", file, cause(err))
	}
	return nil
}
