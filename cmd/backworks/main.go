// Command backworks puts YAML blueprints on Envoys.
//
// In come flags, files and signals; out go components that are connected and run
// together, text for people and an exit code: 0 good, 1 a problem, 2 wrong use.
// This is the only place where the packages meet. It never decides what a
// blueprint means, what an Envoy is sent, or what a page says.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"backworks/blueprints"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "unknown"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

const (
	exitGood    = 0
	exitProblem = 1
	exitUsage   = 2
)

// run is the whole program. It prints an error, if there is one, and gives the exit
// code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteC()
	var wrong usageError
	var bad badBlueprints
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errTold):
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "backworks: %v\nSee: %s --help\n", err, command.CommandPath())
		return exitUsage
	case errors.As(err, &bad):
		printProblems(stderr, bad.problems)
	default:
		fmt.Fprintf(stderr, "backworks: %v\n", err)
	}
	return exitProblem
}

// errTold is an error that was printed already.
var errTold = errors.New("there is a problem")

// usageError is a mistake in how the program was called.
type usageError struct{ error }

func wrongUse(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// badBlueprints are problems that stand against what was asked for. They are printed
// as they are, for editors and terminals make links of file:line:column.
type badBlueprints struct{ problems blueprints.Problems }

func (b badBlueprints) Error() string { return b.problems.Err().Error() }

func printProblems(w io.Writer, problems blueprints.Problems) {
	for _, p := range problems {
		fmt.Fprintln(w, p)
	}
}
