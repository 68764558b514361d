package envoy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/hashicorp/go-hclog"
)

// SidecarOptions say which Envoy to run, and how.
type SidecarOptions struct {
	// Path is the binary; see Find.
	Path string
	// Bootstrap must have an admin address, best that of AdminSocket, and a node id.
	Bootstrap *bootstrapv3.Bootstrap
	// StateDir holds bootstrap, log and record, and is made with mode 0700. One
	// Sidecar at a time may have it.
	StateDir string
	// Args go to Envoy behind the sidecar's own.
	Args []string
	// Concurrency is the number of worker threads; by default Envoy takes one per
	// CPU.
	Concurrency int
	// KeepOnStop leaves Envoy running at the end, for the next run to adopt.
	KeepOnStop bool
	// DrainTime bounds how long requests in flight may take at the end; 30 s by
	// default.
	DrainTime time.Duration
	// Logger also gets Envoy's own lines, under the name envoy.log, its info as our
	// debug. None by default.
	Logger hclog.Logger
	// Output gets the lines of access logs that go to standard output; by default they
	// are thrown away.
	Output io.Writer
}

// Sidecar runs one Envoy and keeps it running. Its methods may be used at the same
// time; Run once.
type Sidecar struct {
	SidecarOptions
	log     hclog.Logger
	admin   *Admin
	text    []byte // of the bootstrap
	build   Build
	logFile *logFile
	output  *output

	live, hurry         chan struct{}
	liveOnce, hurryOnce sync.Once

	mu    sync.Mutex
	state State
}

// NewSidecar checks the options; it starts nothing.
func NewSidecar(o SidecarOptions) (*Sidecar, error) {
	if o.Bootstrap.GetAdmin().GetAddress() == nil || o.Bootstrap.GetNode().GetId() == "" {
		return nil, errors.New("make sidecar: its bootstrap must have an admin address and a node id")
	}
	address := addressOf(o.Bootstrap.GetAdmin().GetAddress())
	if _, _, err := address.Split(); err != nil {
		return nil, err
	}
	if err := checkArgs(o.Args); err != nil {
		return nil, err
	}
	text, err := YAML(o.Bootstrap)
	if err != nil {
		return nil, err
	}
	if o.StateDir, err = filepath.Abs(o.StateDir); err != nil {
		return nil, fmt.Errorf("make sidecar: %w", err)
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	return &Sidecar{
		SidecarOptions: o,
		log:            o.Logger.Named("envoy"),
		admin:          NewAdmin(address),
		text:           text,
		live:           make(chan struct{}),
		hurry:          make(chan struct{}),
		state:          State{Phase: Starting, Since: time.Now()},
	}, nil
}

// Admin is Envoy's admin interface.
func (s *Sidecar) Admin() *Admin { return s.admin }

// Live is closed when Envoy is live for the first time.
func (s *Sidecar) Live() <-chan struct{} { return s.live }

// Hurry makes a stop that waits for requests in flight, now or later, wait no longer.
func (s *Sidecar) Hurry() { s.hurryOnce.Do(func() { close(s.hurry) }) }

// Run adopts the Envoy that an earlier run left, or starts one, starts it again
// when it ends by itself, and drains it when the context ends (or leaves it, with
// KeepOnStop). It fails when no Envoy can be started in the first place, telling
// why in Envoy's words; nothing is left behind then.
func (s *Sidecar) Run(ctx context.Context) (err error) {
	defer func() { s.change(func(st *State) { st.Phase, st.PID = Stopped, 0 }) }()
	if s.build, err = BuildOf(context.WithoutCancel(ctx), s.Path); err != nil {
		return err
	}
	s.change(func(st *State) { st.Version = s.build.Version() })
	if !s.build.IsTested() {
		s.log.Warn("this version of envoy is not the tested one", "version", s.build.Version(), "tested", Tested)
	}
	if err := os.MkdirAll(s.StateDir, 0o700); err != nil {
		return fmt.Errorf("make state dir %q: %w", s.StateDir, unwrapPath(err))
	}
	if s.logFile, err = openLog(s.StateDir, s.log.Named("log")); err != nil {
		return err
	}
	if s.output, err = openOutput(s.StateDir, s.Output, s.log); err != nil {
		return err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var follower sync.WaitGroup
	follower.Go(func() { s.logFile.follow(following) })
	follower.Go(func() { s.output.follow(following) })
	defer follower.Wait()
	defer stop()
	defer s.admin.Close()

	adopted, err := s.takeOver(ctx)
	if err != nil {
		return err
	}
	return s.supervise(ctx, adopted)
}

// takeOver gives the process of an earlier run if it is what would be started, and
// ends any other. nil: there is none now.
func (s *Sidecar) takeOver(ctx context.Context) (*process, error) {
	l, err := findLeftover(context.WithoutCancel(ctx), s.StateDir, s.admin.Address())
	if err != nil || l == nil {
		return nil, err
	}
	why := l.differs(s.build, s.Bootstrap.GetNode().GetId(), s.fingerprint())
	if why != "" {
		s.log.Warn("draining the envoy that was left running, and starting another", "reason", why)
		s.logFile.expectEnd(true)
		defer s.logFile.expectEnd(false)
		return nil, l.end(s.StateDir, s.DrainTime, s.hurry, s.log)
	}
	l.admin.Close()
	s.log.Info("adopted the envoy that was left running", "pid", l.proc.pid, "version", s.build.Version(), "uptime", l.info.Uptime)
	s.change(func(st *State) { st.PID, st.Adopted = l.proc.pid, true })
	return l.proc, nil
}

// start writes the bootstrap and starts Envoy on it.
func (s *Sidecar) start() (*process, error) {
	config := filepath.Join(s.StateDir, bootstrapFile)
	if err := replaceFile(config, s.text); err != nil {
		return nil, err
	}
	if err := s.output.renew(); err != nil {
		return nil, err
	}
	out, err := s.output.open()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	log, err := s.logFile.open()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.logFile.poll()
	s.logFile.mark()
	p, err := startProcess(s.Path, commandLine(config, s.Concurrency, s.Args), out, log)
	if err != nil {
		return nil, err
	}
	r := record{PID: p.pid, Start: p.start, Admin: s.admin.Address(), Fingerprint: s.fingerprint(), Build: s.build, Since: p.born}
	if err := r.write(s.StateDir); err != nil {
		s.log.Warn("this envoy could not be adopted later", "error", err)
	}
	s.change(func(st *State) { st.PID, st.Adopted = p.pid, false })
	s.log.Info("started envoy", "pid", p.pid, "version", s.build.Version())
	return p, nil
}

func (s *Sidecar) fingerprint() string {
	return fingerprint(s.text, strings.Join(commandLine("", s.Concurrency, s.Args), "\x00"))
}
