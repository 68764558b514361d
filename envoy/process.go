package envoy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// watchEvery is how often a process that is not our child is looked at.
const watchEvery = 50 * time.Millisecond

// process is a running Envoy, our child or not.
type process struct {
	pid    int
	start  string // see startTime
	handle *os.Process
	born   time.Time
	// gone is closed when the process has ended; exit then tells how.
	gone chan struct{}
	exit string
	left chan struct{} // closed when nobody watches any more
}

// startProcess runs a program with its two outputs appended to files. The process
// outlives us (no Pdeathsig), and has a process group of its own so that a Ctrl-C
// in our terminal is ours alone.
func startProcess(path string, args []string, out, log *os.File) (*process, error) {
	command := exec.Command(path, args...)
	command.Stdout, command.Stderr = out, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start envoy %q: %w", path, unwrapPath(err))
	}
	p := newProcess(command.Process)
	_, p.start, _ = startTime(p.pid)
	go func() { // also after we left it, so that it is no zombie while we live
		err := command.Wait()
		p.exit = command.ProcessState.String()
		if err == nil {
			p.exit = "exit status 0"
		}
		close(p.gone)
	}()
	return p, nil
}

// attachProcess finds a process that somebody else started. Numbers of processes
// are used again: it is the same only when it began at the same time.
func attachProcess(pid int, start string) (*process, error) {
	handle, err := os.FindProcess(pid) // by pidfd, which never means another process
	if err != nil {
		return nil, fmt.Errorf("find process %d: %w", pid, err)
	}
	state, now, err := startTime(pid)
	if err != nil || start == "" || now != start || state == 'Z' {
		handle.Release()
		return nil, fmt.Errorf("find process %d: it is gone", pid)
	}
	p := newProcess(handle)
	p.start = start
	go p.watch()
	return p, nil
}

func newProcess(handle *os.Process) *process {
	return &process{
		pid: handle.Pid, handle: handle, born: time.Now(),
		gone: make(chan struct{}), left: make(chan struct{}),
	}
}

func (p *process) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.left:
			return
		case <-tick.C:
		}
		state, start, err := startTime(p.pid)
		if err != nil || start != p.start || state == 'Z' {
			p.exit = "not our child, how is not known"
			close(p.gone)
			return
		}
	}
}

// leave ends the watching of a process that goes on without us.
func (p *process) leave() { close(p.left) }

// signal sends it; that the process is gone is no error.
func (p *process) signal(s syscall.Signal) error {
	err := p.handle.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// startTime gives the state of a process ('Z' for a zombie) and when it began, in
// clock ticks since boot: fields 3 and 22 of /proc/PID/stat, proc(5). It fails
// without such a process, and on systems without /proc.
func startTime(pid int) (state byte, start string, err error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, "", err
	}
	// The name, field 2, is in brackets and may hold brackets and blanks.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const first, startField = 3, 22
	if len(fields) <= startField-first {
		return 0, "", fmt.Errorf("read start time of process %d: %d fields", pid, len(fields))
	}
	return fields[0][0], string(fields[startField-first]), nil
}
