package main

import (
	"fmt"
	"io"
	"strings"

	"backworks/blueprints"
)

// The values of GitHub's workflow commands end at these characters, so that they are
// written as the runner's toolkit does.
var (
	githubText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// writeGitHub prints workflow commands, which become annotations at the lines of a
// pull request.
func writeGitHub(w io.Writer, _ int, problems blueprints.Problems) error {
	for _, p := range problems {
		where := "file=" + githubProperty.Replace(p.File)
		if p.Line > 0 {
			where += fmt.Sprintf(",line=%d,col=%d", p.Line, p.Column)
		}
		message := p.Message
		if p.Path != "" {
			message = p.Path + ": " + message
		}
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", severity(p), where, githubText.Replace(message)); err != nil {
			return err
		}
	}
	return nil
}
