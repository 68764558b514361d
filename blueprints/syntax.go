package blueprints

import (
	"errors"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax reports an error of the YAML parser, at the line where it shows; the
// column is where that line's text starts.
func (d *decoder) syntax(content []byte, err error) {
	lines := strings.SplitAfter(string(content), "\n")
	for i, l := range lines {
		if tab := strings.TrimLeft(l, " "); strings.HasPrefix(tab, "\t") && strings.TrimSpace(tab) != "" && !strings.HasPrefix(strings.TrimSpace(tab), "#") {
			d.fail(at{line: i + 1, column: len(l) - len(tab) + 1}, "a tab cannot indent YAML: use spaces")
			return
		}
	}
	line := brokenLine(content, lines, err)
	text := lines[line-1]
	d.fail(at{line: line, column: len(text) - len(strings.TrimLeft(text, " ")) + 1}, "is not YAML: ", strings.TrimPrefix(err.Error(), yamlLine.FindString(err.Error())))
}

// maxSearched bounds the content in which a broken line is searched for: each step
// parses what is before it.
const maxSearched = 1 << 20

// brokenLine is the first line with which the content has that error. yaml.v3 gives
// the line before the one on which the list or mapping around the error begins,
// which may be far from it.
func brokenLine(content []byte, lines []string, err error) int {
	if len(content) > maxSearched {
		n, _ := strconv.Atoi(yamlLine.FindStringSubmatch(err.Error())[1])
		return min(max(n, 1), len(lines))
	}
	want := sameness(err)
	n := sort.Search(len(lines)-1, func(n int) bool {
		return sameness(parseAll(strings.Join(lines[:n+1], ""))) == want
	})
	for n > 0 && strings.TrimSpace(lines[n]) == "" {
		n--
	}
	return n + 1
}

// sameness is an error's text; where a quote or a bracket has no end, the line
// counts for nothing, since that is always the last.
func sameness(err error) string {
	if err == nil {
		return ""
	}
	s := err.Error()
	if strings.HasSuffix(s, "end of stream") {
		return strings.TrimPrefix(s, yamlLine.FindString(s))
	}
	return s
}

// parseAll is the first error of the documents in a text, or nil.
func parseAll(text string) error {
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		switch _, err := decodeNode(dec); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
