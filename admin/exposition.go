package admin

import (
	"bytes"
	"hash/maphash"
	"strings"
)

// kind is a family's type in the text format. The zero value claims nothing.
type kind uint8

const (
	untyped kind = iota
	counter
	gauge
	histogram
	summary
)

var kindNames = [...]string{"untyped", "counter", "gauge", "histogram", "summary"}

func (k kind) String() string { return kindNames[k] }

// parts are the endings of the names under which a family of the kind has samples.
func (k kind) parts() []string {
	switch k {
	case histogram:
		return []string{"_bucket", "_sum", "_count"}
	case summary:
		return []string{"", "_sum", "_count"}
	}
	return []string{""}
}

// compound tells whether several samples make one value.
func (k kind) compound() bool { return k == histogram || k == summary }

// section is a family of one Envoy: where its lines are in the exposition's text.
type section struct {
	name    string
	kind    kind
	runs    []run
	samples int
}

type run struct{ begin, end int }

// has tells whether a sample of that name is one of the section's.
func (s *section) has(name []byte) bool {
	for _, part := range s.kind.parts() {
		if len(name) == len(s.name)+len(part) && string(name[:len(s.name)]) == s.name && string(name[len(s.name):]) == part {
			return true
		}
	}
	return false
}

// exposition is what one Envoy says of itself, every series labelled with its node.
// Lines are kept as they are, numbers digit for digit; nothing is decoded that is
// not needed to be sure that the whole can be parsed.
type exposition struct {
	text     []byte
	sections map[string]*section
	// leftOut counts lines that no parser would take, and series said twice.
	leftOut int

	label   string // node="…"
	current *section
	seed    maphash.Seed
	seen    map[uint64]struct{} // series
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// parse reads Prometheus' text format 0.0.4 as Envoy writes it: TYPE lines and
// samples, without HELP, without blanks among labels. Lines of another form are
// left out and counted.
func parse(node string, text []byte) *exposition {
	x := &exposition{
		sections: map[string]*section{},
		label:    `node="` + labelEscapes.Replace(strings.ToValidUTF8(node, "\uFFFD")) + `"`,
		seed:     maphash.MakeSeed(),
		seen:     map[uint64]struct{}{},
	}
	x.text = make([]byte, 0, len(text)+bytes.Count(text, []byte("\n"))*(len(x.label)+1))
	for line := range bytes.Lines(text) {
		whole := bytes.HasSuffix(line, []byte("\n"))
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
		case line[0] == '#':
			x.comment(line)
		case !whole || !x.sample(line): // a last line without its end may lack digits
			x.leftOut++
		}
	}
	return x
}

// comment takes a TYPE line. The first type of a family stays, but for plain ones
// that disagree.
func (x *exposition) comment(line []byte) {
	fields := bytes.Fields(line)
	if len(fields) != 4 || string(fields[0]) != "#" || string(fields[1]) != "TYPE" || nameLength(fields[2], true) != len(fields[2]) {
		return
	}
	k := untyped
	for i, name := range kindNames {
		if string(fields[3]) == name {
			k = kind(i)
		}
	}
	x.current = x.section(string(fields[2]), k)
	if x.current.samples == 0 {
		x.current.kind = k
	} else if both, ok := agree(x.current.kind, k); ok {
		x.current.kind = both
	}
}

func (x *exposition) section(name string, k kind) *section {
	s := x.sections[name]
	if s == nil {
		s = &section{name: name, kind: k}
		x.sections[name] = s
	}
	return s
}

// agree gives a type that samples of two have in common.
func agree(a, b kind) (kind, bool) {
	if a == b {
		return a, true
	}
	return untyped, !a.compound() && !b.compound()
}

// sample takes a sample line, labelled; false: it cannot be one.
func (x *exposition) sample(line []byte) bool {
	s, ok := lex(line)
	if !ok {
		return false
	}
	if x.current == nil || !x.current.has(s.name) {
		x.current = x.owner(s.name)
	}
	if !s.fits(x.current) {
		return false
	}
	key := maphash.Bytes(x.seed, line[:len(s.name)+s.labelled])
	if _, twice := x.seen[key]; twice {
		return false
	}
	x.seen[key] = struct{}{}
	x.current.extend(len(x.text))
	x.text = append(append(append(x.text, s.name...), '{'), x.label...)
	if len(s.labels) > 0 {
		x.text = append(x.text, ',')
		x.text = s.appendLabels(x.text)
	}
	x.text = append(append(append(x.text, '}'), s.rest...), '\n')
	x.current.runs[len(x.current.runs)-1].end = len(x.text)
	x.current.samples++
	return true
}

// owner finds the family of a sample that is not of the current one.
func (x *exposition) owner(name []byte) *section {
	if s := x.sections[string(name)]; s != nil {
		return s
	}
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		base, ok := bytes.CutSuffix(name, []byte(part))
		if s := x.sections[string(base)]; ok && s != nil && s.has(name) {
			return s
		}
	}
	return x.section(string(name), untyped)
}

// extend makes the line that begins there one of the section's.
func (s *section) extend(begin int) {
	if n := len(s.runs); n == 0 || s.runs[n-1].end != begin {
		s.runs = append(s.runs, run{begin, begin})
	}
}
