// Command cost measures what each plugin costs on the way of a request: the share of
// Envoy's processor time and of the latency, against the same proxy without it, and the
// generated configuration of the shipped blueprint's job against one written by hand.
//
// In come the product's program and an Envoy; out goes a table, in Markdown. Every Envoy
// has one worker; all are measured in turn, round by round, so that what else the machine
// does concerns all. It holds no code of the product.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

// effort is how long is measured.
type effort struct {
	rounds int
	// load is for the requests a second, single for the latency of one after the other.
	load, single time.Duration
}

func command(ctx context.Context, args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	flags.SetOutput(log)
	p := programs{}
	e := effort{}
	flags.StringVar(&p.backworks, "backworks", "bin/backworks", "the product's `PROGRAM`")
	flags.StringVar(&p.envoy, "envoy", "envoy", "the Envoy `PROGRAM`")
	flags.IntVar(&e.rounds, "rounds", 5, "how often each is measured; the middle counts")
	flags.DurationVar(&e.load, "load", 2*time.Second, "`TIME` of many clients")
	flags.DurationVar(&e.single, "single", time.Second, "`TIME` of one client")
	if err := flags.Parse(args); err != nil {
		return err
	}
	results, err := measure(ctx, p, cases(), e)
	if err != nil {
		return err
	}
	table(out, results)
	return nil
}
