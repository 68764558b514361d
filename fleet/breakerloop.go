package fleet

import (
	"context"
	"regexp"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/translate"
)

const (
	// idleLook is how often an Envoy is looked at that has no breaker of ours.
	idleLook = 2 * time.Second
	// An Envoy with a thousand clusters takes long to answer. Then looks are fewer: they
	// take a sixth of the time at most, and less while all is well.
	restAfterLook, idleRestAfterLook = 5, 20
)

// loseBreakers lets go of breakers that nobody can see any more, until ctx ends.
func (f *Fleet) loseBreakers(ctx context.Context) {
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

func clusterNames(pools []*blueprints.Pool) []string {
	names := make([]string, len(pools))
	for i, p := range pools {
		names[i] = translate.ClusterName(p)
	}
	return names
}

// sights are what an Envoy has of the pools, by name.
func sights(pools []*blueprints.Pool, list []envoy.Cluster, now time.Time) map[string]sight {
	clusters := make(map[string]envoy.Cluster, len(list))
	for _, c := range list {
		clusters[c.Name] = c
	}
	out := make(map[string]sight, len(pools))
	for _, p := range pools {
		c, is := clusters[translate.ClusterName(p)]
		if !is {
			continue
		}
		s := sight{at: now, hosts: make(map[string]envoy.Host, len(c.Hosts))}
		for _, h := range c.Hosts {
			s.hosts[h.Hostname] = h
		}
		out[p.Name] = s
	}
	return out
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
