package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a server to be measured, in a process of its own.
type server struct {
	name    string
	cmd     *exec.Cmd
	ended   chan struct{}
	address string
	admin   string         // ours: URL of the admin listener
	in      io.WriteCloser // the others: what they are told
	out     *bufio.Scanner
}

// programs are what servers are made of.
type programs struct{ ours, self string }

// start starts a server on a blueprint, in a folder where it may keep things.
func (p programs) start(name, blueprint, dir string) (*server, error) {
	cmd := exec.Command(p.self, "serve", name, blueprint)
	if name == oursName {
		cmd = exec.Command(p.ours, "start", "--envoy", "none", "--watch", "-c", blueprint,
			"--xds-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state-dir", filepath.Join(dir, "state"))
	}
	s := &server{name: name, cmd: cmd, ended: make(chan struct{})}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for s.address == "" || name == oursName && s.admin == "" {
		if !s.out.Scan() {
			text, _ := os.ReadFile(log.Name())
			return nil, errors.Join(fmt.Errorf("start %s: it ended: %s", name, text), s.stop())
		}
		switch f := strings.Fields(s.out.Text()); {
		case len(f) == 1:
			s.address = f[0]
		case len(f) == 2 && f[0] == "xDS":
			s.address = f[1]
		case len(f) == 2 && f[0] == "admin":
			s.admin = f[1]
		}
	}
	return s, nil
}

// stop ends it; all are made to end at once.
func (s *server) stop() error {
	_ = s.in.Close()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// edited tells those who do not watch files that these changed.
func (s *server) edited() error {
	if s.name == oursName {
		return nil
	}
	_, err := fmt.Fprintln(s.in, "edit")
	return err
}

// mallocs is how many objects it has allocated so far.
func (s *server) mallocs() (float64, error) {
	if s.name != oursName {
		if _, err := fmt.Fprintln(s.in, "mallocs"); err != nil || !s.out.Scan() {
			return 0, errors.Join(errors.New("ask for mallocs: no answer"), err)
		}
		return strconv.ParseFloat(s.out.Text(), 64)
	}
	response, err := http.Get(s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, is := strings.CutPrefix(line, "go_memstats_mallocs_total "); is {
			return strconv.ParseFloat(strings.TrimSpace(v), 64)
		}
	}
	return 0, errors.New("ask for mallocs: no such metric")
}

func (s *server) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), file)
}

// cpu is the time that its threads have run so far. /proc/PID/stat counts in 10 ms,
// which is more than an edit takes.
func (s *server) cpu() time.Duration {
	var sum time.Duration
	all, _ := filepath.Glob(s.proc("task/*/schedstat"))
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// rss is its resident memory, in bytes.
func (s *server) rss() float64 {
	text, _ := os.ReadFile(s.proc("status"))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			n, _ := strconv.ParseFloat(f[1], 64)
			return n * 1024
		}
	}
	return 0
}

const (
	// lookEvery is how often it is looked whether a server is done; busy is how much of
	// that it runs when it is not.
	lookEvery = 5 * time.Millisecond
	busy      = lookEvery / 5
	// calm is how long it must not be busy, and calmLimit how long that may take.
	calm      = 100 * time.Millisecond
	calmLimit = 2 * time.Minute
)

// quiet waits until the server does nothing any more, and tells since when.
func (s *server) quiet() time.Time {
	began := time.Now()
	since, before := began, s.cpu()
	for time.Since(since) < calm && time.Since(began) < calmLimit {
		time.Sleep(lookEvery)
		if now := s.cpu(); now-before > busy {
			since = time.Now()
			before = now
		} else {
			before = now
		}
	}
	return since
}
