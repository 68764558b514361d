package fleet

import (
	"context"
	"encoding/json"

	"backworks/blueprints"
	"backworks/xds"
)

// Written is a version of a blueprint as it was written.
type Written struct {
	Version string
	// Files are its main file and those it includes, by path, as they stood: with
	// references to secrets and never their values. They must not be changed.
	Files blueprints.FileSet
	// Resources are what it became; none of a version that is neither served nor on its
	// way.
	Resources []xds.Listed
}

// Text is what a version of a blueprint was written in. The blueprint goes by names as
// in Rollback; "" is the version that was loaded last.
func (f *Fleet) Text(ctx context.Context, blueprint, version string) (Written, error) {
	file, version, rel, err := f.versionOf(ctx, blueprint, version)
	w := Written{Version: version}
	switch {
	case err != nil:
	case rel != nil:
		w.Files, w.Resources = rel.files, rel.xds.List()
	default:
		w.Files, err = f.archive.filesOf(file, version)
	}
	return w, err
}

// Content is a resource that a version became, of a type and name as Text lists them, as
// JSON without secrets: of what secret files and the environment filled in, the reference
// is there. It is nil when there is none.
func (f *Fleet) Content(ctx context.Context, blueprint, version, label, name string) (json.RawMessage, error) {
	_, _, rel, err := f.versionOf(ctx, blueprint, version)
	if err != nil || rel == nil {
		return nil, err
	}
	return rel.xds.Content(label, name, rel.bp.Private())
}

// versionOf finds a version: its main file, its full name, and the release, nil when it is
// neither served nor on its way.
func (f *Fleet) versionOf(ctx context.Context, blueprint, version string) (file, full string, rel *release, err error) {
	full = version
	asked := f.ask(ctx, func(context.Context) {
		r, failed := f.find(blueprint)
		if err = failed; err != nil {
			return
		}
		file = r.file
		if full == "" {
			full = r.newest.version()
		}
		for _, x := range []*release{r.newest, r.next, r.good} {
			if x != nil && x.version() == full {
				rel = x
			}
		}
	})
	return file, full, rel, firstOf(asked, err)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Page says whether a blueprint that is served wants the page, or none says anything
// against it.
func (f *Fleet) Page() bool {
	set := f.view.Load().set
	if set == nil {
		return true
	}
	for _, bp := range set.Blueprints {
		if bp.Dashboard.Enabled {
			return true
		}
	}
	return len(set.Blueprints) == 0
}
