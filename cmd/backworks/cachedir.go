package main

import (
	"errors"
	"io/fs"
	"os"

	"backworks/blueprints"
)

// withCacheDirs is a check of blueprints that also makes the directory of the plugin cache,
// which Envoy does not: without it nothing is kept, and nobody is told. It is for the
// Envoy beside us alone; those elsewhere have directories of their own.
func withCacheDirs(check func(*blueprints.Blueprint) blueprints.Problems) func(*blueprints.Blueprint) blueprints.Problems {
	return func(bp *blueprints.Blueprint) blueprints.Problems {
		problems := check(bp)
		c := bp.Policies.Cache
		if c == nil || c.Directory == "" || problems.Err() != nil {
			return problems
		}
		if err := os.MkdirAll(c.Directory, 0o700); err != nil {
			var path *fs.PathError
			if errors.As(err, &path) {
				err = path.Err
			}
			problems = append(problems, blueprints.Problem{
				Position: c.Position, Path: "plugins.cache.config.directory", Severity: blueprints.Warning,
				Message: "the directory cannot be made (" + err.Error() + "): nothing is kept",
			})
		}
		return problems
	}
}
