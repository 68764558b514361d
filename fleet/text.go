package fleet

import (
	"context"

	"backworks/blueprints"
)

// Text is what a version of a blueprint was written in, by path: its main file and those
// it includes, as they stood, with references to secrets and never their values. The
// blueprint goes by names as in Rollback; "" is the version that was loaded last. The
// version is in the answer. The files must not be changed.
func (f *Fleet) Text(ctx context.Context, blueprint, version string) (string, blueprints.FileSet, error) {
	var file string
	var files blueprints.FileSet
	var err error
	asked := f.ask(ctx, func(context.Context) {
		r, failed := f.find(blueprint)
		if err = failed; err != nil {
			return
		}
		file = r.file
		if version == "" {
			version = r.newest.version()
		}
		for _, rel := range []*release{r.newest, r.next, r.good} {
			if rel != nil && rel.version() == version {
				files = rel.files
			}
		}
	})
	if asked != nil || err != nil || files != nil {
		return version, files, firstOf(asked, err)
	}
	files, err = f.archive.filesOf(file, version)
	return version, files, err
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
