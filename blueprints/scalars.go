package blueprints

import (
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The scalars are values with their position and their text in the file. Messages
// print src: v may hold what came from the environment.
type (
	str struct {
		at
		v, src string
	}
	integer struct {
		at
		v   int
		src string
	}
	number struct {
		at
		v   float64
		src string
	}
	boolean struct {
		at
		v bool
	}
)

func (s str) or(x string) string      { return choose(s.given(), s.v, x) }
func (s integer) or(x int) int        { return choose(s.given(), s.v, x) }
func (s number) or(x float64) float64 { return choose(s.given(), s.v, x) }
func (s boolean) or(x bool) bool      { return choose(s.given(), s.v, x) }

func choose[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// text is the expanded text of a scalar node; ok is false after a problem.
func (d *decoder) text(n *yaml.Node, p *step, want string) (text string, ok bool) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.fail(place(n, p), "must be ", want, ", got ", kindOf(n))
		return "", false
	}
	if !strings.Contains(n.Value, "${") {
		return n.Value, true
	}
	return d.expand(n, p)
}

// plain says whether a scalar may be read as a number or a boolean: it is one, or
// it takes its value from the environment.
func plain(n *yaml.Node, tags ...string) bool {
	for _, t := range tags {
		if n.Tag == t {
			return true
		}
	}
	return strings.Contains(n.Value, "${")
}

func (s *str) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	v, ok := d.text(n, p, "a string")
	if !ok {
		return
	}
	*s = str{at: place(n, p), v: v, src: n.Value}
	if f != nil && f.enum != nil && !contains(f.enum, v) {
		d.fail(s.at, oneOf(f.enum, v, n.Value)...)
	}
}

// oneOf is the message for a word that is none of the allowed ones.
func oneOf(allowed []string, v, src string) []string {
	message := []string{"must be ", joinNames(allowed), ", got ", quote(src)}
	if s := suggest(v, allowed); s != "" && v == src {
		message = append(message, ": did you mean ", strconv.Quote(s), "?")
	}
	return message
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (s *integer) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	text, ok := d.text(n, p, "a whole number")
	if !ok {
		return
	}
	v, ok := parseInt(text)
	if !ok || !plain(n, "!!int", "!!float") {
		d.fail(place(n, p), "must be a whole number, got ", written(n), unquoted(n, ok))
		return
	}
	*s = integer{at: place(n, p), v: v, src: n.Value}
	if m := f.outside(float64(v), ""); m != "" {
		d.fail(s.at, m, ", got ", written(n))
	}
}

func (s *number) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	text, ok := d.text(n, p, "a number")
	if !ok {
		return
	}
	v, ok := parseFloat(text)
	if !ok || !plain(n, "!!int", "!!float") {
		d.fail(place(n, p), "must be a number, got ", written(n), unquoted(n, ok))
		return
	}
	*s = number{at: place(n, p), v: v, src: n.Value}
	if m := f.outside(v, ""); m != "" {
		d.fail(s.at, m, ", got ", written(n))
	}
}

func (s *boolean) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	text, ok := d.text(n, p, "true or false")
	if !ok {
		return
	}
	v, ok := parseBool(text)
	if !ok || !plain(n, "!!bool") {
		d.fail(place(n, p), "must be true or false, got ", written(n), unquoted(n, ok))
		return
	}
	*s = boolean{at: place(n, p), v: v}
}

// unquoted is the fix for a value that would be right without its quotes.
func unquoted(n *yaml.Node, right bool) string {
	if right && n.Tag == "!!str" && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		return ": write it without quotes"
	}
	return ""
}

// parseInt takes what YAML 1.2 and yaml.v3 take for a whole number, within what
// JSON can hold exactly.
func parseInt(s string) (int, bool) {
	if v, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 0, 64); err == nil {
		return int(v), v > -1<<53 && v < 1<<53
	}
	v, ok := parseFloat(s)
	return int(v), ok && v == math.Trunc(v) && math.Abs(v) < 1<<53
}

func parseFloat(s string) (float64, bool) {
	s = strings.ReplaceAll(s, "_", "")
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		i, err := strconv.ParseInt(s, 0, 64)
		return float64(i), err == nil
	}
	return v, !math.IsInf(v, 0) && !math.IsNaN(v)
}

func parseBool(s string) (v, ok bool) {
	switch s {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// unlessFilledIn is a value for a message; src, as it stands in the file, where it
// came from the environment.
func unlessFilledIn(src, value string) string { return choose(strings.Contains(src, "${"), src, value) }

func (s str) quote() string { return quote(s.src) }
