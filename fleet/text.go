package fleet

import (
	"context"

	"backworks/blueprints"
	"backworks/xds"
)

// Written is a version of a blueprint as it was written.
type Written struct {
	Version string
	// Files are its main file and those it includes, by path, as they stood: with
	// references to secrets and never their values. They must not be changed.
	Files blueprints.FileSet
	// Resources are what it became, but for addresses; none of a version that is
	// neither served nor on its way.
	Resources []xds.Listed
}

// Text is what a version of a blueprint was written in. The blueprint goes by names as
// in Rollback; "" is the version that was loaded last.
func (f *Fleet) Text(ctx context.Context, blueprint, version string) (Written, error) {
	w := Written{Version: version}
	var file string
	var err error
	asked := f.ask(ctx, func(context.Context) {
		r, failed := f.find(blueprint)
		if err = failed; err != nil {
			return
		}
		file = r.file
		if w.Version == "" {
			w.Version = r.newest.version()
		}
		for _, rel := range []*release{r.newest, r.next, r.good} {
			if rel != nil && rel.version() == w.Version {
				w.Files, w.Resources = rel.files, rel.xds.Snapshot.List()
			}
		}
	})
	if asked != nil || err != nil || w.Files != nil {
		return w, firstOf(asked, err)
	}
	w.Files, err = f.archive.filesOf(file, w.Version)
	return w, err
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
