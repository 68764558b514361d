package envoy

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
)

// askLeftover bounds how long an Envoy may take to say who it is.
const askLeftover = 2 * time.Second

// leftover is an Envoy that an earlier run left behind.
type leftover struct {
	record *record     // nil when lost
	proc   *process    // nil when not known
	info   *ServerInfo // nil when it does not answer
	admin  *Admin
}

// findLeftover looks for an Envoy of the state dir: by its record, and at the admin
// address given for one that was started but not recorded. nil: there is none,
// and what a dead one left is removed.
func findLeftover(ctx context.Context, stateDir string, admin Address) (*leftover, error) {
	l := &leftover{record: readRecord(stateDir)}
	if l.record != nil {
		admin = l.record.Admin
		l.proc, _ = attachProcess(l.record.PID, l.record.Start) // nil when it is gone
	}
	l.admin = NewAdmin(admin)
	ctx, cancel := context.WithTimeout(ctx, askLeftover)
	defer cancel()
	var err error
	if l.info, err = l.admin.ServerInfo(ctx); l.proc != nil {
		return l, nil
	}
	if nobodyListens(err) {
		return nil, forget(stateDir, admin)
	}
	if err != nil {
		return nil, fmt.Errorf("look for an envoy that was left running: something listens but does not answer: %w", err)
	}
	if network, _, _ := admin.Split(); network != "unix" {
		// A socket in our folder is ours; a port may be anybody's.
		return nil, fmt.Errorf("start envoy: its admin address %q is in use by an Envoy (node %q) that was not started here", admin, l.info.NodeID)
	}
	return l, nil
}

// differs says why the Envoy is not the one that would be started now; "" when it
// is.
func (l *leftover) differs(build Build, nodeID, fingerprint string) string {
	switch {
	case l.proc == nil || l.record == nil:
		return "its process is not on record"
	case l.info == nil:
		return "its admin interface does not answer"
	case l.info.State == "DRAINING":
		return "it is draining"
	case l.info.NodeID != nodeID:
		return fmt.Sprintf("it is node %q, not %q", l.info.NodeID, nodeID)
	case l.info.Build != build:
		return fmt.Sprintf("it is version %s, not %s", l.info.Build.Version(), build.Version())
	case l.record.Fingerprint != fingerprint:
		return "its bootstrap or its arguments are others"
	}
	return ""
}

// end drains it and removes what it leaves.
func (l *leftover) end(stateDir string, wait time.Duration, hurry <-chan struct{}, log hclog.Logger) error {
	d := drain{admin: l.admin, proc: l.proc, wait: wait, hurry: hurry, log: log}
	if err := d.run(); err != nil {
		return err
	}
	return forget(stateDir, l.admin.Address())
}

// Stop drains and ends the Envoy that a run with KeepOnStop, or one that was killed,
// left in the state dir; false when there was none. When the context ends it no
// longer waits for requests in flight. Nothing may run a Sidecar there meanwhile.
func Stop(ctx context.Context, stateDir string, log hclog.Logger) (bool, error) {
	stateDir, err := filepath.Abs(stateDir)
	if err != nil {
		return false, fmt.Errorf("stop envoy: %w", err)
	}
	admin := UnixAddress(filepath.Join(socketDir(stateDir), adminSocketFile))
	l, err := findLeftover(context.WithoutCancel(ctx), stateDir, admin)
	if err != nil || l == nil {
		return false, err
	}
	if err := l.end(stateDir, drainTime, ctx.Done(), log.Named("envoy")); err != nil {
		return true, err
	}
	RemoveSocketDir(stateDir)
	return true, nil
}
