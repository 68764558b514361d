package blueprints

import (
	"bytes"
	"maps"
	"slices"
)

// outcome is what one blueprint's files come to.
type outcome struct {
	main      string
	blueprint *Blueprint // nil: nothing to serve
	good      FileSet
	problems  Problems
	checks    map[string]Problems
	attempt   *attempt // that blueprint is of; nil when it is of another Load
}

// settle puts a blueprint together. Where its files are bad, those that changed
// among the ones named in a problem go back to their last good content, and the
// check repeats until the whole is clean. Each round takes at least one file back.
func (l *Loader) settle(main string) *outcome {
	k := l.keep(main)
	o := &outcome{main: main, checks: map[string]Problems{}}
	v := view{good: k.good, back: map[string]bool{}, gone: map[string]bool{}}
	for first := true; ; first = false {
		a := l.attempt(main, v)
		errs, bp := a.judge(k, o, first)
		if len(errs) == 0 {
			o.blueprint, o.good, o.attempt = bp, a.content, a
			return o
		}
		if k.good == nil || !a.takeBack(errs) {
			o.giveUp(k)
			return o
		}
		v = a.view
	}
}

// Build makes a blueprint of files that were kept, by absolute path, whatever is on
// disk now; secrets and the environment are read as they are now. Its problems are
// those of the files, and of Options.Check. It may be called after the first Load, by
// the caller of Load.
func (l *Loader) Build(main string, files FileSet) (*Blueprint, Problems) {
	o := &outcome{main: main, checks: map[string]Problems{}}
	errs, bp := l.attempt(main, view{good: files, closed: true}).judge(&kept{}, o, true)
	o.problems.Sort()
	if len(errs) > 0 {
		return nil, o.problems
	}
	return bp, o.problems
}

// judge adds the attempt's problems to o and returns its errors, or the
// blueprint when there are none.
func (a *attempt) judge(k *kept, o *outcome, first bool) (errs []found, bp *Blueprint) {
	note := func(f found) {
		if f.Severity == Error {
			errs = append(errs, f)
		}
		if f.Severity == Error || first || !a.view.back[f.files[0]] {
			o.problems = append(o.problems, f.Problem)
		}
	}
	for _, f := range a.found {
		note(f)
	}
	if len(errs) > 0 {
		return errs, nil
	}
	bp = a.blueprint()
	same := k.served != nil && k.served.Version == bp.Version
	if same && k.served.Degraded == bp.Degraded {
		bp = k.served
	}
	problems, known := k.checks[bp.Version]
	if !known && a.l.options.Check != nil {
		problems = a.l.options.Check(bp)
	}
	o.checks[bp.Version] = problems
	for _, p := range problems {
		file := a.main
		if i := slices.IndexFunc(a.parts, func(x *part) bool { return x.shown == p.File }); i >= 0 {
			file = a.parts[i].path
		}
		if p.Path == "" && p.Line > 0 {
			p.Path = locate(a.content[file], p.Line, p.Column).String()
		}
		note(found{p, []string{file}})
	}
	return errs, bp
}

// takeBack takes the changed files that errs name back to their last good
// content, or all changed ones when none is named. It is false when no file is
// left to take back.
func (a *attempt) takeBack(errs []found) bool {
	v := view{good: a.view.good, back: maps.Clone(a.view.back), gone: maps.Clone(a.view.gone)}
	back := func(path string) bool {
		good, had := v.good[path]
		switch {
		case v.back[path] || v.gone[path]:
			return false
		case had && bytes.Equal(good, a.l.read(path).content) && a.l.read(path).err == nil:
			return false
		case had:
			v.back[path] = true
		case path == a.main:
			return false
		default:
			v.gone[path] = true
		}
		return true
	}
	some := false
	for _, e := range errs {
		for _, path := range e.files {
			some = back(path) || some
		}
	}
	if v.back[a.main] && a.l.read(a.main).err != nil { // with its folder, maybe: an unmount is no edit
		for path := range v.good {
			some = a.l.read(path).err != nil && back(path) || some
		}
	}
	if !some {
		for _, path := range slices.Concat(slices.Collect(maps.Keys(a.content)), slices.Collect(maps.Keys(v.good))) {
			some = back(path) || some
		}
	}
	a.view = v
	return some
}

// giveUp leaves what was served before, if anything was: even the last good
// contents do not hold any more, for want of an environment variable, say.
func (o *outcome) giveUp(k *kept) {
	o.good = k.good
	if k.served == nil {
		return
	}
	o.blueprint = k.served
	o.checks = k.checks
	if !k.served.Degraded {
		b := *k.served
		b.Degraded = true
		o.blueprint = &b
	}
}
