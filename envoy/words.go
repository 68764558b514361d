package envoy

import (
	"regexp"
	"strings"
)

var (
	// logRecord is a line in Envoy's default format:
	// [time][thread][level][component] [file:line] text
	logRecord = regexp.MustCompile(`^\[[^\]]*\](?:\[\d+\])?\[(trace|debug|info|warning|error|critical)\]\[([^\]]*)\] (?:\[[^\]]*\] )?(.*)$`)
	// What Envoy wraps around the reason why a configuration was refused.
	refusals = []*regexp.Regexp{
		regexp.MustCompile("(?s)^error `(.*)` initializing config .*$"),
		regexp.MustCompile(`(?s)^error initializing configuration '[^']*': (.*)$`),
	}
)

// reason picks the words that tell why Envoy gave up out of what it printed: its
// faults, or else the last lines.
func reason(output string) string {
	words, rest := faults(output)
	if len(words) == 0 {
		words = rest
	}
	return lastWords(words)
}

func lastWords(words []string) string {
	const most = 5
	return strings.Join(words[max(0, len(words)-most):], "; ")
}

// faults parts the errors of Envoy's log, and what it says of its arguments, from
// the rest; none of them twice.
func faults(output string) (words, rest []string) {
	output, _, _ = strings.Cut(output, "Brief USAGE") // 40 lines of flags
	seen := map[string]bool{}
	for _, line := range logLines(output) {
		text := strings.TrimSpace(line.text)
		if text == "" {
			continue
		}
		for _, r := range refusals {
			text = r.ReplaceAllString(text, "$1")
		}
		if line.level != "error" && line.level != "critical" && !strings.HasPrefix(text, "PARSE ERROR") {
			rest = append(rest, text)
			continue
		}
		if !seen[text] {
			words = append(words, text)
		}
		seen[text] = true
	}
	return words, rest
}

// logLine is one message of Envoy's log, which may have several lines.
type logLine struct {
	level, component, text string // level "" for what is in no log format
}

func logLines(output string) []logLine {
	var all []logLine
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if match := logRecord.FindStringSubmatch(line); match != nil {
			all = append(all, logLine{match[1], match[2], match[3]})
			continue
		}
		if n := len(all); n > 0 {
			all[n-1].text += " " + strings.TrimSpace(line)
			continue
		}
		all = append(all, logLine{text: line})
	}
	return all
}
