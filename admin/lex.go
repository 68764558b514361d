package admin

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// sample is a line of the text format, in its pieces.
type sample struct {
	name     []byte
	labels   []byte // between the braces
	labelled int    // length of labels with braces
	rest     []byte // a blank, the value, and a time if there is one
	value    float64
	le       []byte // value of that label; nil without
	quantile []byte
	clash    bool // there is a label "node"
}

// lex takes a line to pieces, as the text format's grammar has it; false: it is no
// sample, or one that has blanks where Envoy writes none.
func lex(line []byte) (sample, bool) {
	var s sample
	n := nameLength(line, true)
	if n == 0 {
		return s, false
	}
	s.name = line[:n]
	rest := line[n:]
	if len(rest) > 0 && rest[0] == '{' {
		end, ok := s.lexLabels(rest[1:])
		if !ok {
			return s, false
		}
		s.labels, s.labelled = rest[1:1+end], end+2
		rest = rest[end+2:]
	}
	s.rest = rest
	if len(rest) == 0 || rest[0] != ' ' {
		return s, false
	}
	value, time, timed := bytes.Cut(rest[1:], []byte(" "))
	var ok bool
	if s.value, ok = number(value); !ok {
		return s, false
	}
	if timed {
		_, err := strconv.ParseInt(string(time), 10, 64)
		return s, err == nil
	}
	return s, true
}

// maxLabels is far above what a series of Envoy's has; each is compared with those
// before it.
const maxLabels = 64

// lexLabels reads up to the closing brace, and gives where that is.
func (s *sample) lexLabels(text []byte) (end int, ok bool) {
	at := 0
	for n := 0; at < len(text) && text[at] != '}'; n++ {
		if n == maxLabels {
			return 0, false
		}
		if at > 0 {
			if text[at] != ',' {
				return 0, false
			}
			at++
		}
		begin := at
		at += nameLength(text[at:], false)
		name := text[begin:at]
		if len(name) == 0 || string(name) == "__name__" || !bytes.HasPrefix(text[at:], []byte(`="`)) || s.repeats(text[:begin], name) {
			return 0, false
		}
		value, ok := quoted(text[at+2:])
		if !ok {
			return 0, false
		}
		at += len(value) + 3
		switch string(name) {
		case "le":
			s.le = value
		case "quantile":
			s.quantile = value
		case "node":
			s.clash = true
		}
	}
	return at, at < len(text)
}

// repeats tells whether a label of that name is among those before it.
func (s *sample) repeats(before, name []byte) bool {
	for at := 0; at < len(before); {
		n := nameLength(before[at:], false)
		value, ok := quoted(before[at+n+2:])
		if !ok || bytes.Equal(before[at:at+n], name) {
			return true
		}
		at += n + 3 + len(value) + 1
	}
	return false
}

// appendLabels appends the labels; one that is called as ours gets a prefix, as
// Prometheus does when a scraped label is called as one of its own.
func (s *sample) appendLabels(to []byte) []byte {
	if !s.clash {
		return append(to, s.labels...)
	}
	prefix := "exported_"
	for at := 0; at < len(s.labels); {
		n := nameLength(s.labels[at:], false)
		if string(s.labels[at:at+n]) == prefix+"node" {
			prefix += "exported_"
			at = 0
			continue
		}
		value, _ := quoted(s.labels[at+n+2:])
		at += n + 3 + len(value) + 1
	}
	for at := 0; at < len(s.labels); {
		n := nameLength(s.labels[at:], false)
		if string(s.labels[at:at+n]) == "node" {
			to = append(to, prefix...)
		}
		value, _ := quoted(s.labels[at+n+2:])
		end := min(at+n+3+len(value)+1, len(s.labels))
		to = append(to, s.labels[at:end]...)
		at = end
	}
	return to
}

// fits tells whether the sample says what one of the family must.
func (s *sample) fits(f *section) bool {
	if !f.has(s.name) {
		return false
	}
	part := string(s.name[len(f.name):])
	switch f.kind {
	case histogram:
		_, bound := number(s.le)
		return bound == (part == "_bucket") && (s.le != nil) == bound && (part == "_sum" || s.value >= 0)
	case summary:
		_, at := number(s.quantile)
		return at == (part == "") && (s.quantile != nil) == at && (part != "_count" || s.value >= 0)
	}
	return true
}

// nameLength is how much of the text's beginning is a name of a metric, or of a
// label, which has no colons.
func nameLength(text []byte, metric bool) int {
	for i, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == ':' && metric, c >= '0' && c <= '9' && i > 0:
		default:
			return i
		}
	}
	return len(text)
}

// quoted gives what stands before the closing quote, escaped as it is.
func quoted(text []byte) ([]byte, bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return text[:i], utf8.Valid(text[:i])
		case '\\':
			i++
			if i == len(text) || text[i] != '\\' && text[i] != 'n' && text[i] != '"' {
				return nil, false
			}
		}
	}
	return nil, false
}

// number reads a value. Go's hexadecimal floats and underscores are none.
func number(text []byte) (float64, bool) {
	if len(text) == 0 || bytes.ContainsAny(text, "pP_xX") {
		return 0, false
	}
	value, err := strconv.ParseFloat(string(text), 64)
	return value, err == nil
}
