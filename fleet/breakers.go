package fleet

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// place is a node of a blueprint's group.
type place struct{ file, node string }

// placed are the releases that the nodes of a blueprint get.
type placed struct {
	base   *release
	others map[string]*release
	// quiet: it is not known yet what nodes that come back are to get.
	quiet bool
}

func (p placed) of(node string) *release {
	if r := p.others[node]; r != nil {
		return r
	}
	return p.base
}

// breakers holds open breakers open, and tries them, over whatever release a node is on.
// Each Envoy has its own. Envoys that cannot be asked are left to their own ejection.
type breakers struct {
	server Server
	log    hclog.Logger
	memory *breakerMemory

	mu     sync.Mutex
	placed map[string]placed                 // by main file
	pools  map[place]map[string]*poolBreaker // by pool
	seen   map[place]time.Time               // when it was last looked at
	laid   map[place][]string                // versions of the assignments that it has of us
}

func newBreakers(server Server, memory Memory, log hclog.Logger) *breakers {
	b := &breakers{
		server: server, log: log.Named("breaker"), placed: map[string]placed{}, pools: map[place]map[string]*poolBreaker{},
		seen: map[place]time.Time{}, laid: map[place][]string{},
	}
	b.memory = newBreakerMemory(memory, b.log)
	b.recall(time.Now())
	return b
}

// publish takes over what the nodes of each blueprint get, right after the server did.
func (b *breakers) publish(all map[string]placed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.placed = all
	for at := range b.laid {
		if _, is := all[at.file]; !is {
			delete(b.laid, at) // the server has dropped it
		}
	}
	changed := false
	for at := range b.pools {
		changed = b.prune(at) || changed
		b.lay(at)
	}
	if changed {
		b.save()
	}
}

// prune forgets breakers that a node's release does not have any more, and says whether
// there were any.
func (b *breakers) prune(at place) (any bool) {
	rel := b.placed[at.file].of(at.node)
	if rel == nil {
		return false // it may come back: a blueprint that does not load now
	}
	for name, pool := range b.pools[at] {
		if len(pool.circuits) == 0 {
			continue // as nearly all; take forgets them
		}
		p := poolOf(rel.bp, name)
		for a := range pool.circuits {
			if p == nil || !p.HalfOpens() || !hasTarget(p, a) {
				delete(pool.circuits, a)
				any = true
			}
		}
	}
	return any
}

func poolOf(bp *blueprints.Blueprint, name string) *blueprints.Pool {
	for _, p := range bp.Pools {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func hasTarget(p *blueprints.Pool, authority string) bool {
	return slices.ContainsFunc(p.Targets, func(t *blueprints.Target) bool { return translate.Authority(p, t) == authority })
}

// lay puts what the breakers of a node make of its assignments over them, if that is
// other than what lies there.
func (b *breakers) lay(at place) {
	where := b.placed[at.file]
	rel := where.of(at.node)
	if rel == nil || rel.state == nil || where.quiet {
		return
	}
	var resources []*xds.Resource
	var versions []string
	for _, p := range rel.bp.Pools {
		pool := b.pools[at][p.Name]
		if pool == nil || !p.HalfOpens() {
			continue
		}
		stands, any := pool.stands()
		if !any {
			continue
		}
		state := translate.State{Addresses: rel.state.Addresses, Pools: map[string]translate.PoolState{p.Name: stands}}
		x, err := xds.NewResource(EnvoyDialect.assignment(p, state), translate.ClusterName(p), p.Position.String())
		if err != nil {
			b.log.Error("an assignment cannot be sent", "pool", p.Name, "error", err)
			continue
		}
		resources = append(resources, x)
		versions = append(versions, x.Name()+" "+x.Version())
	}
	if slices.Equal(versions, b.laid[at]) {
		return
	}
	b.server.Overlay(at.file, at.node, resources)
	if len(versions) == 0 {
		delete(b.laid, at)
	} else {
		b.laid[at] = versions
	}
}
