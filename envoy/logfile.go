package envoy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// logLimit is where the log is moved to envoy.log.old and begun anew, so that
	// both together stay below twice of it. Nothing bounds the log of an Envoy
	// that runs without us; it then has no pushes to report.
	logLimit = 8 << 20
	// followEvery is how late a line of Envoy may be in our log.
	followEvery = 200 * time.Millisecond
	// longestLine is what is forwarded of a line.
	longestLine = 64 << 10
	// recentBytes are kept to tell why Envoy ended.
	recentBytes = 16 << 10
)

// logFile is the file that Envoy writes its log to, which we follow. Envoy has it
// open for appending, so that it can be cut behind its back.
type logFile struct {
	path  string
	log   hclog.Logger
	limit int64

	mu     sync.Mutex
	offset int64
	rest   []byte // of a line that has no end yet
	ending bool   // see expectEnd
	last   hclog.Level
	recent []byte // since mark
}

// openLog follows the log of a state dir from its end.
func openLog(stateDir string, log hclog.Logger) (*logFile, error) {
	f := &logFile{path: filepath.Join(stateDir, logFileName), log: log, limit: logLimit, last: hclog.Debug}
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open envoy's log: %w", err)
	}
	f.offset = info.Size()
	return f, nil
}

// open gives the file as Envoy is to have it.
func (f *logFile) open() (*os.File, error) {
	return openToAppend("log", f.path)
}

// openToAppend opens a file that Envoy writes to; what says which of them it is.
func openToAppend(what, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open envoy's %s %q: %w", what, path, unwrapPath(err))
	}
	return file, nil
}

// follow forwards lines until the context ends.
func (f *logFile) follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			f.poll()
			return
		case <-tick.C:
			f.poll()
		}
	}
}

// expectEnd says that Envoy is being ended, or that another follows: one that ends
// warns of the connections that it closes, as if that were a fault.
func (f *logFile) expectEnd(ending bool) {
	f.poll()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = ending
}

// mark begins what recent gives.
func (f *logFile) mark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recent = nil
}

// since reads what is new, and gives the end of what came since the mark.
func (f *logFile) since() string {
	f.poll()
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.recent) + string(f.rest)
}

// poll forwards what was written since the last time. A log that cannot be read is
// no reason to disturb Envoy.
func (f *logFile) poll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(f.path)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return
	}
	if info.Size() < f.offset {
		f.offset = 0 // somebody cut it
	}
	chunk := make([]byte, 64<<10)
	for {
		n, err := file.ReadAt(chunk, f.offset)
		f.offset += int64(n)
		f.take(chunk[:n])
		if err != nil || n == 0 {
			break
		}
	}
	if f.offset > f.limit {
		f.rotate(file)
	}
}

// rotate copies the log and cuts it. A line that Envoy writes in between is lost.
func (f *logFile) rotate(file *os.File) {
	old, err := os.OpenFile(f.path+".old", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		f.log.Warn("envoy's log cannot be kept", "error", err)
	} else {
		defer old.Close()
		io.Copy(old, io.NewSectionReader(file, 0, f.offset))
	}
	if err := os.Truncate(f.path, 0); err != nil {
		f.log.Warn("envoy's log cannot be cut", "error", err)
		return
	}
	f.offset = 0
}

func (f *logFile) take(chunk []byte) {
	for len(chunk) > 0 {
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			if len(f.rest) < longestLine {
				f.rest = append(f.rest, chunk...)
			}
			return
		}
		line := string(append(f.rest, chunk[:end]...))
		f.rest, chunk = f.rest[:0], chunk[end+1:]
		f.remember(line)
		f.forward(line)
	}
}

func (f *logFile) remember(line string) {
	f.recent = append(append(f.recent, line...), '\n')
	if over := len(f.recent) - recentBytes; over > recentBytes {
		f.recent = append([]byte(nil), f.recent[over:]...)
	}
}

// levels of Envoy in ours. Its info is a page per start, which nobody asked for
// who does not want to debug.
var levels = map[string]hclog.Level{
	"trace": hclog.Trace, "debug": hclog.Trace, "info": hclog.Debug,
	"warning": hclog.Warn, "error": hclog.Error, "critical": hclog.Error,
}

// forward gives a line to our log: Envoy's words are the message, as they are what
// people search for. Lines without a level belong to the one before.
func (f *logFile) forward(line string) {
	line = strings.TrimRight(line[:min(len(line), longestLine)], " \r")
	if line == "" {
		return
	}
	match := logRecord.FindStringSubmatch(line)
	if match == nil {
		f.log.Log(f.last, line)
		return
	}
	f.last = levels[match[1]]
	if f.last == hclog.Debug && strings.HasPrefix(match[3], "  ") {
		f.last = hclog.Trace // 100 lines of what is compiled in
	}
	if f.ending && f.last == hclog.Warn {
		f.last = hclog.Debug
	}
	f.log.Log(f.last, match[3], "component", match[2])
}
