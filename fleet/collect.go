package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/xds"
)

const (
	// telemetryEvery is how often Envoys are asked for their figures.
	telemetryEvery = time.Second
	// collectWait is how long a round waits for them, those of the rounds before that
	// have not answered yet among them. Later answers are part of the next one.
	collectWait = telemetryEvery / 2
	// collectShare bounds what asking costs: an Envoy that took 0.1 s is asked every 2 s,
	// one that took 1 s every 20.
	collectShare = 20
	// groupAgain is how long it holds which blueprint an Envoy has.
	groupAgain = 10 * time.Second
)

// collector asks the Envoys for their figures and makes rates and series of them. One
// goroutine takes what they answer.
type collector struct {
	fleet   *Fleet
	feed    *feed
	sources []*source // of the admin interfaces, in their order
	answers chan answered
	probers sync.WaitGroup

	mu         sync.Mutex
	blueprints map[string]*blueprints.Blueprint // by main file
	reports    map[string]*source               // of nodes that report their load, by id
	rows       map[TargetKey]*row
	flows      map[flowKey]*flow
	times      ring[time.Time]
	number     int64 // of the newest round

	shown atomic.Pointer[Telemetry]
}

// source is an Envoy whose figures come one way or the other.
type source struct {
	admin   *admin // nil: its load reports
	prober  *prober
	end     func() // of the prober
	asked   bool   // and has not answered yet
	due     time.Time
	node    string
	cluster string
	file    string // main file of its blueprint; "" when it has none
	grouped time.Time
	why     string // it cannot be reached

	// What it said last, when, how long that took, and how long after the time before.
	at       time.Time
	took     time.Duration
	elapsed  time.Duration
	every    time.Duration
	uptime   time.Duration
	stream   uint64 // of load reports
	untold   bool   // it has no rows of its own: there are too many
	restarts int

	first    bool // nothing was known before: what was counted makes no rate
	hosts    map[hostKey]*meter
	targets  map[TargetKey]*seenTarget
	values   map[string]*counter
	gauges   map[string]uint64
	grown    map[string]uint64 // of values, since the time before
	times    map[string]*latency
	flows    map[flowKey]flowRates
	listener flowRates
	total    uint64 // requests of clients
}

// answered is what came of asking an Envoy.
type answered struct {
	from     *source
	at       time.Time
	took     time.Duration
	envoy    Envoy
	uptime   time.Duration
	clusters []envoy.Cluster
	samples  *envoy.Samples
	err      error
}

func newCollector(f *Fleet) *collector {
	c := &collector{
		fleet: f, feed: newFeed(), answers: make(chan answered, len(f.admins)+maxFound),
		reports: map[string]*source{}, rows: map[TargetKey]*row{}, flows: map[flowKey]*flow{},
	}
	c.shown.Store(&Telemetry{Envoys: []EnvoyFigures{}, Targets: []TargetFigures{}, Pools: []FlowFigures{}, Endpoints: []FlowFigures{}})
	return c
}

func newSource(a *admin) *source {
	return &source{
		admin: a, hosts: map[hostKey]*meter{}, targets: map[TargetKey]*seenTarget{}, values: map[string]*counter{},
		grown: map[string]uint64{}, times: map[string]*latency{}, flows: map[flowKey]flowRates{}, every: telemetryEvery,
	}
}

// run makes a round a second until ctx ends.
func (c *collector) run(ctx context.Context) {
	defer c.probers.Wait()
	tick := time.NewTicker(telemetryEvery)
	defer tick.Stop()
	for {
		c.round(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round asks the Envoys that are due, waits a little for their answers, and lets others
// see what there is then.
func (c *collector) round(ctx context.Context, now time.Time) {
	c.follow(ctx)
	judging := c.fleet.adminLoads.wanted.Load()
	c.learn()
	for _, s := range c.sources {
		if s.asked || now.Before(s.due) && !(judging && now.Sub(s.at) > judgeEvery*3/4) {
			continue
		}
		s.asked = true
		s.prober.wanted <- struct{}{}
	}
	late := time.NewTimer(collectWait)
	defer late.Stop()
	for waiting := true; waiting && slices.ContainsFunc(c.sources, func(s *source) bool { return s.asked }); {
		select {
		case a := <-c.answers:
			c.take(a)
		case <-late.C:
			waiting = false
		case <-ctx.Done():
			return
		}
	}
	c.takeReports(now)
	c.show(now)
}

// follow has a prober ask each Envoy that is to be asked now.
func (c *collector) follow(ctx context.Context) {
	admins := c.fleet.allAdmins()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = slices.DeleteFunc(c.sources, func(s *source) bool {
		gone := !slices.Contains(admins, s.admin)
		if gone {
			s.end()
		}
		return gone
	})
	for i, a := range admins {
		if i < len(c.sources) && c.sources[i].admin == a {
			continue
		}
		s := newSource(a)
		s.prober = newProber(c.fleet, a, func(a answered) { a.from = s; c.answers <- a })
		own, end := context.WithCancel(ctx)
		s.end = end
		c.probers.Go(func() { s.prober.run(own) })
		c.sources = slices.Insert(c.sources, i, s)
	}
}

// learn has the blueprints of now be those of which figures are made.
func (c *collector) learn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blueprints = map[string]*blueprints.Blueprint{}
	if set := c.fleet.view.Load().set; set != nil {
		for _, bp := range set.Blueprints {
			c.blueprints[bp.File] = bp
		}
	}
}

// take adds what an Envoy said to what is known.
func (c *collector) take(a answered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := a.from
	s.asked = false
	if a.err != nil {
		s.due = a.at
		c.unreachable(s, a.err)
		return
	}
	c.identify(s, a)
	s.first, s.elapsed = s.at.IsZero(), a.at.Sub(s.at)
	cost := min(a.took, s.took) // one slow answer, the first at that, is no measure
	s.every = max(telemetryEvery, cost*collectShare)
	s.at, s.took, s.uptime = a.at, a.took, a.uptime
	s.due = a.at.Add(s.every - telemetryEvery*3/4) // rounds are not on the dot
	c.takeHosts(s, hostsOf(a.clusters))
	c.takeSamples(s, a.samples)
	c.takeFlows(s)
}

// identify learns who is behind an address. When it was started since it was asked last,
// all its counters begin at 0.
func (c *collector) identify(s *source, a answered) {
	elapsed := a.at.Sub(s.at)
	another := !s.at.IsZero() && a.envoy.Node != s.node
	// Envoy tells whole seconds, and answers some time before we have the answer.
	unsure := time.Second + a.took + s.took
	restarted := !s.at.IsZero() && (another || a.uptime < s.uptime || a.uptime <= elapsed && s.uptime+elapsed > a.uptime+unsure)
	if s.why != "" && !s.at.IsZero() {
		c.feed.add(Event{Kind: EnvoyEvent, Subject: a.envoy.Node, Node: a.envoy.Node, Text: "its admin interface answers"})
	}
	s.node, s.cluster, s.why = a.envoy.Node, a.envoy.Cluster, ""
	if another || s.grouped.IsZero() || a.at.Sub(s.grouped) > groupAgain || s.file == "" {
		s.file, _ = c.fleet.Groups.Group(xds.Node{ID: s.node, Cluster: s.cluster, Metadata: c.fleet.metadata(s.node)})
		s.grouped = a.at
	}
	if restarted {
		s.restarts++
		s.anew()
		c.feed.add(Event{Kind: EnvoyEvent, Subject: s.node, Node: s.node, Blueprint: s.file, Text: "started again"})
	}
}

// anew has all counters begin at 0.
func (s *source) anew() {
	for _, m := range s.hosts {
		m.anew()
	}
	for _, v := range s.values {
		*v = 0
	}
	for _, l := range s.times {
		l.last = nil
	}
}

func (c *collector) unreachable(s *source, err error) {
	if s.why == "" && !s.at.IsZero() {
		c.feed.add(Event{Kind: EnvoyEvent, Subject: s.node, Node: s.node, Blueprint: s.file, Text: "its admin interface does not answer: " + err.Error()})
	}
	s.why = err.Error()
}

// takeSamples adds statistics.
func (c *collector) takeSamples(s *source, samples *envoy.Samples) {
	s.gauges = samples.Values
	clear(s.grown)
	for name, value := range samples.Values {
		v := s.values[name]
		if v == nil {
			v = new(counter)
			s.values[name] = v
		}
		s.grown[name] = v.take(value)
	}
	for name, buckets := range samples.Histograms {
		l := s.times[name]
		if l == nil {
			l = new(latency)
			s.times[name] = l
		}
		l.take(s.at, buckets, s.first)
	}
	// What is not told was never used, since Envoy was started or has it again.
	maps.DeleteFunc(s.values, func(name string, _ *counter) bool { _, told := samples.Values[name]; return !told })
	for name, l := range s.times {
		if _, told := samples.Histograms[name]; !told {
			l.last = nil
			if l.forget(s.at); len(l.recent) == 0 {
				delete(s.times, name)
			}
		}
	}
}
