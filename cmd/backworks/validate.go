package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/fleet"
)

// writers print problems in a format, and how many blueprints were read.
var writers = map[string]func(w io.Writer, read int, problems blueprints.Problems) error{
	"text": writeText, "json": writeJSON, "github": writeGitHub,
}

func validateCommand() *cobra.Command {
	var format, binary string
	var withEnvoy bool
	c := &cobra.Command{
		Use:   "validate [FILE|DIR...] [flags]",
		Short: "Say what is wrong with blueprints, by file, line and column",
		Long: `Validate loads and translates blueprints as start does, and prints every problem it finds.
The exit code is 1 when one of them is an error, and 0 when there are only warnings.`,
		Example: `  backworks validate
  backworks validate blueprints/ --envoy         ask Envoy as well
  backworks validate --format github             annotations in a pull request`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, paths []string) error {
			write, known := writers[format]
			if !known {
				return wrongUse("invalid argument %q for --format: must be text, json or github", format)
			}
			if !withEnvoy && c.Flags().Changed("envoy-path") {
				withEnvoy = true
			}
			if withEnvoy {
				var err error
				if binary, err = envoy.Find(binary, ""); err != nil {
					return err
				}
			}
			return validate(c.Context(), paths, binary, withEnvoy, func(read int, problems blueprints.Problems) error {
				return write(c.OutOrStdout(), read, problems)
			})
		},
	}
	c.Flags().StringVar(&format, "format", "text", "`text|json|github`")
	c.Flags().BoolVar(&withEnvoy, "envoy", false, "also run envoy --mode validate on what is rendered")
	c.Flags().StringVar(&binary, "envoy-path", "", "the Envoy to ask, `PATH`; implies --envoy")
	return c
}

func validate(ctx context.Context, paths []string, binary string, withEnvoy bool, write func(int, blueprints.Problems) error) error {
	if len(paths) == 0 {
		found, err := findBlueprint("")
		if err != nil {
			return err
		}
		paths = []string{found}
	}
	var all blueprints.Problems
	read := 0
	passing, err := os.MkdirTemp("", "backworks") // for certificates that nobody keeps
	if err != nil {
		return err
	}
	defer os.RemoveAll(passing)
	for _, path := range paths {
		result := blueprints.NewLoader(blueprints.Options{Path: path, Check: fleet.NewTranslator().Check, SelfSigned: selfSigned(passing)}).Load()
		all = append(all, result.Problems...)
		read += len(result.Set.Blueprints)
		for _, bp := range result.Set.Blueprints {
			if withEnvoy {
				all = append(all, askEnvoy(ctx, binary, bp)...)
			}
		}
	}
	all.Sort()
	all = slices.Compact(all) // a file that was named twice
	if err := write(read, all); err != nil {
		return err
	}
	if len(all.Errors()) > 0 {
		return errTold
	}
	return nil
}

// askEnvoy gives Envoy's opinion of a blueprint. What it says has no position.
func askEnvoy(ctx context.Context, binary string, bp *blueprints.Blueprint) blueprints.Problems {
	config, err := rendering{}.config(ctx, bp)
	if err == nil {
		err = envoy.Validate(ctx, binary, config)
	}
	if err == nil {
		return nil
	}
	return blueprints.Problems{{Position: blueprints.Position{File: bp.Position.File}, Message: err.Error()}}
}

func writeText(w io.Writer, read int, problems blueprints.Problems) error {
	for _, p := range problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		return nil
	}
	what := "1 blueprint is good"
	if read != 1 {
		what = fmt.Sprintf("%d blueprints are good", read)
	}
	_, err := fmt.Fprintln(w, what)
	return err
}

// problemJSON is a problem as programs read it.
type problemJSON struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Path     string `json:"path,omitempty"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
}

func writeJSON(w io.Writer, _ int, problems blueprints.Problems) error {
	out := make([]problemJSON, len(problems))
	for i, p := range problems {
		out[i] = problemJSON{p.File, p.Line, p.Column, p.Path, severity(p), p.Message}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func severity(p blueprints.Problem) string {
	if p.Severity == blueprints.Warning {
		return "warning"
	}
	return "error"
}
