package blueprints

import (
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// period is a duration that may also be a unit alone, or a number of days.
type period struct{ duration }

var periods = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "1d": 24 * time.Hour,
}

// periodPattern is what they are matched by.
const periodPattern = "^([sS]|[sS][eE][cC][oO][nN][dD]|[mM]|[mM][iI][nN][uU][tT][eE]|[hH]|[hH][oO][uU][rR]|1?[dD]|[dD][aA][yY])$"

func (t *period) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		if text, ok := d.text(n, p, wantDuration); ok {
			if v, known := periods[strings.ToLower(text)]; known {
				t.set(d, place(n, p), f, v.Seconds(), n.Value)
				return
			}
		}
	}
	t.duration.decode(d, n, p, f)
}

func (t *period) schema(s *schema, f *field) object {
	return anyOf(t.duration.schema(s, f), object{"type": "string", "pattern": periodPattern})
}

func (*period) kind(f *field) string { return "duration, or second, minute, hour, day" + f.limits() }
