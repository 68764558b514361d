package blueprints

import (
	"math"
	"strings"

	"gopkg.in/yaml.v3"
)

// size is a number of bytes: a whole number, or a string such as "10MB" or "512KiB".
type size struct {
	at
	v   int64
	src string
}

// units of sizes in lower case. A letter alone is binary, as nginx has it.
var units = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30},
	{"b", 1},
}

// sizePattern is what parseSize takes of strings.
const sizePattern = `^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+) ?([kKmMgG][iI]?[bB]|[kKmMgGbB])$`

const (
	wantSize = `a size: bytes as a whole number, or a string such as "10MB" or "512KiB"`
	// maxSize is what a JSON number holds exactly.
	maxSize = 1 << 53
)

func (s *size) decode(d *decoder, n *yaml.Node, p *step, f *field) {
	text, ok := d.text(n, p, wantSize)
	if !ok {
		return
	}
	a := place(n, p)
	var bytes float64
	if v, whole := parseInt(text); whole && plain(n, "!!int", "!!float") {
		bytes = float64(v)
	} else if bytes, ok = parseSize(text); !ok || n.Tag != "!!str" {
		d.fail(a, "must be ", wantSize, ", got ", written(n), unquoted(n, whole))
		return
	}
	switch {
	case bytes < 0:
		d.fail(a, "must not be negative, got ", written(n))
	case bytes >= maxSize:
		d.fail(a, "must be below 8 PiB, got ", written(n))
	default:
		*s = size{at: a, v: int64(math.Round(bytes)), src: n.Value}
	}
}

func parseSize(s string) (float64, bool) {
	s = strings.ToLower(s)
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			number = strings.TrimSuffix(number, " ")
			if strings.Trim(number, "0123456789.+") != "" {
				return 0, false
			}
			v, ok := parseFloat(number)
			return v * u.bytes, ok
		}
	}
	return 0, false
}

func (*size) schema(*schema, *field) object {
	return anyOf(object{"type": "integer", "minimum": 0, "exclusiveMaximum": maxSize}, object{"type": "string", "pattern": sizePattern}, environment())
}
func (*size) kind(*field) string { return "size: bytes, or a string such as `10MB`" }
func (*size) inside() []inner    { return nil }
