package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"backworks/blueprints"
)

const (
	firstBlueprint = "main.yaml"
	schemaFile     = "blueprint.schema.json"
)

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first blueprint, and the schema with which editors complete it",
		Example: `  backworks init
  backworks init shop && cd shop && backworks start --watch --demo`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("make folder %q: %w", dir, cause(err))
			}
			file := filepath.Join(dir, firstBlueprint)
			if err := writeNew(file, blueprints.Default); err != nil {
				return err
			}
			next := "backworks start --watch --demo"
			if file != firstBlueprint {
				next += " -c " + file
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is written; next: %s\n", file, next)
			// A schema that is there may be edited, or of the version in use.
			if err := writeNew(filepath.Join(dir, schemaFile), blueprints.Schema()); !errors.Is(err, fs.ErrExist) {
				return err
			}
			return nil
		},
	}
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %q: %w, and is not overwritten", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", path, cause(err))
	}
	_, err = bytes.NewReader(text).WriteTo(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %q: %w", path, cause(err))
	}
	return nil
}

func schemaCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "schema [-o FILE]",
		Short:   "Print the JSON Schema of blueprints, for editors",
		Example: "  backworks schema > " + schemaFile,
		RunE: func(c *cobra.Command, _ []string) error {
			return writeTo(file, blueprints.Schema(), c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "write to `FILE`")
	return c
}
