// Command harness lets the CNCF's xds-test-harness (github.com/ii/xds-test-harness)
// judge the stream core. In come the states that the harness sets through its adapter
// service, and its xDS streams; out go those states as the stream core serves them.
// It is for tests only, knows nothing of blueprints, and never listens beyond
// loopback.
//
//	go run ./e2e/harness
//	# and in a checkout of the harness:
//	go run . -V "sotw aggregated" -V "incremental aggregated"
//
// The other two variants ask for services of single types, which are not served here.
//
// The harness compares versions with the labels that it set the state with. Ours are
// hashes of content, so a relay stands in between that writes the label in the place
// of the hash, and back: see relay. Nothing else is touched.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	target := flag.String("target", "127.0.0.1:18000", "where the harness finds the server under test")
	adapter := flag.String("adapter", "127.0.0.1:17000", "where it sets the server's state")
	flag.Parse()
	if err := run(*target, *adapter); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(1)
	}
}

func run(target, adapter string) error {
	targets, err := net.Listen("tcp", target)
	if err != nil {
		return fmt.Errorf("listen for streams: %w", err)
	}
	adapters, err := net.Listen("tcp", adapter)
	if err != nil {
		return fmt.Errorf("listen for states: %w", err)
	}
	r, err := newRig()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		r.stop()
	}()
	return r.serve(targets, adapters)
}
