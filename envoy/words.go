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

// reason picks the words that tell why Envoy gave up out of what it printed: the
// errors of its log, what it says of its arguments, or else the last lines.
func reason(output string) string {
	output, _, _ = strings.Cut(output, "Brief USAGE") // 40 lines of flags
	var words, rest []string
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
	if len(words) == 0 {
		words = rest
	}
	const most = 5
	return strings.Join(words[max(0, len(words)-most):], "; ")
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
