// Command load measures what it costs to keep a fleet of Envoys on a blueprint: the
// product, from YAML files, against the caches of go-control-plane and against a floor
// that sends ready-made bytes.
//
// In come the size of the fleet and of the blueprint; out goes a table with ratios, and
// beside each bar whether it holds. Each server is a process of its own, and all of
// them serve the very resources that the product's translation makes of the same
// files; the clients are simulated in this process. It holds no code of the product.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run1(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run1(args []string) error {
	if len(args) == 3 && args[0] == "serve" {
		return serve(args[1], args[2], os.Stdin, os.Stdout)
	}
	fl := flag.NewFlagSet("load", flag.ExitOnError)
	p := plan{shape: shape{endpoints: 3}}
	ours := fl.String("backworks", "bin/backworks", "")
	fl.StringVar(&p.server, "server", oursName, "")
	fl.BoolVar(&p.delta, "delta", false, "")
	fl.IntVar(&p.clients, "clients", 1000, "")
	fl.IntVar(&p.clusters, "clusters", 1000, "")
	fl.IntVar(&p.routes, "routes", 200, "")
	fl.IntVar(&p.files, "files", 0, "")
	fl.IntVar(&p.edits, "edits", 7, "")
	fl.BoolVar(&p.reconnect, "reconnect", true, "")
	fl.DurationVar(&p.budget, "budget", 10*time.Second, "")
	_ = fl.Parse(args)
	self, _ := os.Executable()
	f, err := measure(p, programs{*ours, self}, os.TempDir())
	if err != nil {
		return err
	}
	b, _ := json.Marshal(map[string]any{"cold": f.coldTime, "coldCPU": f.coldCPU, "one": f.one, "first": f.first, "last": f.last, "spread": f.spread, "oneCPU": f.oneCPU,
		"editCPU": f.editCPU, "editBytes": f.editBytes, "editAllocs": f.editAllocs, "rss": f.rss, "back": f.backTime, "backCPU": f.backCPU, "backBytes": f.backBytes, "backRes": f.backResources, "simCPU": f.simulatorCPU})
	fmt.Println(string(b))
	return nil
}
