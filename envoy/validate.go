package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
)

// Validate asks the Envoy at envoyPath whether it would take the bootstrap, by
// --mode validate. It opens no port and asks no management server, so that what is
// behind ADS goes unseen. The error has Envoy's own words.
func Validate(ctx context.Context, envoyPath string, b *bootstrapv3.Bootstrap) error {
	_, err := ValidateOutput(ctx, envoyPath, b)
	return err
}

// ValidateOutput is Validate, and gives what Envoy printed from warnings upwards;
// see Deprecated.
func ValidateOutput(ctx context.Context, envoyPath string, b *bootstrapv3.Bootstrap) (string, error) {
	text, err := YAML(b)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "backworks-validate-")
	if err != nil {
		return "", fmt.Errorf("validate with envoy: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", fmt.Errorf("validate with envoy: %w", err)
	}
	args := []string{"--mode", "validate", "--config-path", file, "--log-level", "warning"}
	if b.GetNode().GetId() == "" { // Envoy asks for both where xDS or SDS is used
		args = append(args, "--service-node", "validate", "--service-cluster", "validate")
	}
	command := exec.CommandContext(ctx, envoyPath, args...)
	var said bytes.Buffer
	command.Stderr = &said
	err = command.Run()
	out := said.String()
	var exited *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("validate with envoy: %w", ctx.Err())
	case errors.As(err, &exited) && reason(out) != "":
		return out, fmt.Errorf("envoy refuses it: %s", strings.ReplaceAll(reason(out), file, "envoy.yaml"))
	}
	return out, fmt.Errorf("validate with envoy: %w", err)
}

// Deprecated gives the warnings about deprecated fields in an output of Envoy, each
// once.
func Deprecated(output string) []string {
	var warnings []string
	for _, r := range logLines(output) {
		if strings.Contains(strings.ToLower(r.text), "deprecat") && !slices.Contains(warnings, r.text) {
			warnings = append(warnings, r.text)
		}
	}
	return warnings
}
