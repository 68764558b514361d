package blueprints

import (
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// rolloutSpec is rollout.
type rolloutSpec struct {
	at
	Canary     integer      `yaml:"canary,canaries" default:"1" min:"0" max:"1000000" doc:"How many Envoys get a new version first; the others get it when these have acknowledged it. 0 gives it to all at once."`
	Steps      list[number] `yaml:"steps" single:"true" above:"0" max:"100" doc:"Per cents of the Envoys that get it next, one step after the other, before all do."`
	Watch      duration     `yaml:"watch" default:"0s" doc:"How long each step is watched, once it has acknowledged, before the next."`
	MaxRefused share        `yaml:"max_refused" default:"5%" doc:"How many Envoys must refuse it, after the canaries accepted it, for all to go back: a number, or a per cent of them, which is at least 2. Fewer stay on their last good version by themselves."`
	MaxErrors  number       `yaml:"max_errors" above:"0" max:"100" doc:"How much larger the share of 5xx answers may be, in per cent of all answers, where the new version is being watched than elsewhere; more, and all go back. Without it errors do not count."`
}

func (d *decoder) rollout(s *rolloutSpec) Rollout {
	r := Rollout{
		Position: d.position(s.at), Canary: s.Canary.or(1), Watch: s.Watch.or(0),
		MaxRefused: s.MaxRefused.or(Share{Percent: 5}), MaxErrors: s.MaxErrors.v,
	}
	for _, step := range s.Steps.items {
		if n := len(r.Steps); n > 0 && step.v > 0 && step.v <= r.Steps[n-1] {
			d.fail(step.at, "must be above the step before it, got ", step.src)
		}
		r.Steps = append(r.Steps, step.v)
	}
	if s.MaxErrors.given() && r.Watch < minWatch {
		d.fail(s.MaxErrors.at, "needs rollout.watch of at least ", minWatch.String(), ": errors are counted while a step is watched")
	}
	return r
}

// minWatch is how long errors have to be counted to mean anything: Envoys report them
// once a second.
const minWatch = 3 * time.Second

// share is a number, or a per cent of a whole.
type share struct {
	at
	v Share
}

func (s share) or(x Share) Share { return choose(s.given(), s.v, x) }

const wantShare = `a whole number of Envoys from 1 up, or a per cent such as "5%"`

func (s *share) decode(d *decoder, n *yaml.Node, p *step, _ *field) {
	text, ok := d.text(n, p, wantShare)
	if !ok {
		return
	}
	s.at = place(n, p)
	if whole, isPercent := strings.CutSuffix(text, "%"); isPercent {
		v, err := strconv.ParseFloat(whole, 64)
		if s.v.Percent = v; err == nil && v > 0 && v <= 100 {
			return
		}
	} else if v, isInt := parseInt(text); isInt && v > 0 && plain(n, "!!int", "!!float") {
		s.v.Count = v
		return
	}
	d.fail(s.at, "must be ", wantShare, ", got ", written(n))
}

func (*share) schema(*schema, *field) object {
	return anyOf(object{"type": "integer", "minimum": 1},
		object{"type": "string", "pattern": `^(100(\.0*)?|0*[1-9][0-9]?(\.[0-9]*)?|0*\.0*[1-9][0-9]*)%$`}, environment())
}
func (*share) kind(*field) string { return "whole number, or per cent" }
func (*share) inside() []inner    { return nil }
