package main

import (
	"context"
	"errors"

	oklog "github.com/oklog/run"
)

var errSignal = errors.New("a signal ended it")

// run runs everything until a signal comes or a part fails. The parts end in the
// order in which they are added: Envoy while all that its requests need is there,
// then that.
func (s *service) run(ctx context.Context, sig signals) error {
	var g oklog.Group
	var envoyErr error
	add(ctx, &g, func(ctx context.Context) error {
		select {
		case <-sig.end:
			return errSignal
		case <-ctx.Done():
			return nil
		}
	})
	if s.sidecar != nil {
		s.addEnvoy(ctx, &g, sig, &envoyErr)
	}
	add(ctx, &g, func(ctx context.Context) error { return s.reloads(ctx, sig) })
	add(ctx, &g, s.welcome)
	if s.demos != nil {
		add(ctx, &g, func(ctx context.Context) error { return s.demos.Serve(ctx, s.log) })
	}
	s.addPages(&g)
	for _, lis := range s.sockets.xdsListeners {
		g.Add(func() error { return s.server.Serve(lis) }, func(error) { s.server.Stop() })
	}
	if s.watcher != nil {
		add(ctx, &g, s.watcher.Run)
	}
	s.addSecurity(ctx, &g)
	add(ctx, &g, s.fleet.Run)
	if err := g.Run(); !errors.Is(err, errSignal) {
		return err
	}
	return envoyErr
}

// add adds a part that ends with its context.
func add(ctx context.Context, g *oklog.Group, part func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	g.Add(func() error { return part(ctx) }, func(error) { cancel() })
}

// addEnvoy adds the sidecar. Its interruption returns when Envoy has ended, so that
// the other parts go on until then; another signal makes it hurry.
func (s *service) addEnvoy(ctx context.Context, g *oklog.Group, sig signals, err *error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	g.Add(func() error {
		defer close(done)
		*err = s.sidecar.Run(ctx)
		return *err
	}, func(error) {
		cancel()
		for {
			select {
			case <-done:
				return
			case <-sig.end:
				s.log.Warn("ending at once")
				s.sidecar.Hurry()
			}
		}
	})
}
