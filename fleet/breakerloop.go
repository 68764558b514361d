package fleet

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
	"backworks/xds"
)

const (
	// idleLook is how often an Envoy is looked at that has no breaker of ours.
	idleLook = 2 * time.Second
	// An Envoy with a thousand clusters takes long to answer. Then looks are fewer: they
	// take a sixth of the time at most, and less while all is well.
	restAfterLook, idleRestAfterLook = 5, 20
)

// workBreakers keeps looking at every Envoy that can be asked, each at its own pace,
// until ctx ends.
func (f *Fleet) workBreakers(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, a := range f.admins {
		all.Go(func() { f.workBreakersOf(ctx, &looker{admin: a}) })
	}
	lose := time.NewTicker(blind / 6)
	defer lose.Stop()
	for {
		select {
		case now := <-lose.C:
			f.breakers.lose(now)
		case <-ctx.Done():
			return
		}
	}
}

func (f *Fleet) workBreakersOf(ctx context.Context, l *looker) {
	for {
		began, switched := time.Now(), f.breakers.whenSwitched()
		pace := f.look(ctx, l)
		took := time.Since(began)
		rest := restAfterLook * took
		switch {
		case pace == idleLook:
			rest = max(rest, min(idleRestAfterLook*took, 2*idleLook))
		case l.narrows:
			l.allAt, rest = time.Now().Add(max(idleLook, idleRestAfterLook*took)), 0
		}
		select {
		case <-time.After(max(pace-took, rest)):
		case <-switched:
		case <-ctx.Done():
			return
		}
	}
}

// looker is an Envoy to look at, and the group that it was found to be of.
type looker struct {
	admin *admin
	node  string
	file  string
	found time.Time
	// narrows: the last look was at all pools, and while some are being tried, the others
	// are looked at only from allAt on.
	narrows bool
	allAt   time.Time
}

// groupOf is that of the Envoy, "" when no blueprint is for it. To find it, all nodes are
// looked through.
func (f *Fleet) groupOf(l *looker, e Envoy) string {
	if l.node != e.Node || time.Since(l.found) > idleLook {
		file, _ := f.Groups.Group(xds.Node{ID: e.Node, Cluster: e.Cluster, Metadata: f.metadata(e.Node)})
		l.node, l.file, l.found = e.Node, file, time.Now()
	}
	return l.file
}

// look looks at one Envoy, takes its breakers on, and says when to look again.
func (f *Fleet) look(ctx context.Context, l *looker) time.Duration {
	l.narrows = false
	e := l.admin.know()
	if e.Error != "" {
		return idleLook / 2
	}
	file := f.groupOf(l, e)
	at := place{file, e.Node}
	pools := f.breakers.watched(at)
	if len(pools) == 0 {
		return idleLook
	}
	every := len(pools)
	if time.Now().Before(l.allAt) {
		pools = f.breakers.trying(at, pools)
	} else {
		f.breakers.forget(at, pools)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	seen, err := lookAtPools(ctx, e.Admin, pools)
	if err == nil {
		err = f.breakers.addStats(ctx, at, e.Admin, pools, seen)
	}
	if err != nil {
		f.log.Debug("envoy does not tell how its targets are", "node", e.Node, "error", err)
		return idleLook / 4
	}
	pace := f.breakers.take(at, pools, seen, time.Now())
	l.narrows = len(pools) == every && len(f.breakers.trying(at, pools)) < every
	return pace
}

// lookAtPools returns what an Envoy has of the pools, by name.
func lookAtPools(ctx context.Context, admin *envoy.Admin, pools []*blueprints.Pool) (map[string]sight, error) {
	names := make([]string, len(pools))
	for i, p := range pools {
		names[i] = translate.ClusterName(p)
	}
	list, err := admin.ClustersNamed(ctx, names)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	clusters := make(map[string]envoy.Cluster, len(list))
	for _, c := range list {
		clusters[c.Name] = c
	}
	out := make(map[string]sight, len(pools))
	for i, p := range pools {
		c, is := clusters[names[i]]
		if !is {
			continue
		}
		s := sight{at: now, hosts: make(map[string]envoy.Host, len(c.Hosts))}
		for _, h := range c.Hosts {
			s.hosts[h.Hostname] = h
		}
		out[p.Name] = s
	}
	return out, nil
}

// addStats asks for the counters of those pools that need them.
func (b *breakers) addStats(ctx context.Context, at place, admin *envoy.Admin, pools []*blueprints.Pool, seen map[string]sight) error {
	names := b.asksStats(at, pools, seen, time.Now())
	if len(names) == 0 {
		return nil
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	stats, err := admin.Stats(ctx, `^cluster\.(?:`+strings.Join(quoted, "|")+`)\.`+breakerStats+`$`)
	if err != nil {
		return err
	}
	for _, name := range names {
		s, is := seen[name]
		if !is {
			continue
		}
		s.stats = map[string]uint64{}
		for key, value := range stats {
			if rest, ours := strings.CutPrefix(key, "cluster."+name+"."); ours {
				s.stats[rest] = value
			}
		}
		seen[name] = s
	}
	return nil
}
