package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/hashicorp/go-hclog"

	"backworks/admin"
	"backworks/blueprints"
	"backworks/demo"
	"backworks/envoy"
	"backworks/fleet"
	"backworks/store"
	"backworks/xds"
)

// The node that our own Envoy is; a blueprint's `nodes` may name it.
const (
	sidecarID      = "sidecar"
	sidecarCluster = "backworks"
)

// service is all that one `start` consists of. It is prepared step by step, and
// nothing runs until every step has gone well.
type service struct {
	startFlags
	log    hclog.Logger
	stdout io.Writer

	binary   string // of Envoy; "" without a sidecar
	dir      string // the state dir
	store    *store.Store
	set      *blueprints.Set // of the first load
	own      *blueprints.Blueprint
	problems blueprints.Problems

	watcher *store.Watcher
	server  *xds.Server
	fleet   *fleet.Fleet
	groups  *fleet.Groups
	stats   *admin.XDSStats
	tls     *xds.TLS      // nil: plaintext
	rights  *fleet.Rights // nil: any certificate will do
	token   *admin.Token  // nil: the admin listener takes none
	sidecar *envoy.Sidecar
	demos   *demo.Group
	sockets sockets

	granted granted // as last read

	undo []func()
}

// start runs a service until a signal ends it.
func start(ctx context.Context, f startFlags, stdout, stderr io.Writer) error {
	s := &service{startFlags: f, log: f.newLogger(stderr), stdout: stdout}
	signals, stop := takeSignals()
	defer stop()
	defer s.close()
	collectLess()
	for _, step := range []func(context.Context) error{s.find, s.open, s.load, s.publish, s.listen, s.prepareEnvoy} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	s.log.SetLevel(f.logLevel())
	return s.run(ctx, signals)
}

// garbage is how far the heap grows over what is live before it is collected, in per
// cent. An edit is a burst of garbage over all that is served; at Go's 100 a collection
// falls into most of them and costs an edit of a large file a fifth of its time, at 200
// that is gone and a fleet of 5,000 costs 3 % more memory (measured by e2e/load).
const garbage = 200

// collectLess sets that, unless $GOGC says what the user wants.
func collectLess() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(garbage)
	}
}

// close undoes the steps, the last one first.
func (s *service) close() {
	for _, undo := range slices.Backward(s.undo) {
		undo()
	}
}

// find looks for what there must be, before anything is touched.
func (s *service) find(context.Context) (err error) {
	if s.blueprint, err = findBlueprint(s.blueprint); err != nil {
		return err
	}
	if s.withSidecar() || s.checkEnvoy {
		asked := s.envoy
		if !s.withSidecar() {
			asked = "auto" // to check with, not to run
		}
		if s.binary, err = envoy.Find(asked, ""); err != nil {
			return err
		}
	}
	s.dir, err = stateDir(s.stateDir, s.blueprint)
	return err
}

// open takes the state dir, which no other process may have.
func (s *service) open(context.Context) (err error) {
	closeToOthers()
	if s.store, err = store.Open(s.dir, s.log); err != nil {
		return err
	}
	s.undo = append(s.undo, func() {
		if err := s.store.Close(); err != nil {
			s.log.Warn("state dir was not closed well", "error", err)
		}
		envoy.RemoveSocketDir(s.dir)
	})
	if !s.withSidecar() {
		return nil
	}
	if s.sockets.envoyAdmin, err = envoy.AdminSocket(s.dir); err != nil {
		return err
	}
	if s.sockets.xds, err = envoy.XDSSocket(s.dir); err != nil {
		return err
	}
	_, path, err := s.sockets.xds.Split()
	s.sockets.admin = envoy.UnixAddress(filepath.Join(filepath.Dir(path), "admin.sock"))
	return err
}

// load reads the blueprints for the first time and decides whether they will do. The
// fleet's own first load finds the same and costs nothing.
func (s *service) load(context.Context) error {
	good, err := s.store.Load()
	if err != nil {
		return err
	}
	var changed func() ([]string, bool)
	if s.watch {
		s.watcher = store.NewWatcher(s.log)
		changed = s.watcher.Changed
	}
	translator := fleet.NewTranslator()
	check := translator.Check
	if s.withSidecar() {
		check = withCacheDirs(check)
	}
	loader := &restarting{log: s.log, portByFlag: s.adminListen != "" || s.dashboardPort != 0, Loader: blueprints.NewLoader(blueprints.Options{
		Path: s.blueprint, Port: int(s.port), Check: check, LastGood: good, Changed: changed,
		SelfSigned: selfSigned(s.dir),
	})}
	result := loader.Load()
	bad := len(result.Problems.Errors()) > 0
	if bad && s.strict || len(result.Set.Blueprints) == 0 {
		return badBlueprints{result.Problems}
	}
	s.set, s.problems = result.Set, result.Problems
	s.groups = &fleet.Groups{}
	if err := s.loadToken(); err != nil {
		return err
	}
	secured, err := s.secure()
	if err != nil {
		return err
	}
	secured.Logger, secured.Group = s.log, s.groups.Group
	s.server = xds.NewServer(secured)
	s.undo = append(s.undo, s.server.Stop)
	s.stats = admin.NewXDSStats()
	s.server.Notify(s.stats.Count)
	options := fleet.Options{
		Loader: loader, Translator: translator, Groups: s.groups, Server: s.server, Logger: s.log,
		Keep: s.store, Archive: s.store, Memory: s.store, Rollouts: s.rollouts(), NodeAdmins: fleet.AdminTrust(s.nodeAdmins),
	}
	if s.watch {
		options.Changes, options.Watch = s.watcher.Changes(), s.watcher.Set
	}
	if s.withSidecar() {
		options.Envoys = append(options.Envoys, s.sockets.envoyAdmin)
	}
	options.Envoys = append(options.Envoys, s.envoyAdmin...)
	s.fleet = fleet.New(options)
	return nil
}

// publish hands the blueprints to the xDS server, and finds the one that our own
// Envoy will get.
func (s *service) publish(ctx context.Context) error {
	report := s.fleet.Start(ctx)
	if len(report.Blueprints) == 0 { // edited since the first load
		return badBlueprints{report.Problems}
	}
	if s.withSidecar() {
		file, fits := s.groups.Group(xds.Node{ID: sidecarID, Cluster: sidecarCluster})
		for _, bp := range s.set.Blueprints {
			if fits && bp.File == file {
				s.own = bp
			}
		}
	}
	return nil
}

// prepareEnvoy makes the sidecar, which starts when everything else runs.
func (s *service) prepareEnvoy(context.Context) error {
	if !s.withSidecar() {
		return nil
	}
	bootstrap := envoy.Bootstrap{
		NodeID: sidecarID, NodeCluster: sidecarCluster,
		XDS: s.sockets.xds, Admin: s.sockets.envoyAdmin, AdminListener: s.sockets.admin,
	}
	if s.own != nil {
		bootstrap.MaxConnections = s.own.Server.MaxConnections
	}
	message, err := bootstrap.Message()
	if err != nil {
		return err
	}
	s.sidecar, err = envoy.NewSidecar(envoy.SidecarOptions{
		Path: s.binary, Bootstrap: message, StateDir: s.dir, Args: s.envoyArgs, KeepOnStop: s.keepEnvoy, Logger: s.log, Output: s.stdout,
	})
	return err
}
