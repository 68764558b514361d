package fleet

import (
	"sync"

	"backworks/blueprints"
	"backworks/translate"
)

// Translator translates each version of a blueprint once: for the loader, which
// asks whether it is good, and for the fleet, which publishes it.
type Translator struct {
	mu sync.Mutex
	// done are the versions checked since the last take, and those then served.
	done map[*blueprints.Blueprint]*translate.Resources
	// last are the newest good ones by main file: pools that did not change are
	// taken from them.
	last map[string]*translate.Resources
}

// NewTranslator makes an empty Translator.
func NewTranslator() *Translator {
	return &Translator{done: map[*blueprints.Blueprint]*translate.Resources{}, last: map[string]*translate.Resources{}}
}

// Check translates bp and returns its problems; it is made for the loader's Check
// option.
func (t *Translator) Check(bp *blueprints.Blueprint) blueprints.Problems {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, problems := t.translate(bp)
	return problems
}

func (t *Translator) translate(bp *blueprints.Blueprint) (*translate.Resources, blueprints.Problems) {
	r, problems := translate.Update(t.last[bp.File], bp)
	if r != nil {
		t.done[bp] = r
		t.last[bp.File] = r
	}
	return r, problems
}

// take returns the resources of each blueprint of set and forgets all others. One
// that was not checked before is translated now; one that does not translate is
// left out.
func (t *Translator) take(set *blueprints.Set) map[*blueprints.Blueprint]*translate.Resources {
	t.mu.Lock()
	defer t.mu.Unlock()
	done := make(map[*blueprints.Blueprint]*translate.Resources, len(set.Blueprints))
	last := make(map[string]*translate.Resources, len(set.Blueprints))
	for _, bp := range set.Blueprints {
		r := t.done[bp]
		if r == nil {
			r, _ = t.translate(bp)
		}
		if r != nil {
			done[bp] = r
			last[bp.File] = r
		}
	}
	t.done, t.last = done, last
	return done
}
