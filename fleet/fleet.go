// Package fleet keeps the connected Envoys on the blueprints, and tells how they
// are doing.
//
// In come signals that sources changed, answers of DNS, what the Envoys on the
// stream acknowledge or refuse, and what their admin interfaces report. Out go
// snapshots and endpoint assignments to the xds server, the last good files to
// the store, and the status that the admin listener shows. One goroutine owns the
// pipeline, load → translate → resolve → publish; its stages are functions. The
// package never parses a blueprint and never builds an Envoy resource.
package fleet

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/xds"
)

// Loader reads the blueprints; *blueprints.Loader is one. Its Check option is to
// be the Check of the fleet's Translator.
type Loader interface {
	Load() *blueprints.Result
	Reread()
	Build(main string, files blueprints.FileSet) (*blueprints.Blueprint, blueprints.Problems)
}

// Server pushes to the Envoys; *xds.Server is one. Its Group option is to be the
// Group of the fleet's Groups.
type Server interface {
	PublishGroups(groups map[string]xds.Group)
	Regroup()
	Overlay(group, node string, resources []*xds.Resource)
	Nodes() []xds.NodeStatus
	Notify(func(xds.Event))
	NotifyLoad(func(xds.LoadReport))
	LoadStreams() int
}

// LastGood keeps files that were good; *store.Store is one.
type LastGood interface {
	Load() (map[string]blueprints.FileSet, error)
	Save(map[string]blueprints.FileSet) error
}

// Options are what a Fleet is made of.
type Options struct {
	Loader     Loader
	Translator *Translator
	Groups     *Groups
	Server     Server
	Logger     hclog.Logger
	// Changes receives when it is time to load again; nil: never.
	Changes <-chan struct{}
	// Watch is told after each load which files and folders, when changed, ask for
	// another; nil: nobody.
	Watch func(paths []string)
	// Keep is given the last good files; nil: they are not kept.
	Keep LastGood
	// Archive keeps the versions of blueprints; nil: they are known until the end.
	Archive Archive
	// Memory keeps the breakers that are open; nil: they are known until the end.
	Memory Memory
	// Rollouts are settings for the rollouts of every blueprint.
	Rollouts Rollouts
	// Envoys are the admin interfaces to ask; none by default.
	Envoys []envoy.Address
	// NodeAdmins says which admin interfaces are asked besides that nodes tell of; those at
	// their own addresses by default.
	NodeAdmins AdminTrust
	// Resolve finds the addresses of a host name; the system's resolver by default.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// ResolveEvery is how often names are looked up again; 5 s by default.
	ResolveEvery time.Duration
}

// Fleet is the pipeline and what is known of the Envoys.
type Fleet struct {
	Options
	log        hclog.Logger
	resolver   *resolver
	keeper     *keeper
	archive    *archive
	members    *members
	breakers   *breakers
	how        Rollouts
	adminLoads adminLoads
	asks       chan func(context.Context)
	view       atomic.Pointer[view]
	shown      atomic.Pointer[shown]
	counts     counts
	loads      loads
	admins     []*admin
	found      nodeAdmins
	collector  *collector
	started    sync.Once
	done       chan struct{}

	// What follows belongs to the goroutine of Start and Run.
	rollouts   map[string]*rollout // by main file
	dialects   *dialects
	rateLimits *rateLimits
	pushed     map[string]xds.Group
	again      time.Time // when a rollout is to be looked at again; zero: never
	ready      bool
	expiring   blueprints.Problems // that were logged
}

// New makes a Fleet, which does nothing before Start or Run.
func New(o Options) *Fleet {
	if o.Resolve == nil {
		o.Resolve = systemResolver
	}
	if o.ResolveEvery == 0 {
		o.ResolveEvery = resolveEvery
	}
	if o.Watch == nil {
		o.Watch = func([]string) {}
	}
	log := o.Logger.Named("fleet")
	f := &Fleet{
		Options: o, log: log,
		resolver:   newResolver(o.Resolve, o.ResolveEvery, log),
		keeper:     newKeeper(o.Keep, log),
		archive:    newArchive(o.Archive, log),
		members:    newMembers(),
		breakers:   newBreakers(o.Server, o.Memory, log),
		how:        o.Rollouts,
		asks:       make(chan func(context.Context)),
		done:       make(chan struct{}),
		rollouts:   map[string]*rollout{},
		dialects:   newDialects(o.Groups, log),
		rateLimits: newRateLimits(log),
		found:      nodeAdmins{trust: o.NodeAdmins, nodes: map[string]*foundNode{}},
	}
	f.how.checked, f.how.load = f.checked, f.loadOf
	f.view.Store(&view{})
	f.shown.Store(&shown{})
	for _, address := range o.Envoys {
		f.admins = append(f.admins, newAdmin(address))
	}
	f.collector = newCollector(f)
	f.how.step = f.collector.feed.rollout
	f.breakers.event = f.collector.feed.add
	return f
}

// Start does the first load and publishes it. The caller sees from the Report
// whether there is anything to serve, before it starts what depends on it. Host
// names get 2 s to be resolved.
func (f *Fleet) Start(ctx context.Context) *Report {
	f.started.Do(func() {
		f.Server.Notify(func(e xds.Event) {
			f.members.event(e)
			f.found.event(e)
			f.collector.feed.stream(e)
		})
		f.Server.NotifyLoad(f.loads.add)
		f.load(ctx, "start")
	})
	return f.view.Load().report
}

// Run keeps the Envoys on the blueprints until ctx ends, and returns nil then,
// with the last good files saved. It does the Start that was not done.
//
// What can happen:
//  1. A source changed: load and publish what is different.
//  2. Somebody asks for something by hand, such as a reload.
//  3. DNS gave other addresses: send the assignments that changed.
//  4. An Envoy refused, or the last one acknowledged that a rollout waits for: take the
//     rollouts on.
//  5. Envoys came or went: the same, a moment later.
//  6. A rollout has waited long enough: the same.
//  7. Certificates may be about to expire: tell of them.
//  8. The context ends: save what is to be saved, and stop.
func (f *Fleet) Run(ctx context.Context) error {
	defer close(f.done)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	helpers.Go(func() { f.keeper.run(ctx) })
	helpers.Go(func() { f.archive.run(ctx) })
	f.Start(ctx)
	helpers.Go(func() { f.resolver.run(ctx) })
	helpers.Go(func() { f.collector.run(ctx) })
	helpers.Go(func() { f.breakers.memory.run(ctx) })
	helpers.Go(func() { f.loseBreakers(ctx) })
	expiry := time.NewTicker(expiryEvery)
	defer expiry.Stop()
	for {
		select {
		case <-f.Changes:
			f.load(ctx, "watch")
		case ask := <-f.asks:
			ask(ctx)
		case <-f.resolver.changed:
			f.readdress()
		case <-f.members.changed:
			f.advance(time.Now(), false)
			f.observe()
		case <-f.members.moved:
			f.again = earliest(f.again, time.Now().Add(gathering))
		case <-f.timer():
			f.advance(time.Now(), true) // with gRPC clients there may be groups for them
			f.members.tell(f.log)
			f.observe()
		case now := <-expiry.C:
			f.warnOfExpiry(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// gathering is how long nodes that come or go are waited for, before the rollouts are looked
// at: a fleet that comes back does so by the thousand.
const gathering = 25 * time.Millisecond

func (f *Fleet) timer() <-chan time.Time {
	if f.again.IsZero() {
		return nil
	}
	return time.After(time.Until(f.again))
}

// ask has the pipeline do something between two of its own steps. It fails when ctx
// ends before that, or the fleet has stopped.
func (f *Fleet) ask(ctx context.Context, what func(context.Context)) error {
	done := make(chan struct{})
	select {
	case f.asks <- func(ctx context.Context) { defer close(done); what(ctx) }:
	case <-ctx.Done():
		return ctx.Err()
	case <-f.done:
		return errStopped
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reload loads by hand, as for SIGHUP, whatever the files' times say, and returns what came of it. It fails when
// ctx ends first, or the fleet has stopped.
func (f *Fleet) Reload(ctx context.Context) (*Report, error) {
	err := f.ask(ctx, func(ctx context.Context) {
		f.Loader.Reread()
		f.load(ctx, "hand")
	})
	if err != nil {
		return nil, err
	}
	return f.view.Load().report, nil
}

var errStopped = errors.New("the pipeline has stopped")

// load is the pipeline: every stage takes what the one before it gives.
func (f *Fleet) load(ctx context.Context, by string) {
	began := time.Now()
	result := f.Loader.Load()
	resources := f.Translator.take(result.Set)
	f.meet(result.Set)
	f.resolver.want(ctx, f.hosts(result.Set, resources))
	changed, problems := f.publish(result, resources)
	f.keeper.save(result.Good)
	f.report(by, began, result, changed, problems)
	f.Watch(result.Watch)
	f.warnOfExpiry(time.Now())
	f.observe()
}
