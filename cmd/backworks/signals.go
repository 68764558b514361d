package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals are what the outside asks for.
type signals struct {
	end    chan os.Signal // the first one ends us, the second does not wait
	reload chan os.Signal
}

// takeSignals has to come before anything is opened, since a signal that is not taken
// would leave it behind.
func takeSignals() (s signals, stop func()) {
	s = signals{end: make(chan os.Signal, 2), reload: make(chan os.Signal, 1)}
	signal.Notify(s.end, os.Interrupt, syscall.SIGTERM)
	signal.Notify(s.reload, syscall.SIGHUP)
	// Who reads our output may leave, as head does: no reason to leave Envoy alone.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	return s, func() {
		signal.Stop(s.end)
		signal.Stop(s.reload)
		signal.Stop(unread)
	}
}

// reloads loads the blueprints at each SIGHUP. What comes of it is in the fleet's log.
func (s *service) reloads(ctx context.Context, sig signals) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sig.reload:
			report, err := s.fleet.Reload(ctx)
			if err != nil {
				return nil // it ends
			}
			s.log.Info("blueprints loaded again", "outcome", report.Outcome, "errors", len(report.Problems.Errors()))
		}
	}
}
