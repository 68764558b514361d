package blueprints

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Position is a place in a file, as people are shown it.
type Position struct {
	// File is relative to the working directory when it is below it.
	File string
	// Line and Column start at 1; 0 means the file as a whole.
	Line, Column int
}

// String is "main.yaml:12:7", or "main.yaml" for the file as a whole.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Severity says whether a Problem stands against using a blueprint.
type Severity int

// An Error makes a version unusable, a Warning does not.
const (
	Error Severity = iota
	Warning
)

// Problem is one thing wrong with a blueprint.
type Problem struct {
	Position
	// Path leads to the value, as in "plugins.proxy.config.targets[2].weight".
	Path     string
	Message  string
	Severity Severity
}

// Error makes a Problem an error; it is String.
func (p Problem) Error() string { return p.String() }

// String is "main.yaml:12:7: targets[2].weight: must be above 0, got -1".
func (p Problem) String() string {
	s := p.Position.String() + ": "
	if p.Path != "" {
		s += p.Path + ": "
	}
	if p.Severity == Warning {
		s += "warning: "
	}
	return s + p.Message
}

// Problems are all that is wrong with a Set.
type Problems []Problem

// Sort orders by file, line, column, path and message.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
}

// Errors are those that make a version unusable.
func (ps Problems) Errors() Problems { return ps.of(Error) }

// Warnings are those that do not.
func (ps Problems) Warnings() Problems { return ps.of(Warning) }

func (ps Problems) of(s Severity) Problems {
	var out Problems
	for _, p := range ps {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// Err is nil when there is no error among ps, else an error that unwraps to each.
func (ps Problems) Err() error {
	var errs []error
	for _, p := range ps.Errors() {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}
