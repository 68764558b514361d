// Package demo is a shop's API, for trying a proxy out: users, orders and products
// as JSON.
//
// In come HTTP requests, with or without the prefix /api; out go answers that tell
// in the header X-Backend which backend gave them. It keeps nothing, since several
// backends stand for copies of one service: what is created is answered as if it
// had been. It misbehaves when asked to (see Handler), and never beyond limits.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	headerTimeout = 10 * time.Second
	// Envoy keeps idle connections to a target for an hour. A backend that closes
	// one earlier may do so just when a request is on its way.
	idleTimeout = 2 * time.Hour
	// stopTimeout is how long requests in flight get at the end.
	stopTimeout = 3 * time.Second
)

// Backend is one copy of the service.
type Backend struct {
	Name    string
	Address string // host:port to listen on
}

// Group are backends that listen.
type Group struct {
	backends  []Backend
	listeners []net.Listener
}

// Run listens on the addresses of all backends and serves until ctx ends, which is
// no error. Nothing is served when one cannot be listened on; the error names it.
func Run(ctx context.Context, log hclog.Logger, backends ...Backend) error {
	g, err := Listen(backends...)
	if err != nil {
		return err
	}
	return g.Serve(ctx, log)
}

// Listen opens the sockets of all backends, or none. Serve closes them.
func Listen(backends ...Backend) (*Group, error) {
	g := &Group{backends: backends}
	for _, b := range backends {
		lis, err := net.Listen("tcp", b.Address)
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("start demo backend %q: %w", b.Name, err)
		}
		g.listeners = append(g.listeners, lis)
	}
	return g, nil
}

// Addresses are where the backends listen, in their order.
func (g *Group) Addresses() []string {
	all := make([]string, len(g.listeners))
	for i, lis := range g.listeners {
		all[i] = lis.Addr().String()
	}
	return all
}

// Close closes the sockets of a group that is not served.
func (g *Group) Close() {
	for _, lis := range g.listeners {
		_ = lis.Close()
	}
}

// Serve serves until ctx ends, and returns nil then, or until a backend fails.
// A nil logger logs nothing.
func (g *Group) Serve(ctx context.Context, log hclog.Logger) error {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	log = log.Named("demo")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done sync.WaitGroup
	for i, lis := range g.listeners {
		name := g.backends[i].Name
		server := &http.Server{
			Handler:           Handler(name),
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       idleTimeout,
			ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
		}
		log.Info("demo backend listens", "name", name, "address", lis.Addr())
		done.Go(func() {
			if err := server.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("serve demo backend %q: %w", name, err))
			}
		})
		done.Go(func() {
			<-ctx.Done()
			stop(server)
		})
	}
	<-ctx.Done()
	done.Wait()
	if err := context.Cause(ctx); !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// stop lets requests in flight finish, for a while.
func stop(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}
