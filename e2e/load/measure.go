package main

import (
	"errors"
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
const arriveLimit = 3 * time.Minute

// run is a measurement under way.
type run struct {
	plan
	figures
	dir    string
	site   *site
	source *source
	server *server
	fleet  *fleet
	want   [kinds]digest
	edited uint64 // what the edited assignment is in that
}

// measure makes a blueprint for each of the plans, starts their servers, and measures
// all of them in turn, edit by edit: what else the machine does concerns all.
func measure(plans []plan, programs programs, dir string) (out []figures, err error) {
	var runs []*run
	defer func() {
		for _, r := range runs {
			r.fleet.disconnect()
			err = errors.Join(err, r.server.stop(), os.RemoveAll(r.dir))
		}
	}()
	for _, p := range plans {
		r, err := start(p, programs, dir)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	each := func(step func(*run) error) func() error {
		return func() error {
			for _, r := range runs {
				if err := step(r); err != nil {
					return r.failed(err)
				}
			}
			return nil
		}
	}
	for _, step := range []func() error{
		each((*run).single), func() error { return inTurn(runs) }, each((*run).cold), func() error { return inTurn(runs) }, each((*run).back),
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for _, r := range runs {
		out = append(out, r.figures)
	}
	return out, nil
}

// start starts the server of a plan on its blueprint.
func start(p plan, programs programs, dir string) (r *run, err error) {
	r = &run{plan: p}
	if r.dir, err = os.MkdirTemp(dir, "run"); err != nil {
		return nil, err
	}
	if r.site, err = newSite(filepath.Join(r.dir, "site"), p.shape); err != nil {
		return nil, err
	}
	r.source = newSource(r.site.main())
	if err = r.look(); err != nil {
		return nil, err
	}
	if r.server, err = programs.start(p.server, r.site.main(), r.dir); err != nil {
		return nil, err
	}
	r.fleet = newFleet(r.server.address, p.delta)
	return r, nil
}

// failed tells of whom an error is, and what its server had to say last.
func (r *run) failed(err error) error {
	log, _ := os.ReadFile(filepath.Join(r.dir, "log"))
	return fmt.Errorf("%s: %w\n%s", r.title(), err, log[max(0, len(log)-2000):])
}

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

// single connects one client.
func (r *run) single() (err error) {
	g := r.fleet.aim(r.want, 1)
	r.fleet.grow(1)
	if _, _, err = r.fleet.wait(g, arriveLimit); err != nil {
		return err
	}
	r.server.quiet()
	r.yaml, err = r.site.readYAML()
	return err
}

// cold measures how all others get everything.
func (r *run) cold() error {
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

// inTurn has all servers hear of edits, one after the other, as often as their plans
// say.
func inTurn(runs []*run) error {
	turns := make([]turn, len(runs))
	for i, r := range runs {
		var err error
		if turns[i].mallocs, err = r.server.mallocs(); err != nil {
			return r.failed(err)
		}
	}
	for again := true; again; {
		again = false
		for i, r := range runs {
			t := &turns[i]
			if t.edits == r.edits || t.edits >= leastEdits && t.took > r.budget {
				continue
			}
			again = true
			if err := r.edit(t); err != nil {
				return r.failed(err)
			}
		}
	}
	for i, r := range runs {
		mallocs, err := r.server.mallocs()
		if err != nil {
			return r.failed(err)
		}
		n := float64(turns[i].edits)
		c := turns[i].cost
		c = cost{c.cpu / n, (mallocs - turns[i].mallocs) / n, c.bytes / n, c.simulator / n}
		if len(r.fleet.clients) == 1 {
			r.alone = c
		} else {
			r.all = c
			r.rss = (r.server.rss() - r.rss) / float64(r.clients-1)
		}
	}
	return nil
}

// turn is how far a server is with its edits, and what they cost in all.
type turn struct {
	cost
	edits   int
	took    time.Duration
	mallocs float64 // before
}

// edit edits one endpoint, and waits until all clients have heard of it.
func (r *run) edit(t *turn) error {
	cpu, simulator, bytes := r.server.cpu(), selfCPU(), r.fleet.received()
	t0, g, err := r.editOnce(len(r.fleet.clients))
	if err != nil {
		return err
	}
	first, last, err := r.fleet.wait(g, arriveLimit)
	if err != nil {
		return err
	}
	simulator = selfCPU() - simulator
	r.server.quiet()
	if len(r.fleet.clients) == 1 {
		r.one = append(r.one, ms(last.Sub(t0)))
	} else {
		r.first, r.last = append(r.first, ms(first.Sub(t0))), append(r.last, ms(last.Sub(t0)))
	}
	t.edits++
	t.took += last.Sub(t0)
	t.cpu += ms(r.server.cpu() - cpu)
	t.simulator += ms(simulator)
	t.bytes += float64(r.fleet.received() - bytes)
	return nil
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
