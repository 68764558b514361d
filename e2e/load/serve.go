package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// publisher is a server under comparison, given what the product's translation makes.
type publisher interface {
	// publish makes all resources the present ones; changed are the assignments that
	// differ from before.
	publish(w world, changed []named) error
	serve(lis net.Listener) error
}

// grpcOptions are the product's, for all.
func grpcOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(32 << 20),
		grpc.MaxConcurrentStreams(1 << 20),
		grpc.SharedWriteBuffer(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	}
}

// serve is the life of a server under comparison, in a process of its own: it tells
// where it listens, then does what it is told, a word a line, until there are no more.
func serve(what, blueprint string, in io.Reader, out io.Writer) error {
	p := publishers[what]
	if p == nil {
		return fmt.Errorf("serve %q: no such server", what)
	}
	server, from := p(), newSource(blueprint)
	load := func() error {
		w, changed, err := from.load()
		if err != nil {
			return err
		}
		return server.publish(w, changed)
	}
	if err := load(); err != nil {
		return err
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.serve(lis) }()
	fmt.Fprintln(out, lis.Addr())
	words := bufio.NewScanner(in)
	for words.Scan() {
		switch words.Text() {
		case "edit":
			err = load()
		case "mallocs":
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Fprintln(out, m.Mallocs)
		}
		select {
		case err = <-failed:
		default:
		}
		if err != nil {
			return err
		}
	}
	return words.Err()
}

var publishers = map[string]func() publisher{
	floorName:    func() publisher { return &floor{} },
	snapshotName: func() publisher { return newSnapshotCache() },
	linearName:   func() publisher { return newLinearCache() },
}

// Names of the servers.
const (
	oursName     = "ours"
	floorName    = "floor"
	snapshotName = "SnapshotCache"
	linearName   = "LinearCache"
)
