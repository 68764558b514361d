package envoy

import (
	"context"
	"fmt"
	"time"
)

const (
	// An Envoy that ended is started again after firstPause, twice as long each
	// time, up to longestPause. One that ran for stableRun begins anew.
	firstPause   = 50 * time.Millisecond
	longestPause = 10 * time.Second
	stableRun    = 10 * time.Second

	livePoll = 20 * time.Millisecond
)

// supervise keeps an Envoy running until the context ends. What happens in it:
//
//  1. there is no process: one is started;
//  2. it becomes live (attend);
//  3. it ends by itself: it is started again after a pause, or, when it was never
//     live, its words are the error;
//  4. the context ends: it is drained or left.
func (s *Sidecar) supervise(ctx context.Context, p *process) error {
	pause := firstPause
	for {
		var ran time.Duration
		if p == nil {
			if ctx.Err() != nil {
				return forget(s.StateDir, s.admin.Address())
			}
			var err error
			if p, err = s.start(); err != nil && !s.wasLive() {
				return err
			} else if err != nil {
				s.log.Error("envoy cannot be started again", "error", err)
			}
		}
		if p != nil {
			if s.attend(ctx, p); ctx.Err() != nil {
				return s.finish(p)
			}
			if err := s.mourn(p); err != nil {
				return err
			}
			ran, p = time.Since(p.born), nil
		}
		if ran >= stableRun {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// attend returns when the process or the context ends.
func (s *Sidecar) attend(ctx context.Context, p *process) {
	tick := time.NewTicker(livePoll)
	defer tick.Stop()
	poll := tick.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.gone:
			return
		case <-poll:
			if _, live, err := s.admin.Ready(ctx); err != nil || !live {
				continue
			}
			poll = nil
			s.log.Info("envoy is live", "pid", p.pid, "took", time.Since(p.born).Round(time.Millisecond))
			s.change(func(st *State) { st.Phase = Live })
			s.liveOnce.Do(func() { close(s.live) })
		}
	}
}

// mourn tells why an Envoy ended. That is an error when it was the first, since the
// next would end the same way.
func (s *Sidecar) mourn(p *process) error {
	output := s.logFile.since()
	if !s.wasLive() && !s.State().Adopted {
		if err := forget(s.StateDir, s.admin.Address()); err != nil {
			s.log.Warn("envoy's files remain", "error", err)
		}
		return fmt.Errorf("start envoy %q: it ended at once (%s): %s", s.Path, p.exit, reason(output))
	}
	ran := time.Since(p.born).Round(time.Millisecond)
	if ran < stableRun {
		words, _ := faults(output)
		s.log.Error("envoy ended soon after its start, starting it again", "pid", p.pid, "exit", p.exit, "ran", ran, "errors", lastWords(words))
	} else {
		s.log.Error("envoy ended, starting it again", "pid", p.pid, "exit", p.exit, "ran", ran)
	}
	s.change(func(st *State) {
		st.Phase, st.PID, st.LastExit, st.Adopted = Restarting, 0, p.exit, false
		st.Restarts++
	})
	return nil
}

// finish ends the run of a process that is still there.
func (s *Sidecar) finish(p *process) error {
	defer p.leave()
	if s.KeepOnStop {
		s.log.Info("envoy goes on without us", "pid", p.pid)
		return nil
	}
	s.change(func(st *State) { st.Phase = Draining })
	s.logFile.expectEnd(true)
	d := drain{admin: s.admin, proc: p, wait: s.DrainTime, hurry: s.hurry, log: s.log}
	if err := d.run(); err != nil {
		return err
	}
	s.log.Info("envoy ended", "pid", p.pid, "exit", p.exit)
	return forget(s.StateDir, s.admin.Address())
}

func (s *Sidecar) wasLive() bool {
	select {
	case <-s.live:
		return true
	default:
		return false
	}
}
