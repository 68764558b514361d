package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"gopkg.in/yaml.v3"

	"backworks/blueprints"
	"backworks/fleet"
	"backworks/store"
	"backworks/xds"
)

// BenchmarkEdit is what an edit of one target takes from the rename of the file to one
// client (edit-ms, in the middle), and beside it what yaml.v3 takes to read the file
// into a node (yaml-ms).
func BenchmarkEdit(b *testing.B) {
	for _, s := range []pools{{1000, 0}, {1000, 100}, {100, 10}, {1000, 10}, {10000, 1000}} {
		b.Run(fmt.Sprintf("%d-in-%d", s.count, s.files), s.benchmark)
	}
}

// pools are so many pools of three targets, in so many included files; 0: in one.
type pools struct{ count, files int }

func (s pools) benchmark(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "pools"), 0o700); err != nil {
		b.Fatal(err)
	}
	head := "rollout: {canary: 0}\nendpoints:\n  - {path: \"/*\", upstream: pool-00000}\n"
	edited, from, to := filepath.Join(dir, "main.yaml"), 0, s.count
	if s.files > 0 {
		each := s.count / s.files
		for i := range s.files {
			s.write(b, filepath.Join(dir, "pools", fmt.Sprintf("%04d.yaml", i)), "", i*each, i*each+each, 0)
		}
		s.write(b, edited, head+"include: pools/*.yaml\n", 0, 0, 0)
		edited, from, to = filepath.Join(dir, "pools", fmt.Sprintf("%04d.yaml", s.files/2)), s.files/2*each, s.files/2*each+each
		head = ""
	} else {
		s.write(b, edited, head, 0, s.count, 0)
	}
	written := time.Now()
	c := serve(b, filepath.Join(dir, "main.yaml"))
	// What was written just now is read each time.
	for tick := time.Tick(10 * time.Millisecond); time.Since(written) < 3*time.Second; {
		<-tick
	}
	text, err := os.ReadFile(edited)
	if err != nil {
		b.Fatal(err)
	}
	next := filepath.Join(b.TempDir(), "next")
	var edits, reads []time.Duration
	for i := 1; b.Loop(); i++ {
		began := time.Now()
		if err := yaml.Unmarshal(text, new(yaml.Node)); err != nil {
			b.Fatal(err)
		}
		reads = append(reads, time.Since(began))
		c.settle()
		s.write(b, next, head, from, to, i)
		began = time.Now()
		if err := os.Rename(next, edited); err != nil {
			b.Fatal(err)
		}
		c.until("type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment")
		edits = append(edits, time.Since(began))
	}
	report := func(all []time.Duration, unit string) float64 {
		slices.Sort(all)
		ms := float64(all[len(all)/2]) / float64(time.Millisecond)
		b.ReportMetric(ms, unit)
		return ms
	}
	b.ReportMetric(report(edits, "edit-ms")/report(reads, "yaml-ms"), "ratio")
	b.ReportMetric(0, "ns/op") // it has in it what is waited for between edits
}

// write writes a file of pools; in edit number one of them has another port.
func (s pools) write(b *testing.B, path, head string, from, to, number int) {
	b.Helper()
	var t strings.Builder
	t.WriteString(head)
	if to > from {
		t.WriteString("plugins:\n  proxy:\n    config:\n      upstreams:\n")
	}
	for i := from; i < to; i++ {
		fmt.Fprintf(&t, "        pool-%05d:\n          targets:\n", i)
		for j := range 3 {
			port := 8080
			if i == (from+to)/2 && j == 0 {
				port += number % 1000
			}
			fmt.Fprintf(&t, "            - name: \"target-%d\"\n              url: \"http://10.%d.%d.%d:%d\"\n              weight: 1.0\n", j, i/250, i%250, j+1, port)
		}
	}
	if err := os.WriteFile(path, []byte(t.String()), 0o600); err != nil {
		b.Fatal(err)
	}
}

// subscriber is a client on the stream of all that makes up the product but the command line.
type subscriber struct {
	*testing.B
	fleet  *fleet.Fleet
	stream grpc.BidiStreamingClient[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]
}

// serve serves a blueprint and connects a client, which has all of it then.
func serve(b *testing.B, file string) *subscriber {
	b.Helper()
	log := hclog.NewNullLogger()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	keep, err := store.Open(b.TempDir(), log)
	must(err)
	translator, groups, watcher := fleet.NewTranslator(), &fleet.Groups{}, store.NewWatcher(log)
	server := xds.NewServer(xds.Options{Logger: log, Group: groups.Group})
	f := fleet.New(fleet.Options{
		Loader:     blueprints.NewLoader(blueprints.Options{Path: file, Check: translator.Check, Changed: watcher.Changed}),
		Translator: translator, Groups: groups, Server: server, Logger: log,
		Keep: keep, Archive: keep, Changes: watcher.Changes(), Watch: watcher.Set,
	})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{}, 3)
	run := func(what func() error) { go func() { _ = what(); done <- struct{}{} }() }
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	must(f.Start(ctx).Problems.Err())
	run(func() error { return watcher.Run(ctx) })
	run(func() error { return f.Run(ctx) })
	run(func() error { return server.Serve(socket) })
	conn, err := grpc.NewClient(socket.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)))
	must(err)
	b.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		cancel()
		for range cap(done) {
			<-done
		}
		must(keep.Close())
	})
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	must(err)
	c := &subscriber{b, f, stream}
	c.send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "n"}, TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster"})
	var names []string
	for _, r := range c.until("type.googleapis.com/envoy.config.cluster.v3.Cluster").Resources {
		names = append(names, r.Name)
	}
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", ResourceNamesSubscribe: names})
	c.until("type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment")
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.listener.v3.Listener"})
	c.until("type.googleapis.com/envoy.config.listener.v3.Listener")
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", ResourceNamesSubscribe: []string{"proxy"}})
	c.until("type.googleapis.com/envoy.config.route.v3.RouteConfiguration")
	return c
}

func (c *subscriber) send(r *discoveryv3.DeltaDiscoveryRequest) {
	c.Helper()
	if err := c.stream.Send(r); err != nil {
		c.Fatal(err)
	}
}

// until acknowledges responses up to one of a type.
func (c *subscriber) until(url string) *discoveryv3.DeltaDiscoveryResponse {
	c.Helper()
	for {
		r, err := c.stream.Recv()
		if err != nil {
			c.Fatal(err)
		}
		c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
		if r.TypeUrl == url {
			return r
		}
	}
}

// settle waits until the last version was accepted.
func (c *subscriber) settle() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.fleet.Status().Blueprints[0].Rollout.Stage != fleet.Accepted {
		<-tick.C
	}
}
