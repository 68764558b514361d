package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rootCommand makes the tree of commands anew, so that tests share nothing.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "backworks",
		Short: "YAML blueprints on Envoys: edits are live in milliseconds, no request lost",
		Example: `  backworks init                    write a first blueprint
  backworks start --watch --demo    put it on an Envoy, with backends to try it on
  backworks validate                say what is wrong with it, by file, line and column`,
		Args: func(root *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(root, args[0])
			}
			return nil
		},
		RunE:          func(root *cobra.Command, _ []string) error { return help(root) },
		SilenceErrors: true, // run prints them
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError{withFlagMeant(c, err)} })
	root.CompletionOptions.DisableDefaultCmd = true // completion.go has one
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(
		startCommand(), stopCommand(), initCommand(), validateCommand(), renderCommand(), transformCommand(), bootstrapCommand(),
		statusCommand(), historyCommand(), rollbackCommand(), rolloutCommand(), targetCommand(),
		schemaCommand(), healthCommand(), demoCommand(), versionCommand(), completionCommand(),
	)
	root.SetHelpCommand(helpCommand(root))
	root.DisableFlagsInUseLine = true
	for _, c := range root.Commands() {
		c.Args = checked(c.Args)
		c.DisableFlagsInUseLine = true
	}
	return root
}

func unknownCommand(root *cobra.Command, name string) error {
	if suggestions := root.SuggestionsFor(name); len(suggestions) > 0 {
		return wrongUse("unknown command %q: did you mean %s?", name, strings.Join(suggestions, " or "))
	}
	return wrongUse("unknown command %q", name)
}

// withFlagMeant adds the flag that was probably meant to an error about an unknown
// one, by the rules that hold for commands.
func withFlagMeant(c *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	known := &cobra.Command{SuggestionsMinimumDistance: 2}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		known.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if suggestions := known.SuggestionsFor(name); len(suggestions) > 0 {
		return fmt.Errorf("%w: did you mean --%s?", err, strings.Join(suggestions, " or --"))
	}
	return err
}

// checked makes an error about arguments one of usage.
func checked(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		check = noArgs
	}
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// noArgs says which argument is one too many.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show what a command does, with examples",
		Example: "  backworks help start",
		Args:    checked(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return help(root)
			}
			for _, c := range root.Commands() {
				if c.Name() == args[0] {
					return help(c)
				}
			}
			return unknownCommand(root, args[0])
		},
	}
}

// help prints what the flag --help prints.
func help(c *cobra.Command) error {
	c.InitDefaultHelpFlag()
	return c.Help()
}
