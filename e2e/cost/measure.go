package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// programs are what is measured.
type programs struct{ backworks, envoy string }

// clients is how many ask at once where requests a second are counted: so many that it is
// Envoy's worker that has no time left.
const clients = 32

// startLimit is how long an Envoy may take until it answers.
const startLimit = 20 * time.Second

// result is what a case came to, a figure a round.
type result struct {
	oneCase
	rate    []float64 // requests a second
	cpu     []float64 // microseconds of Envoy's a request
	latency []float64 // microseconds, of one client alone, in the middle
}

// proxy is an Envoy with the configuration of a case.
type proxy struct {
	*result
	port int
	cmd  *exec.Cmd
	log  string
	// ended is closed when the Envoy has.
	ended chan struct{}
}

// measure starts an Envoy for each case and measures all of them in turn.
func measure(ctx context.Context, p programs, cases []oneCase, e effort) (results []*result, err error) {
	dir, err := os.MkdirTemp("", "cost")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t, err := newTarget()
	if err != nil {
		return nil, err
	}
	defer t.listener.Close()
	var proxies []*proxy
	defer func() {
		for _, x := range proxies {
			err = errors.Join(err, x.stop())
		}
	}()
	for i, c := range cases {
		x, err := p.start(c, t.port, filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		proxies, results = append(proxies, x), append(results, x.result)
	}
	for round := range e.rounds {
		for i := range proxies {
			x := proxies[(i+round)%len(proxies)] // none is always the first
			if err := errors.Join(ctx.Err(), x.measure(e)); err != nil {
				return nil, x.failed(err)
			}
		}
	}
	return results, nil
}

// start renders the case and runs an Envoy on it, until that answers.
func (p programs) start(c oneCase, target int, dir string) (*proxy, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "cache"), 0o700); err != nil {
		return nil, err
	}
	ports := strings.NewReplacer("${PROXY}", strconv.Itoa(port), "${TARGET}", strconv.Itoa(target), "${DIR}", dir)
	config := []byte(ports.Replace(c.envoy))
	for name, content := range c.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	if c.blueprint != "" {
		if config, err = p.render(ports.Replace(c.blueprint), dir); err != nil {
			return nil, err
		}
	}
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	x := &proxy{result: &result{oneCase: c}, port: port, log: filepath.Join(dir, "log")}
	log, err := os.Create(x.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	x.cmd = exec.Command(p.envoy, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error")
	x.cmd.Stdout, x.cmd.Stderr = log, log
	// Ctrl-C is for this program, which stops them.
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	x.ended = make(chan struct{})
	go func() {
		defer close(x.ended)
		_ = x.cmd.Wait() // how it ended is in its log
	}()
	if err := x.answers(); err != nil {
		return nil, errors.Join(x.failed(err), x.stop())
	}
	return x, nil
}

func (p programs) render(blueprint, dir string) ([]byte, error) {
	file := filepath.Join(dir, "main.yaml")
	if err := os.WriteFile(file, []byte(blueprint), 0o600); err != nil {
		return nil, err
	}
	var problems strings.Builder
	cmd := exec.Command(p.backworks, "render", "--secrets", file)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("render: %w: %s", err, problems.String())
	}
	return out, nil
}

// answers waits until the Envoy does.
func (x *proxy) answers() error {
	limit := time.After(startLimit)
	for {
		c, err := dial(x.port, x.oneCase)
		if err == nil {
			err = errors.Join(c.ask(), c.Close())
		}
		if err == nil {
			return nil
		}
		select {
		case <-x.ended:
			return errors.New("the envoy ended")
		case <-limit:
			return fmt.Errorf("no answer in %s: %w", startLimit, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (x *proxy) measure(e effort) error {
	before, began := x.cpu(), time.Now()
	took, err := load(x.port, clients, x.oneCase, e.load)
	if err != nil {
		return err
	}
	x.rate = append(x.rate, float64(len(took))/time.Since(began).Seconds())
	x.result.cpu = append(x.result.cpu, float64((x.cpu()-before).Microseconds())/float64(len(took)))
	if took, err = load(x.port, 1, x.oneCase, e.single); err != nil {
		return err
	}
	x.latency = append(x.latency, float64(median(took).Nanoseconds())/1000)
	return nil
}

// cpu is the processor time that the Envoy has had (proc(5): utime and stime, 100 a second).
func (x *proxy) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", x.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (x *proxy) failed(err error) error {
	log, _ := os.ReadFile(x.log)
	return fmt.Errorf("%s: %w\n%s", x.name, err, log)
}

func (x *proxy) stop() error {
	err := x.cmd.Process.Kill()
	<-x.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
