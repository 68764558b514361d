package fleet

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"backworks/translate"
)

// checked takes what came of a check of a version, and may be called by anyone.
func (f *Fleet) checked(file, version string, err error) {
	// It only fails when the pipeline has ended, and then nobody wants to know.
	_ = f.ask(context.Background(), func(context.Context) {
		if r := f.rollouts[file]; r != nil {
			r.checked(version, err, time.Now())
			f.advance(time.Now(), true)
		}
	})
}

// Retry has the version that was loaded last brought to the nodes though it was
// refused, or rolled back by hand. The blueprint goes by the path of its main file, or
// the end of it, or its name.
func (f *Fleet) Retry(ctx context.Context, blueprint string) error {
	return f.byHand(ctx, blueprint, func(r *rollout) error { return r.retry(time.Now()) })
}

// Rollback gives the nodes of a blueprint a version of before, at once; "" is the one
// that was accepted before the present one. The present one is not tried again until a
// file changes, or Retry.
func (f *Fleet) Rollback(ctx context.Context, blueprint, version string) error {
	return f.byHand(ctx, blueprint, func(r *rollout) error {
		if version == "" {
			version = f.earlier(r)
		}
		switch {
		case version == "":
			return fmt.Errorf("roll back %s: no version before the present one was accepted", r.file)
		case version == r.base().version():
			return fmt.Errorf("roll back %s: version %s is served", r.file, version)
		}
		rel, err := f.restore(r.file, version)
		if err != nil {
			return err
		}
		hosts := slices.Concat(f.hosts(f.Groups.set.Load(), nil), translate.Hosts(rel.bp))
		slices.Sort(hosts)
		f.resolver.want(ctx, slices.Compact(hosts))
		if rel, err = rel.finish(f.resolver.answers.Load().state); err != nil {
			return err
		}
		r.revert(rel, time.Now())
		return nil
	})
}

// earlier is the version that was accepted before the one that is served; "" when none
// was.
func (f *Fleet) earlier(r *rollout) string {
	for _, v := range f.archive.versions(r.file) {
		if v.Stage == Accepted && v.Version != r.base().version() {
			return v.Version
		}
	}
	return ""
}

// byHand does something with the rollout of a blueprint.
func (f *Fleet) byHand(ctx context.Context, blueprint string, what func(*rollout) error) (err error) {
	asked := f.ask(ctx, func(context.Context) {
		var r *rollout
		if r, err = f.find(blueprint); err != nil {
			return
		}
		if err = what(r); err == nil {
			f.advance(time.Now(), true)
		}
	})
	if asked != nil {
		return asked
	}
	return err
}

// find is the one rollout that a blueprint's path, the end of it, or its name means.
func (f *Fleet) find(blueprint string) (*rollout, error) {
	var found []*rollout
	for file, r := range f.rollouts {
		if file == blueprint {
			return r, nil
		}
		if blueprint == "" || r.newest.bp.Name == blueprint || hasPathSuffix(file, blueprint) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("find blueprint %q: %d of them are served, name the file of one", blueprint, len(found))
	}
	return nil, fmt.Errorf("find blueprint %q: it is not served", blueprint)
}

func hasPathSuffix(file, end string) bool {
	end = filepath.Clean(end)
	return len(file) > len(end) && file[len(file)-len(end):] == end && file[len(file)-len(end)-1] == filepath.Separator
}

// History is what became of the versions of a blueprint, the newest first, by main
// file. "" is every blueprint.
func (f *Fleet) History(blueprint string) map[string][]Version {
	out := map[string][]Version{}
	for _, b := range f.shown.Load().blueprints {
		if blueprint == "" || b.File == blueprint || b.Name == blueprint || hasPathSuffix(b.File, blueprint) {
			out[b.File] = slices.Clip(f.archive.versions(b.File))
		}
	}
	return out
}
