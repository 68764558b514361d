package fleet

import (
	"context"
	"sync"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
)

// keeper saves the last good files behind the push path. A save that comes while
// another is under way replaces one that waits.
type keeper struct {
	to    LastGood
	log   hclog.Logger
	next  chan map[string]blueprints.FileSet
	mu    sync.Mutex
	error string
}

func newKeeper(to LastGood, log hclog.Logger) *keeper {
	return &keeper{to: to, log: log, next: make(chan map[string]blueprints.FileSet, 1)}
}

// save returns at once; the goroutine of the pipeline calls it.
func (k *keeper) save(good map[string]blueprints.FileSet) {
	if k.to == nil {
		return
	}
	select {
	case <-k.next:
	default:
	}
	k.next <- good
}

// run saves until ctx ends, and then what still waits.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case good := <-k.next:
			k.write(good)
		case <-ctx.Done():
			select {
			case good := <-k.next:
				k.write(good)
			default:
			}
			return
		}
	}
}

// write saves and logs when it begins to fail, and when it works again.
func (k *keeper) write(good map[string]blueprints.FileSet) {
	message := ""
	if err := k.to.Save(good); err != nil {
		message = err.Error()
	}
	k.mu.Lock()
	before := k.error
	k.error = message
	k.mu.Unlock()
	switch {
	case message != "" && before != message:
		k.log.Error("last good blueprints are not kept", "error", message)
	case message == "" && before != "":
		k.log.Info("last good blueprints are kept again")
	}
}

// failure is why the newest save failed; "" when it did not.
func (k *keeper) failure() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.error
}
