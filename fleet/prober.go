package fleet

import (
	"context"
	"sync"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/xds"
)

// prober asks one Envoy how it is doing, for all who want to know: all there is when the
// collector wants figures, and in between what breakers need, as often as they do. Each
// answer serves both, and the judge.
type prober struct {
	fleet  *Fleet
	admin  *admin
	wanted chan struct{} // receives when the collector wants all there is
	tell   func(answered)
	beside sync.WaitGroup // of run

	// What follows belongs to the goroutine of run.
	node, file string
	found      time.Time // when it was found that the node is of the file's blueprint
	allAt      time.Time // while some pools are being tried, the others are looked at only from then on
}

func newProber(f *Fleet, a *admin, tell func(answered)) *prober {
	return &prober{fleet: f, admin: a, wanted: make(chan struct{}, 1), tell: tell}
}

// run asks until ctx ends.
func (p *prober) run(ctx context.Context) {
	defer p.beside.Wait()
	next := time.Now()
	for {
		switched := p.fleet.breakers.whenSwitched()
		select {
		case <-p.wanted:
			next = time.Now().Add(p.askAll(ctx))
		case <-time.After(time.Until(next)):
			next = time.Now().Add(p.look(ctx))
		case <-switched:
			next = time.Now().Add(p.look(ctx))
		case <-ctx.Done():
			return
		}
	}
}

// figures are the statistics that are asked for: those of clusters, of endpoints, and of
// the listener.
const figures = `^(cluster\..+\.upstream_rq_([1-5]xx|total|retry|timeout|per_try_timeout|time)` +
	`|vhost\.proxy\.route\..+\.upstream_rq_([1-5]xx|total|retry|timeout|per_try_timeout|time)` +
	`|http\.proxy\.downstream_(rq_([1-5]xx|total|active)|cx_active))$`

// adminLimit is what one Envoy gets to tell everything.
const adminLimit = 5 * time.Second

// askAll asks for everything, tells the collector of it, and says when breakers want
// another look, which may be before the statistics are there: of many clusters they are
// large.
func (p *prober) askAll(ctx context.Context) (again time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, adminLimit)
	began := time.Now()
	a := answered{envoy: Envoy{Admin: p.admin.is.Admin}}
	end := func() {
		cancel()
		a.at, a.took = time.Now(), time.Since(began)
		p.tell(a)
	}
	if again, a.err = p.askHosts(ctx, &a); a.err != nil {
		end()
		return again
	}
	p.beside.Go(func() {
		defer end()
		a.samples, a.err = a.envoy.Admin.Samples(ctx, figures)
	})
	return again
}

// askHosts asks who it is and for its targets, and takes breakers on with that.
func (p *prober) askHosts(ctx context.Context, a *answered) (again time.Duration, err error) {
	again = idleLook / 2
	info, err := p.admin.ask(ctx)
	if err != nil {
		return again, err
	}
	a.envoy.Node, a.envoy.Cluster, a.uptime = info.NodeID, info.NodeCluster, info.UptimeAll
	asked := time.Now()
	if a.clusters, err = a.envoy.Admin.Clusters(ctx); err != nil {
		return again, err
	}
	took := time.Since(asked)
	p.fleet.adminLoads.set(info.NodeID, loadOf(a.clusters))
	if at := p.place(a.envoy); at.file != "" {
		again = p.take(ctx, at, p.fleet.breakers.watched(at), a.clusters, took)
	}
	return again, nil
}

// look asks for what breakers need, if any are to be worked, and says when they want
// another look.
func (p *prober) look(ctx context.Context) (again time.Duration) {
	e := p.admin.know()
	if e.Error != "" {
		return idleLook / 2
	}
	at := p.place(e)
	pools := p.fleet.breakers.watched(at)
	if len(pools) == 0 {
		return idleLook
	}
	if time.Now().Before(p.allAt) {
		pools = p.fleet.breakers.trying(at, pools)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	asked := time.Now()
	clusters, err := e.Admin.ClustersNamed(ctx, clusterNames(pools))
	if err != nil {
		p.fleet.log.Debug("envoy does not tell how its targets are", "node", e.Node, "error", err)
		return idleLook / 4
	}
	return p.take(ctx, at, pools, clusters, time.Since(asked))
}

// place is the group of the Envoy, whose file is "" when no blueprint is for it. To find
// it, all nodes are looked through.
func (p *prober) place(e Envoy) place {
	if p.node != e.Node || time.Since(p.found) > idleLook {
		file, _ := p.fleet.Groups.Group(xds.Node{ID: e.Node, Cluster: e.Cluster, Metadata: p.fleet.metadata(e.Node)})
		p.node, p.file, p.found = e.Node, file, time.Now()
	}
	return place{p.file, p.node}
}

// roundLate is how late a round of the collector may be, before breakers are looked at
// without it.
const roundLate = telemetryEvery / 10

// take takes the breakers of the pools on with what an Envoy said of its clusters, and says
// when to look again.
func (p *prober) take(ctx context.Context, at place, pools []*blueprints.Pool, clusters []envoy.Cluster, took time.Duration) time.Duration {
	b := p.fleet.breakers
	every := b.watched(at)
	all := len(pools) == len(every)
	if all {
		b.forget(at, pools)
	}
	began := time.Now()
	seen := sights(pools, clusters, began)
	if err := b.addStats(ctx, at, p.admin.is.Admin, pools, seen); err != nil {
		p.fleet.log.Debug("envoy does not tell its counters", "node", at.node, "error", err)
		return idleLook / 4
	}
	took += time.Since(began)
	pace := b.take(at, pools, seen, time.Now())
	rest := restAfterLook * took
	switch {
	case pace == idleLook:
		rest = max(rest, min(idleRestAfterLook*took, 2*idleLook))
	case all && len(b.trying(at, every)) < len(every):
		p.allAt, rest = time.Now().Add(max(idleLook, idleRestAfterLook*took)), 0
	}
	if pace == telemetryEvery {
		pace += roundLate // the collector's next round is such a look
	}
	return max(pace-took, rest)
}
