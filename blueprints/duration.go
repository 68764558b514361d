package blueprints

import (
	"math"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// duration is a time span: seconds as a number, a string such as "500ms" or
// "1m30s", or a mapping {secs, nanos}.
type duration struct {
	at
	v   time.Duration
	src string
}

func (t duration) or(x time.Duration) time.Duration { return choose(t.given(), t.v, x) }

// maxSeconds bounds every duration: a year is more than any proxy waits, and far
// from where Go's and Envoy's durations overflow.
const maxSeconds = 365 * 24 * 3600

const wantDuration = `a duration: seconds as a number, or a string such as "30s" or "500ms"`

type secsNanos struct {
	at
	Secs  integer `yaml:"secs" doc:"Whole seconds." default:"0" min:"0" max:"31536000"`
	Nanos integer `yaml:"nanos" doc:"Billionths of a second on top." default:"0" min:"0" max:"999999999"`
}

func (t *duration) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	if n.Kind == yaml.MappingNode {
		t.parts(d, n, p, f)
		return
	}
	text, ok := d.text(n, p, wantDuration)
	if !ok {
		return
	}
	if seconds, ok := parseFloat(text); ok && plain(n, "!!int", "!!float") {
		t.set(d, place(n, p), f, seconds, n.Value)
		return
	}
	v, err := time.ParseDuration(text)
	if err != nil || n.Tag != "!!str" {
		fix := ""
		if _, number := parseFloat(text); number {
			fix = ": write it without quotes for seconds"
		}
		d.fail(place(n, p), "must be ", wantDuration, ", got ", written(n), fix)
		return
	}
	t.set(d, place(n, p), f, v.Seconds(), n.Value)
	t.v = v
}

func (t *duration) parts(d *decoder, n *yaml.Node, p *step, f *field) {
	var parts secsNanos
	before := len(d.problems)
	d.value(reflectOf(&parts), n, p, nil)
	if len(d.problems) > before {
		return
	}
	if !parts.Secs.given() && !parts.Nanos.given() {
		d.fail(place(n, p), "needs the key \"secs\" or \"nanos\"")
		return
	}
	seconds := float64(parts.Secs.v) + float64(parts.Nanos.v)/1e9
	t.set(d, place(n, p), f, seconds, strconv.FormatFloat(seconds, 'g', -1, 64)+"s")
}

func (t *duration) set(d *decoder, a at, f *field, seconds float64, src string) {
	m := f.outside(seconds, " seconds")
	switch {
	case m != "":
	case seconds < 0:
		m = "must not be negative"
	case seconds > maxSeconds:
		m = "must be at most a year"
	}
	if m != "" {
		d.fail(a, m, ", got ", src)
		seconds = 0
	}
	*t = duration{at: a, v: time.Duration(math.Round(seconds * 1e9)), src: src}
}
