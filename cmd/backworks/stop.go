package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"backworks/envoy"
	"backworks/store"
)

func stopCommand() *cobra.Command {
	f := &startFlags{}
	c := &cobra.Command{
		Use:   "stop [-c FILE|DIR] [--state-dir DIR]",
		Short: "End an Envoy that was left alone, by --keep-envoy or a kill",
		Long: `Stop ends the Envoy that "start --keep-envoy", or a start that was killed, left running.
Requests in flight finish, unless Ctrl-C is pressed. It takes the same -c or --state-dir
as the start.`,
		Example: "  backworks stop\n  backworks stop -c blueprints/",
		RunE: func(c *cobra.Command, _ []string) error {
			return stop(c.Context(), *f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVarP(&f.blueprint, "config", "c", "", "blueprint `FILE|DIR` of the start")
	flags.StringVar(&f.stateDir, "state-dir", "", "state `DIR` of the start")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log what is done")
	return c
}

func stop(ctx context.Context, f startFlags, stdout, stderr io.Writer) error {
	dir, err := f.leftIn()
	if err != nil {
		return err
	}
	const none = "there is no Envoy to stop\n"
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		_, err = io.WriteString(stdout, none)
		return err
	}
	log := f.newLogger(stderr)
	// Its lock says whether somebody looks after that Envoy.
	state, err := store.Open(dir, log)
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; end that one instead", err)
	}
	if err != nil {
		return err
	}
	ctx, hurry := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer hurry()
	stopped, err := envoy.Stop(ctx, dir, log)
	said := none
	if stopped && err == nil {
		said = "Envoy is stopped\n"
	}
	if err := errors.Join(err, state.Close()); err != nil {
		return err
	}
	_, err = io.WriteString(stdout, said)
	return err
}

// leftIn is the state dir of the start that left an Envoy.
func (f *startFlags) leftIn() (string, error) {
	if f.stateDir != "" {
		return stateDir(f.stateDir, "")
	}
	blueprint, err := findBlueprint(f.blueprint)
	if err != nil {
		return "", err
	}
	return stateDir("", blueprint)
}
