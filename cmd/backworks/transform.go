package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backworks/blueprints"
	"backworks/transform"
	"backworks/xds"
)

// maxMessage is what is read of a message: more than any body that is changed.
const maxMessage = 32 << 20

func transformCommand() *cobra.Command {
	var file, request, response string
	c := &cobra.Command{
		Use:   "transform --request FILE [flags]",
		Short: "Show what a blueprint makes of a request, and of a target's answer",
		Long: `Transform prints a request as a target would get it, and with --response the answer as the
client would. Nothing is sent: what an Envoy would do is done here, with the same script.

A file has a message as HTTP has it: the first line, headers, an empty line and the body.
- is standard input.`,
		Example: `  printf 'GET /api/users/7 HTTP/1.1\n\n' | backworks transform --request -
  backworks transform -c main.yaml --request ask.http --response answer.http`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if request == "" {
				return wrongUse("needs --request FILE, a request as HTTP has it, or - for standard input")
			}
			return tryTransform(file, request, response, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "", "blueprint `FILE|DIR`; by default as start has it")
	c.Flags().StringVar(&request, "request", "", "`FILE` with the request")
	c.Flags().StringVar(&response, "response", "", "`FILE` with a target's answer")
	return c
}

func tryTransform(file, request, response string, stdin io.Reader, stdout, stderr io.Writer) error {
	bp, err := oneBlueprint(file, stderr)
	if err != nil {
		return err
	}
	m, err := readMessage(request, stdin, transform.ParseRequest)
	if err != nil {
		return err
	}
	x, found, err := transform.NewExchange(bp, m, time.Now())
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("no endpoint of %s has %s %s", bp.Position.File, m.Get(":method"), m.Get(":path"))
	}
	defer x.Close()
	e := x.Found.Endpoint
	fmt.Fprintf(stderr, "backworks: the endpoint at %s\n", e.Position)
	switch {
	case x.Refusal != nil:
		_, err = fmt.Fprintln(stdout, x.Refusal)
		return err
	case x.Found.Pool == nil:
		return fmt.Errorf("the endpoint answers by itself, its handler is %s: no request goes to a target", e.Handler)
	}
	// What render does not print either.
	conceal := xds.NewConcealer(bp.HeaderSecrets())
	if _, err := fmt.Fprintln(stdout, conceal.Text(strings.TrimSuffix(m.String(), "\n"))); err != nil || response == "" {
		return err
	}
	if m, err = readMessage(response, stdin, transform.ParseResponse); err != nil {
		return err
	}
	if err := x.Answer(m); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\n%s\n", conceal.Text(strings.TrimSuffix(m.String(), "\n")))
	return err
}

// oneBlueprint loads the blueprint of a path, which must have one.
func oneBlueprint(path string, stderr io.Writer) (*blueprints.Blueprint, error) {
	path, err := findBlueprint(path)
	if err != nil {
		return nil, err
	}
	dir, err := stateDir("", path)
	if err != nil {
		return nil, err
	}
	result := blueprints.NewLoader(blueprints.Options{Path: path, Check: checkForFile, SelfSigned: selfSigned(dir)}).Load()
	if len(result.Problems.Errors()) > 0 {
		return nil, badBlueprints{result.Problems}
	}
	printProblems(stderr, result.Problems)
	if n := len(result.Set.Blueprints); n != 1 {
		return nil, fmt.Errorf("%q: it has %d blueprints, name the file of one", path, n)
	}
	return result.Set.Blueprints[0], nil
}

func readMessage(path string, stdin io.Reader, parse func([]byte) (*transform.Message, error)) (*transform.Message, error) {
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, maxMessage))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	m, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return m, nil
}
