// Command load measures what it costs to keep a fleet of Envoys on a blueprint: the
// product, from YAML files, against the caches of go-control-plane and against a floor
// that sends ready-made bytes.
//
// In come the product's program and how many rounds to measure; out goes a table with
// ratios, and beside each bar whether it holds. Each server is a process of its own,
// and all of them serve the very resources that the product's translation makes of the
// same files; the clients are simulated in this process. It holds no code of the
// product.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// command is the whole program: without a word it measures everything; with "one", one
// server, as its flags say; with "serve" it is a server under comparison.
func command(args []string, in io.Reader, out, log io.Writer) error {
	if len(args) == 3 && args[0] == "serve" {
		return serve(args[1], args[2], in, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(log)
	ours := flags.String("backworks", "bin/backworks", "the product's `PROGRAM`")
	if len(args) > 0 && args[0] == "one" {
		p := &plan{shape: shape{endpoints: 3}}
		p.flags(flags)
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if p.clients < 2 {
			return errors.New("-clients must be at least 2: an edit is measured with one, and again with all")
		}
		f, err := measure([]plan{*p}, programs{*ours, self}, os.TempDir())
		if err != nil {
			return err
		}
		return table(out, []result{{*p, f[0]}})
	}
	rounds := flags.Int("rounds", 2, "how often to measure everything")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return bench(programs{*ours, self}, *rounds, out, log)
}

func (p *plan) flags(to *flag.FlagSet) {
	to.StringVar(&p.server, "server", oursName, "what to measure")
	to.BoolVar(&p.delta, "delta", true, "delta, or else SotW")
	to.IntVar(&p.clients, "clients", 1000, "simulated Envoys")
	to.IntVar(&p.clusters, "clusters", 1000, "clusters")
	to.IntVar(&p.routes, "routes", 200, "routes")
	to.IntVar(&p.files, "files", 0, "included files over which the clusters are spread; 0: none")
	to.IntVar(&p.canary, "canary", 0, "rollout.canary")
	to.IntVar(&p.edits, "edits", 7, "edits, with one client and with all")
	to.BoolVar(&p.reconnect, "reconnect", true, "have all come back at once")
	to.DurationVar(&p.budget, "budget", editBudget, "for the edits; at least 3 are made")
}
