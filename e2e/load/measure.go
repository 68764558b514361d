package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// plan is one measurement of one server.
type plan struct {
	shape
	server         string
	delta          bool
	clients, edits int
	reconnect      bool
	// budget ends the edits of a slow server early.
	budget time.Duration
}

// figures are what came of it, in milliseconds, bytes and numbers.
type figures struct {
	coldTime, coldCPU float64
	// Edits: with one client; with all, until the first and the last has it.
	one, first, last []float64
	alone, all       cost
	rss              float64 // a client
	backTime         float64
	backCPU          float64
	backBytes        float64 // of resources, those of assignments aside
	yaml             float64 // yaml.v3 reads the edited file into a Node
}

// cost is what an edit takes, besides time.
type cost struct{ cpu, mallocs, bytes, simulator float64 }

// leastEdits are made however slow the server is.
const leastEdits = 3

// arriveLimit is for the slowest there is: a cold sync of thousands.
const arriveLimit = 5 * time.Minute

// run is a measurement under way.
type run struct {
	plan
	figures
	site   *site
	source *source
	server *server
	fleet  *fleet
	want   [kinds]digest
	edited uint64 // what the edited assignment is in that
}

// measure makes a blueprint, starts a server on it, and measures.
func measure(p plan, programs programs, dir string) (out figures, err error) {
	dir, err = os.MkdirTemp(dir, "run")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	r := &run{plan: p}
	if r.site, err = newSite(filepath.Join(dir, "site"), p.shape); err != nil {
		return out, err
	}
	r.source = newSource(r.site.main())
	if err = r.look(); err != nil {
		return out, err
	}
	if r.server, err = programs.start(p.server, r.site.main(), dir); err != nil {
		return out, err
	}
	defer func() {
		if e := r.server.stop(); err == nil {
			err = e
		}
	}()
	r.fleet = newFleet(r.server.address, p.delta)
	defer r.fleet.disconnect()
	for _, step := range []func() error{r.single, r.cold, r.together, r.back} {
		if err := step(); err != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return out, fmt.Errorf("%s, delta %v: %w\n%s", p.server, p.delta, err, tail(log))
		}
	}
	return r.figures, nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// look finds what clients are to have from now on.
func (r *run) look() error {
	w, _, err := r.source.load()
	if err != nil {
		return err
	}
	if r.want, err = digests(w); err != nil {
		return err
	}
	x, err := r.site.assignment()
	if err != nil {
		return err
	}
	body, err := marshal(x.message)
	r.edited = sumOf(x.name, body)
	return err
}

// single measures edits with one client.
func (r *run) single() (err error) {
	g := r.fleet.aim(r.want, 1)
	r.fleet.grow(1)
	if _, _, err := r.fleet.wait(g, arriveLimit); err != nil {
		return err
	}
	r.server.quiet()
	if r.alone, err = r.edit(1, func(t0, _, last time.Time) { r.one = append(r.one, ms(last.Sub(t0))) }); err != nil {
		return err
	}
	r.yaml, err = r.site.readYAML()
	return err
}

// cold measures how all others get everything.
func (r *run) cold() error {
	if r.clients == 1 {
		return nil
	}
	r.server.quiet()
	began, cpu, memory := time.Now(), r.server.cpu(), r.server.rss()
	g := r.fleet.aim(r.want, r.clients-1)
	r.fleet.grow(r.clients)
	_, last, err := r.fleet.wait(g, arriveLimit)
	if err != nil {
		return err
	}
	r.server.quiet()
	r.coldTime, r.coldCPU = ms(last.Sub(began)), ms(r.server.cpu()-cpu)
	r.rss = memory
	return nil
}

// together measures edits with all clients, and how much memory those take.
func (r *run) together() (err error) {
	if r.clients == 1 {
		return nil
	}
	r.all, err = r.edit(r.clients, func(t0, first, last time.Time) {
		r.first, r.last = append(r.first, ms(first.Sub(t0))), append(r.last, ms(last.Sub(t0)))
	})
	r.rss = (r.server.rss() - r.rss) / float64(r.clients-1)
	return err
}

// edit edits one endpoint again and again, until that reached all clients.
func (r *run) edit(clients int, took func(t0, first, last time.Time)) (c cost, err error) {
	mallocs, err := r.server.mallocs()
	if err != nil {
		return c, err
	}
	cpu, simulator := r.server.cpu(), selfCPU()
	bytes := r.fleet.received()
	n := 0
	for began := time.Now(); n < r.edits && (n < leastEdits || time.Since(began) < r.budget); n++ {
		t0, g, err := r.editOnce(clients)
		if err != nil {
			return c, err
		}
		first, last, err := r.fleet.wait(g, arriveLimit)
		if err != nil {
			return c, err
		}
		took(t0, first, last)
		r.server.quiet()
	}
	c.cpu, c.simulator = ms(r.server.cpu()-cpu)/float64(n), ms(selfCPU()-simulator)/float64(n)
	c.bytes = float64(r.fleet.received()-bytes) / float64(n)
	more, err := r.server.mallocs()
	c.mallocs = (more - mallocs) / float64(n)
	return c, err
}

// editOnce makes an edit, and returns when the file was renamed, and the goal.
func (r *run) editOnce(clients int) (t0 time.Time, g *goal, err error) {
	next, save, err := r.site.edit()
	if err != nil {
		return t0, nil, err
	}
	if err := r.want[assignments].replace(&r.edited, next); err != nil {
		return t0, nil, err
	}
	g = r.fleet.aim(r.want, clients)
	t0 = time.Now()
	if err := save(); err != nil {
		return t0, nil, err
	}
	return t0, g, r.server.edited()
}

// back measures how all come back at once, with nothing changed.
func (r *run) back() error {
	if !r.reconnect {
		return nil
	}
	r.fleet.disconnect()
	r.server.quiet()
	before := r.fleet.besides(assignments)
	began, cpu := time.Now(), r.server.cpu()
	r.fleet.connect(r.fleet.clients)
	r.backTime, r.backCPU = ms(r.server.quiet().Sub(began)), ms(r.server.cpu()-cpu)
	r.backBytes = float64(r.fleet.besides(assignments) - before)
	// They are there, and hear of what comes next.
	_, g, err := r.editOnce(r.clients)
	if err == nil {
		_, _, err = r.fleet.wait(g, arriveLimit)
	}
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func selfCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
