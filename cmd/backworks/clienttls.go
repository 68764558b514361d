package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"backworks/envoy"
)

// clientTLS are the flags of bootstrap that say how an Envoy makes sure of us, and we of
// it.
type clientTLS struct{ envoy.TLS }

func (t *clientTLS) add(flags *pflag.FlagSet) {
	flags.StringVar(&t.CA, "xds-ca", "", "`FILE` with the authorities that sign the management server's certificate: speak TLS")
	flags.StringVar(&t.Certificate, "xds-cert", "", "`FILE` with Envoy's own certificate; with -o it is read again when it is replaced")
	flags.StringVar(&t.Key, "xds-key", "", "`FILE` with its private key")
	flags.StringVar(&t.ServerName, "xds-server-name", "", "`NAME` in the management server's certificate, if it is not the host of --xds")
}

// complete checks the flags and gives the bootstrap what they say. Files are named as
// Envoy finds them from any folder. Beside a bootstrap that is written to a file there
// are others, through which Envoy follows what becomes of the certificates.
func (t *clientTLS) complete(b *envoy.Bootstrap, output string) error {
	switch {
	case t.CA == "" && t.Certificate == "" && t.Key == "" && t.ServerName == "":
		return nil
	case t.CA == "":
		return wrongUse("--xds-cert, --xds-key and --xds-server-name need --xds-ca")
	case (t.Certificate == "") != (t.Key == ""):
		return wrongUse("--xds-cert and --xds-key need each other")
	case strings.HasPrefix(string(b.XDS), "unix:"):
		return wrongUse("--xds-ca is for TCP: over a Unix socket there is no TLS")
	}
	for _, path := range []*string{&t.CA, &t.Certificate, &t.Key} {
		if err := makeAbsolute(path); err != nil {
			return err
		}
	}
	if output != "" && output != "-" {
		if err := makeAbsolute(&output); err != nil {
			return err
		}
		stem := strings.TrimSuffix(output, filepath.Ext(output))
		t.AuthoritiesSecret = stem + ".xds-ca.yaml"
		if t.Certificate != "" {
			t.CertificateSecret = stem + ".xds-cert.yaml"
		}
	}
	b.TLS = &t.TLS
	return nil
}

func makeAbsolute(path *string) error {
	if *path == "" {
		return nil
	}
	abs, err := filepath.Abs(*path)
	if err != nil {
		return fmt.Errorf("find %q: %w", *path, err)
	}
	*path = abs
	return nil
}

// write writes the files beside the bootstrap.
func (t *clientTLS) write() error {
	files, err := t.Secrets()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := writeTo(path, files[path], nil); err != nil {
			return err
		}
	}
	return nil
}
