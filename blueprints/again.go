package blueprints

import (
	"maps"
	"slices"
)

// basis is what a Load came to that found no error. The next one, when only contents
// of files have changed and these change no name that others use, needs to look at the
// changed ones alone: whatever was checked between files holds.
type basis struct {
	outcomes []*outcome
	lists    []listing
	result   *Result
}

// basis is what to begin the next Load with; nil: from scratch.
func (r *run) basis(outcomes []*outcome, result *Result) *basis {
	if r.unsure || result.Problems.Err() != nil {
		return nil
	}
	for _, o := range outcomes {
		if o.blueprint == nil || o.blueprint.Degraded || o.attempt == nil || !o.attempt.partsOnly() || o.attempt.listed() == 0 {
			return nil
		}
	}
	for _, s := range r.files {
		if s.err != nil {
			return nil
		}
	}
	return &basis{outcomes, r.lists, result}
}

// partsOnly says that everything found is of one file by itself.
func (a *attempt) partsOnly() bool {
	n := 0
	for _, p := range a.parts {
		n += len(p.problems)
	}
	return n == len(a.found)
}

// again is Load from where the last one ended; nil: it must begin from scratch. When it
// is known which files alone may have changed, nothing else is looked at.
func (l *Loader) again(files []string, known bool) *Result {
	last := l.basis
	if last == nil {
		return nil
	}
	l.basis = nil // until it has gone well
	if known = known && !slices.ContainsFunc(files, func(f string) bool { return l.files[f].stamp.info == nil }); !known {
		files = slices.Collect(maps.Keys(l.files))
	}
	for i, list := range last.lists {
		if known {
			break
		}
		now, same := list.again()
		if !same {
			return nil
		}
		last.lists[i] = now
	}
	changed, ok := l.changed(files)
	if !ok {
		return nil
	}
	next := &basis{lists: last.lists}
	for _, o := range last.outcomes {
		if o = l.resettle(o, changed); o == nil {
			return nil
		}
		next.outcomes = append(next.outcomes, o)
	}
	res := l.result(next.outcomes)
	res.Problems, res.Watch = res.Problems.unique(), last.result.Watch
	next.result, l.basis = res, next
	return res
}

// changed are those of files with another content; false: one is not there any more.
func (l *Loader) changed(files []string) (map[string]source, bool) {
	changed := map[string]source{}
	for _, path := range files {
		before := l.files[path]
		now := readAgain(path, before)
		if now.err != nil {
			return nil, false
		}
		if now.hash != before.hash {
			changed[path] = now
		}
		if now.stamp != before.stamp {
			l.files[path] = now
		}
	}
	return changed, true
}

// resettle is what a blueprint comes to when these files have other contents; nil:
// that takes more than a look at them.
func (l *Loader) resettle(o *outcome, changed map[string]source) *outcome {
	k, a := l.keep(o.main), *o.attempt
	if a.made = a.with(o.blueprint, changed); a.made == nil {
		return nil
	}
	next := &outcome{main: o.main, checks: map[string]Problems{}, attempt: &a}
	errs, bp := a.judge(k, next, true)
	if len(errs) > 0 {
		return nil
	}
	next.blueprint, next.good = bp, a.content
	return next
}

// with puts the parts of changed files in the place of those that they were, and
// returns what was bp; nil: they are not of the same shape.
func (a *attempt) with(bp *Blueprint, changed map[string]source) *Blueprint {
	b := *bp
	first := 0 // of the part's endpoints among all
	any := false
	for i, was := range a.parts {
		if !a.l.holds(was.deps) {
			return nil
		}
		s, is := changed[was.path]
		if is {
			if !any {
				any = true
				a.parts, a.content = slices.Clone(a.parts), maps.Clone(a.content)
				b.Pools, b.Endpoints = slices.Clone(b.Pools), slices.Clone(b.Endpoints)
			}
			now := a.l.part(was.path, s, i == 0)
			if !now.replaces(was) || !b.replace(was, now, first) {
				return nil
			}
			a.parts[i], a.content[was.path] = now, s.content
			delete(a.l.parts, partKey{was.path, was.hash, i == 0})
		}
		first += len(was.endpoints)
	}
	if !any {
		return bp
	}
	a.found = nil
	for _, p := range a.parts {
		for _, x := range p.problems {
			a.report(x, p.path)
		}
	}
	next := a.settings()
	next.Files, next.Pools, next.Endpoints = b.Files, b.Pools, b.Endpoints
	return next
}

// replaces says that what was checked with the part that the file was holds with p: it
// has the same names, includes and paths.
func (p *part) replaces(was *part) bool {
	return !p.broken && p.problems.Err() == nil && p.listed == was.listed &&
		len(p.deps.secrets)+len(was.deps.secrets)+len(p.deps.pems)+len(was.deps.pems) == 0 && // they are watched
		Alike(p.includes, was.includes) && Alike(p.settings.Nodes, was.settings.Nodes) &&
		maps.Equal(p.declared, was.declared) && Alike(p.references, was.references) &&
		slices.EqualFunc(p.pools, was.pools, sameName) && slices.EqualFunc(p.own, was.own, sameName) &&
		slices.EqualFunc(p.endpoints, was.endpoints, sameRoute)
}

func sameName(a, b *Pool) bool { return a.Name == b.Name && Alike(a.Fallback, b.Fallback) }

func sameRoute(a, b *Endpoint) bool {
	return a == b || a.Name == b.Name && slices.Equal(a.Methods, b.Methods) && Alike(a.Path, b.Path) &&
		(a.Proxy == nil) == (b.Proxy == nil) && (a.Proxy == nil || Alike(a.Proxy.refs(), b.Proxy.refs()))
}

// replace puts one part in the place of another in b, whose lists are its own; false:
// b has something under another name than the part.
func (b *Blueprint) replace(was, now *part, first int) bool {
	for i, e := range was.endpoints {
		if b.Endpoints[first+i] != e {
			return false
		}
		b.Endpoints[first+i] = now.endpoints[i]
	}
	pools := slices.Concat(now.pools, now.own)
	for i, p := range slices.Concat(was.pools, was.own) {
		at, found := slices.BinarySearchFunc(b.Pools, p.Name, poolByName)
		if !found || b.Pools[at] != p {
			return false
		}
		b.Pools[at] = pools[i]
	}
	return true
}
