package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"backworks/blueprints"
	"backworks/xds"
)

// stages is one rollout without a pipeline around it: time passes when a test says so,
// and nodes do what they are told.
type stages struct {
	*testing.T
	r      *rollout
	now    time.Time
	how    blueprints.Rollout
	serial map[string]uint64
	pushed int
}

func newStages(t *testing.T, nodes ...string) *stages {
	log := hclog.NewNullLogger()
	s := &stages{T: t, now: time.Now(), how: blueprints.Rollout{Canary: 1, MaxRefused: blueprints.Share{Percent: 5}}, serial: map[string]uint64{}}
	s.r = &rollout{file: "/one.yaml", members: newMembers(), archive: newArchive(nil, log), log: log, on: map[string]bool{}, held: map[string]hold{}}
	s.r.how.checked = func(_, version string, err error) { s.r.checked(version, err, s.now); s.look() }
	s.connect(nodes...)
	return s
}

// load offers a version, as a save does.
func (s *stages) load(version string) {
	s.Helper()
	bp := &blueprints.Blueprint{File: s.r.file, Version: version, Rollout: s.how, Position: blueprints.Position{File: "one.yaml", Line: 1, Column: 1}}
	s.r.offer(&release{bp: bp, xds: xds.Release{Snapshot: xds.NewSnapshot(version, nil)}}, s.now)
	s.look()
}

// accepted loads a version that all nodes acknowledge.
func (s *stages) accepted(version string) {
	s.Helper()
	s.load(version)
	for range 10 {
		for id := range s.serial {
			s.sync(id)
		}
	}
	s.stage(Accepted)
}

func (s *stages) look() {
	if changed, _ := s.r.look(s.now); changed {
		s.pushed++
	}
}

// pass lets time pass.
func (s *stages) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.look()
}

func (s *stages) event(kind xds.EventKind, id string, refusal *xds.Refusal) {
	s.r.members.event(xds.Event{Kind: kind, Stream: s.serial[id], Node: xds.Node{ID: id}, Group: s.r.file, Snapshot: s.on(id), Type: "LDS", Refusal: refusal})
	s.look()
}

func (s *stages) connect(ids ...string) {
	for _, id := range ids {
		s.serial[id] = uint64(len(s.serial) + 100*s.pushed + 1)
		s.event(xds.Connected, id, nil)
		s.r.members.streams[s.serial[id]].since = s.now
	}
}

func (s *stages) leave(id string) {
	s.event(xds.Disconnected, id, nil)
	delete(s.serial, id)
}

// sync has nodes acknowledge what they are given.
func (s *stages) sync(ids ...string) {
	for _, id := range ids {
		s.event(xds.Synced, id, nil)
	}
}

// refuse has a node refuse what it is given.
func (s *stages) refuse(id string) {
	s.event(xds.Refused, id, &xds.Refusal{Message: "port is taken", Resources: []xds.RefusedResource{{Name: "proxy", Origin: "one.yaml:3:5"}}})
}

// on is the version that a node is given.
func (s *stages) on(id string) string {
	g, ok := s.r.group()
	if other, is := g.Others[id]; is {
		return other.Snapshot.Version()
	}
	if !ok {
		return ""
	}
	return g.Snapshot.Version()
}

// want says which version each node has: "a=1 b=2".
func (s *stages) want(all string) {
	s.Helper()
	var got []string
	for id := range s.serial {
		got = append(got, fmt.Sprintf("%s=%s", id, s.on(id)))
	}
	slices.Sort(got)
	if g := strings.Join(got, " "); g != all {
		s.Fatalf("nodes have %s, want %s (%s)", g, all, s.r.stage)
	}
}

func (s *stages) stage(want Stage) {
	s.Helper()
	if s.r.stage != want {
		s.Fatalf("stage is %s, want %s", s.r.stage, want)
	}
}
