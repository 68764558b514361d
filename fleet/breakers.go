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
	// grpc: gRPC clients have a group of their own.
	grpc bool
}

func (p placed) of(node string) *release {
	if r := p.others[node]; r != nil {
		return r
	}
	return p.base
}

// breakers holds open breakers open, and tries them, over whatever release a node is on.
// Each Envoy has its own, or all of a blueprint have them together, at node "". Envoys that cannot be asked are left to their own ejection.
type breakers struct {
	server Server
	log    hclog.Logger
	memory *breakerMemory
	// event is told of what changes; it does not wait.
	event func(Event)

	mu       sync.Mutex
	switched chan struct{}                     // closed by the next switch by hand
	placed   map[string]placed                 // by main file
	pools    map[place]map[string]*poolBreaker // by pool
	seen     map[place]time.Time               // when it was last looked at
	drained  map[drained]time.Time             // by hand, since when
	laid     map[place][]string                // versions of the assignments that it has of us
}

func newBreakers(server Server, memory Memory, log hclog.Logger) *breakers {
	b := &breakers{
		server: server, log: log.Named("breaker"), event: func(Event) {}, placed: map[string]placed{}, pools: map[place]map[string]*poolBreaker{},
		seen: map[place]time.Time{}, laid: map[place][]string{},
		drained: map[drained]time.Time{}, switched: make(chan struct{}),
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
		if where, is := all[fileOf(at.file)]; !is || at.file != fileOf(at.file) && !where.grpc {
			delete(b.laid, at) // the server has dropped it
		}
	}
	changed := false
	for at := range b.pools {
		changed = b.prune(at) || changed
	}
	changed = b.pruneDrained() || changed
	for file := range all {
		b.layAll(file)
	}
	if changed {
		b.save()
	}
}

// layAll lays what a blueprint's nodes have: what is drained for all, over that what
// breakers make of those of one, and what those have that are on another release.
func (b *breakers) layAll(file string) {
	where := b.placed[file]
	nodes := map[place]bool{{file, ""}: true}
	if where.grpc {
		nodes[place{GRPCDialect.group(file), ""}] = true
	}
	for id := range where.others {
		nodes[place{file, id}] = true
	}
	for at := range b.pools {
		nodes[at] = nodes[at] || at.file == file
	}
	for at := range b.laid {
		nodes[at] = nodes[at] || fileOf(at.file) == file
	}
	for at, is := range nodes {
		if is {
			b.lay(at)
		}
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
			if p == nil || !at.works(p) || !hasTarget(p, a) {
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

// lay puts what is drained, and what the breakers of a node make of its assignments, over
// them, if that is other than what lies there, and says whether it was. Node "" is all
// nodes.
func (b *breakers) lay(at place) (other bool) {
	where := b.placed[fileOf(at.file)]
	rel := where.of(at.node)
	if rel == nil || rel.state == nil || where.quiet {
		return false
	}
	dialect := EnvoyDialect
	if at.file != fileOf(at.file) {
		dialect = GRPCDialect
	}
	var resources []*xds.Resource
	var versions []string
	for _, p := range b.touched(at, rel.bp) {
		stands, any := b.stands(at, p)
		if !any {
			continue
		}
		state := translate.State{Addresses: rel.state.Addresses, Pools: map[string]translate.PoolState{p.Name: stands}}
		x, err := xds.NewResource(dialect.assignment(p, state), translate.ClusterName(p), p.Position.String())
		if err != nil {
			b.log.Error("an assignment cannot be sent", "pool", p.Name, "error", err)
			continue
		}
		resources = append(resources, x)
		versions = append(versions, x.Name()+" "+x.Version())
	}
	if slices.Equal(versions, b.laid[at]) {
		return false
	}
	b.server.Overlay(at.file, at.node, resources)
	if len(versions) == 0 {
		delete(b.laid, at)
	} else {
		b.laid[at] = versions
	}
	return true
}

// touched are the pools of a blueprint of which something is known at a place, in their
// order: to ask all of 10,000 took more than half of the processor time of an edit.
func (b *breakers) touched(at place, bp *blueprints.Blueprint) (out []*blueprints.Pool) {
	names := map[string]bool{}
	for _, where := range []place{at, {file: at.file}} { // either is home
		for name := range b.pools[where] {
			names[name] = true
		}
	}
	for d := range b.drained {
		if d.file == fileOf(at.file) {
			names[d.pool] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	for _, p := range bp.Pools {
		if names[p.Name] {
			out = append(out, p)
		}
	}
	return out
}

// stands is what is to be made of a pool's assignment; false: nothing but what all nodes
// have.
func (b *breakers) stands(at place, p *blueprints.Pool) (s translate.PoolState, any bool) {
	file, where := fileOf(at.file), home(at, p)
	asOthers := at.node != "" && b.placed[file].others[at.node] == nil // and they have it
	if pool := b.pools[where][p.Name]; pool != nil && p.HalfOpens() && (where == at || !asOthers) {
		s, any = pool.stands()
	}
	if len(b.drained) == 0 || p.ResolveByEnvoy || asOthers && !any {
		return s, any
	}
	s.Draining = map[string]bool{}
	for d := range b.drained {
		if d.file == file && d.pool == p.Name {
			s.Draining[d.authority] = true
		}
	}
	// A node on a release of its own must not have the pool of the others.
	return s, any || len(s.Draining) > 0
}
