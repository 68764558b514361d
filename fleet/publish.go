package fleet

import (
	"maps"
	"slices"
	"time"

	"backworks/blueprints"
	"backworks/translate"
	"backworks/xds"
)

// meet begins a rollout for each blueprint that is new, with what was accepted last, so
// that an edit since then is tried as every other.
func (f *Fleet) meet(set *blueprints.Set) {
	for _, bp := range set.Blueprints {
		if f.rollouts[bp.File] != nil {
			continue
		}
		r := &rollout{file: bp.File, how: f.how, members: f.members, archive: f.archive, log: f.log, on: map[string]bool{}, held: map[string]hold{}}
		f.rollouts[bp.File] = r
		last, known := f.archive.accepted(bp.File)
		if !known || last.Version == bp.Version {
			continue
		}
		good, err := f.restore(bp.File, last.Version)
		if err != nil {
			f.log.Warn("the version that was accepted last cannot be served", "blueprint", bp.Position.File, "version", last.Version, "error", err)
			continue
		}
		r.good, r.revived, r.quiet = good, true, true
	}
}

// restore reads a version that was kept. It has no resources yet.
func (f *Fleet) restore(main, version string) (*release, error) {
	files, err := f.archive.filesOf(main, version)
	if err != nil {
		return nil, err
	}
	bp, problems := f.Loader.Build(main, files)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return &release{bp: bp, files: files}, nil
}

// finish makes the resources of a release that was restored.
func (r *release) finish(state *translate.State) (*release, error) {
	resources, problems := translate.Blueprint(r.bp)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return EnvoyDialect.build(nil, r.bp, resources, r.files, state)
}

// publish offers each blueprint's version to its rollout, and brings the nodes what
// comes of that. It says whether there was another version, and what could not be
// published.
func (f *Fleet) publish(result *blueprints.Result, resources map[*blueprints.Blueprint]*translate.Resources) (bool, blueprints.Problems) {
	var problems blueprints.Problems
	state, now, changed := f.resolver.answers.Load().state, time.Now(), false
	here := make(map[string]bool, len(result.Set.Blueprints))
	for _, bp := range result.Set.Blueprints {
		r := f.rollouts[bp.File]
		rel, err := EnvoyDialect.build(r.newest, bp, resources[bp], result.Good[bp.File], state)
		if err != nil {
			problems = append(problems, blueprints.Problem{Position: bp.Position, Message: err.Error()})
			rel = r.newest
		}
		if rel == nil {
			continue
		}
		here[bp.File] = true
		if r.newest == nil && r.good != nil {
			if r.good, err = r.good.finish(state); err != nil {
				f.log.Warn("the version that was accepted last cannot be served", "blueprint", bp.Position.File, "error", err)
			}
		}
		if rel != r.newest {
			changed = r.offer(rel, now) || changed
		}
	}
	for file := range f.rollouts {
		if !here[file] {
			f.members.await(file, goal{})
			delete(f.rollouts, file)
			changed = true
		}
	}
	f.advance(now, true)
	return changed, problems
}

// advance takes every rollout as far as it may go, and pushes what comes of it, or of
// what was done before.
func (f *Fleet) advance(now time.Time, before bool) {
	f.again = time.Time{}
	judging := false
	for _, r := range f.rollouts {
		changed, again := r.look(now)
		before = before || changed
		f.again = earliest(f.again, again)
		judging = judging || r.judge != nil
	}
	f.adminLoads.wanted.Store(judging)
	if before {
		f.push()
	}
}

// push hands all that is published to the server, which sends what differs.
func (f *Fleet) push() {
	groups := make(map[string]xds.Group, len(f.rollouts))
	set := &blueprints.Set{}
	for _, file := range slices.Sorted(maps.Keys(f.rollouts)) {
		r := f.rollouts[file]
		if g, ok := r.group(); ok {
			groups[file] = g
			set.Blueprints = append(set.Blueprints, r.base().bp)
			f.dialects.add(groups, r.base())
			f.rateLimits.add(r)
		}
	}
	f.rateLimits.put(groups)
	otherRules := f.Groups.take(set) // first: who fits a new group is asked when it is published
	if !maps.EqualFunc(groups, f.pushed, xds.Group.Equal) {
		f.pushed = groups
		f.Server.PublishGroups(groups)
		f.counts.push()
	}
	f.breakers.publish(f.placed())
	if otherRules {
		f.Server.Regroup()
	}
	f.show()
}

// hosts are the names of all targets of set, whose resources are given where they are
// known, and of the versions that some nodes are on; sorted, each once.
func (f *Fleet) hosts(set *blueprints.Set, resources map[*blueprints.Blueprint]*translate.Resources) []string {
	var lists [][]string
	add := func(list []string) {
		known := func(l []string) bool { return len(l) == len(list) && &l[0] == &list[0] }
		if len(list) > 0 && !slices.ContainsFunc(lists, known) {
			lists = append(lists, list)
		}
	}
	for _, bp := range set.Blueprints {
		if r := resources[bp]; r != nil {
			add(r.Hosts)
		} else {
			add(translate.Hosts(bp))
		}
	}
	for _, r := range f.rollouts {
		r.each(func(rel *release) *release {
			add(rel.hosts())
			return rel
		})
	}
	if len(lists) == 1 {
		return lists[0]
	}
	hosts := slices.Concat(lists...)
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// readdress gives every release the addresses that names have now.
func (f *Fleet) readdress() {
	state := f.resolver.answers.Load().state
	for file, r := range f.rollouts {
		r.each(func(rel *release) *release {
			next, err := rel.readdressed(state)
			if err != nil {
				f.log.Error("assignments cannot be sent", "blueprint", file, "error", err)
			}
			return next
		})
	}
	f.push()
}
