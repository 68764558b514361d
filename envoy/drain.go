package envoy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// drainTime is how long requests in flight may take to finish when nothing else
	// is said: a pool's default timeout, so that none is cut.
	drainTime = 30 * time.Second
	drainPoll = 25 * time.Millisecond
	// idleGrace is for requests that are on the wire of idle connections when the
	// drain begins. An idle connection itself would stay open for ever.
	idleGrace = 250 * time.Millisecond
	// quitWait is how long Envoy may take to end once told to; it takes 10 ms.
	quitWait = 5 * time.Second

	activity = `^http\..*\.downstream_(rq|cx)_active$`
)

// drain ends an Envoy without losing a request:
//
//  1. its health checks fail, and each answer asks the client to leave;
//  2. it stops listening, so that new connections go elsewhere;
//  3. requests in flight finish, or the wait is over, or somebody is in a hurry;
//  4. it is told to quit, and killed when it does not.
//
// One whose admin interface does not answer gets a SIGTERM instead, which ends it
// at once. The process may be unknown (nil), its admin interface is then all there
// is.
type drain struct {
	admin *Admin
	proc  *process
	wait  time.Duration // 0: drainTime
	hurry <-chan struct{}
	log   hclog.Logger
}

func (d drain) run() error {
	defer d.admin.Close()
	ctx := context.Background() // what asked for the drain has ended already
	err := d.leave(ctx)
	if err == nil {
		err = d.requests(ctx)
	}
	if err == nil && !d.isGone() {
		err = d.admin.Quit(ctx)
	}
	if d.proc == nil {
		return errors.Join(err, d.silence(ctx))
	}
	if err != nil && !d.isGone() {
		level := hclog.Warn
		if nobodyListens(err) {
			level = hclog.Debug // it has only just started, and has no requests yet
		}
		d.log.Log(level, "envoy cannot be drained, ending it", "pid", d.proc.pid, "error", err)
		if err := d.proc.signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("end envoy %d: %w", d.proc.pid, err)
		}
	}
	return d.death()
}

// leave makes Envoy say that it goes, and listen no more. One that does not answer
// is not asked again, as each time takes 10 s.
func (d drain) leave(ctx context.Context) error {
	if err := d.admin.FailHealthCheck(ctx); err != nil {
		return err
	}
	return errors.Join(d.admin.DrainListeners(ctx, true), d.admin.DrainListeners(ctx, false))
}

// requests waits until none is in flight.
func (d drain) requests(ctx context.Context) error {
	wait := d.wait
	if wait <= 0 {
		wait = drainTime
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	began := time.Now()
	for {
		active, err := inFlight(ctx, d.admin)
		if err != nil {
			return err
		}
		if active.requests == 0 && (active.connections == 0 || time.Since(began) > idleGrace) {
			return nil
		}
		select {
		case <-tick.C:
		case <-d.gone():
			return nil
		case <-d.hurry:
			d.log.Warn("not waiting for requests in flight", "requests", active.requests)
			return nil
		case <-deadline.C:
			d.log.Warn("requests in flight are cut off", "requests", active.requests, "after", wait)
			return nil
		}
	}
}

type load struct{ requests, connections uint64 }

// inFlight counts over all listeners but the admin interface.
func inFlight(ctx context.Context, admin *Admin) (load, error) {
	stats, err := admin.Stats(ctx, activity)
	if err != nil {
		return load{}, err
	}
	var l load
	for name, n := range stats {
		switch {
		case strings.HasPrefix(name, "http.admin."):
		case strings.HasSuffix(name, "_rq_active"):
			l.requests += n
		default:
			l.connections += n
		}
	}
	return l, nil
}

// death waits for the end of the process, and brings it about when it takes long.
func (d drain) death() error {
	kill := time.NewTimer(quitWait)
	defer kill.Stop()
	select {
	case <-d.proc.gone:
		return nil
	case <-kill.C:
	}
	d.log.Warn("envoy does not end, killing it", "pid", d.proc.pid, "after", quitWait)
	if err := d.proc.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill envoy %d: %w", d.proc.pid, err)
	}
	select {
	case <-d.proc.gone:
		return nil
	case <-time.After(quitWait):
		return fmt.Errorf("kill envoy %d: it is still there", d.proc.pid)
	}
}

// silence waits until the admin interface of an unknown process answers no more.
func (d drain) silence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quitWait)
	defer cancel()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		if _, _, err := d.admin.Ready(ctx); nobodyListens(err) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("end envoy at %q: it still answers", d.admin.Address())
		}
	}
}

func (d drain) gone() <-chan struct{} {
	if d.proc == nil {
		return nil
	}
	return d.proc.gone
}

func (d drain) isGone() bool {
	select {
	case <-d.gone():
		return true
	default:
		return false
	}
}

// nobodyListens tells an address where nothing is from one that does not answer.
func nobodyListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}
