package envoy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// outputHold is how much of what was passed on may stay in the file.
const outputHold = 1 << 20

// output is the file that Envoy has for its standard output, where access logs may go;
// we pass it on to ours. A file, since an Envoy that is kept goes on writing while we
// are away, and one with a pipe would wait. What was passed on is taken out of it behind
// Envoy's back, which loses nothing, unlike cutting it: a hole takes its place.
type output struct {
	path string
	to   io.Writer
	log  hclog.Logger

	mu           sync.Mutex
	offset, hole int64
}

// openOutput begins with what was not passed on before.
func openOutput(stateDir string, to io.Writer, log hclog.Logger) (*output, error) {
	o := &output{path: filepath.Join(stateDir, outputFileName), to: to, log: log}
	file, err := o.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	o.offset = firstData(file)
	o.hole = o.offset
	return o, nil
}

// open gives the file as Envoy is to have it.
func (o *output) open() (*os.File, error) {
	return openToAppend("output", o.path)
}

// renew is for an Envoy that is about to start: none has the file now.
func (o *output) renew() error {
	o.poll()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.offset, o.hole = 0, 0
	if err := os.Truncate(o.path, 0); err != nil {
		return fmt.Errorf("begin envoy's output %q: %w", o.path, unwrapPath(err))
	}
	return nil
}

// follow passes lines on until the context ends.
func (o *output) follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			o.poll()
			o.forget(0)
			return
		case <-tick.C:
			o.poll()
			o.forget(outputHold)
		}
	}
}

// poll passes on the whole lines that are new, so that nothing of ours comes between.
func (o *output) poll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	file, err := os.Open(o.path)
	if err != nil {
		return
	}
	defer file.Close()
	chunk := make([]byte, 256<<10)
	for {
		n, err := file.ReadAt(chunk, o.offset)
		lines := chunk[:n]
		if end := bytes.LastIndexByte(lines, '\n'); end >= 0 {
			lines = lines[:end+1]
		} else if n < len(chunk) {
			return // the end of the line is on its way
		}
		// A hole that ends inside a block leaves zeros.
		if _, err := o.to.Write(bytes.TrimLeft(lines, "\x00")); err != nil {
			o.log.Warn("access logs cannot be passed on", "error", err)
		}
		o.offset += int64(len(lines))
		if err != nil {
			return
		}
	}
}

// forget takes out what was passed on, once it is more than keep.
func (o *output) forget(keep int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.offset-o.hole <= keep {
		return
	}
	if err := punch(o.path, o.offset); errors.Is(err, errors.ErrUnsupported) {
		if o.offset < logLimit {
			return
		}
		if err = os.Truncate(o.path, 0); err == nil {
			o.offset = 0
		}
	} else if err != nil {
		o.log.Warn("envoy's output grows", "file", o.path, "error", err)
	}
	o.hole = o.offset
}
