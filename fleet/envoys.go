package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backworks/envoy"
)

const (
	// askLimit bounds how long one Envoy may take to say who it is.
	askLimit = 2 * time.Second
	// askAgain is how long an answer holds: behind an address there may be another
	// Envoy tomorrow.
	askAgain = 10 * time.Second
)

// Envoy is an admin interface that we were told of.
type Envoy struct {
	// Node and Cluster are what it calls itself; "" until it has answered once.
	Node, Cluster string
	Address       envoy.Address
	Admin         *envoy.Admin
	// Error is why it cannot be reached; "" when it can.
	Error string
}

// Envoys are those of Options.Envoys, in that order. An Envoy that was not asked
// for 10 s is asked who it is, for 2 s at most.
func (f *Fleet) Envoys() []Envoy { return know(f.admins) }

// know is what is known of each, asked all at once.
func know(admins []*admin) []Envoy {
	out := make([]Envoy, len(admins))
	var all sync.WaitGroup
	for i, a := range admins {
		all.Go(func() { out[i] = a.know() })
	}
	all.Wait()
	return out
}

// reachable are the Envoys that answer, those of Options.Envoys and others.
func (f *Fleet) reachable() []Envoy {
	out := know(f.allAdmins())
	return slices.DeleteFunc(out, func(e Envoy) bool { return e.Error != "" })
}

// allAdmins are those of Options.Envoys and the ones that nodes told of.
func (f *Fleet) allAdmins() []*admin {
	return slices.Concat(f.admins, f.found.admins(f.Options.Envoys, time.Now()))
}

// admin is one admin interface and what is known of the Envoy behind it.
type admin struct {
	node  string     // the id it must have; "": any
	mu    sync.Mutex // held while it is asked, so that it is asked once
	is    Envoy
	asked time.Time // of the last answer; zero after a failure
	why   atomic.Pointer[string]
}

// failure is why it did not answer last, for those who do not wait while it is asked.
func (a *admin) failure() string {
	if why := a.why.Load(); why != nil {
		return *why
	}
	return "it was not asked yet"
}

func (a *admin) answers() bool { return a.failure() == "" }

func newAdmin(address envoy.Address) *admin {
	return &admin{is: Envoy{Address: address, Admin: envoy.NewAdmin(address)}}
}

func (a *admin) know() Envoy {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.asked) < askAgain {
		return a.is
	}
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	_, _ = a.learn(ctx) // the error is in what is known
	return a.is
}

// ask asks it who it is, whatever is known.
func (a *admin) ask(ctx context.Context) (*envoy.ServerInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.learn(ctx)
}

// learn is ask; a.mu is held.
func (a *admin) learn(ctx context.Context) (*envoy.ServerInfo, error) {
	info, err := a.is.Admin.ServerInfo(ctx)
	if err == nil && a.node != "" && info.NodeID != a.node {
		err = fmt.Errorf("behind %s is another Envoy, %q", a.is.Address, info.NodeID)
	}
	if err != nil {
		a.is.Error, a.asked = err.Error(), time.Time{}
		a.why.Store(new(err.Error()))
		return nil, err
	}
	a.why.Store(new(""))
	a.is.Node, a.is.Cluster, a.is.Error, a.asked = info.NodeID, info.NodeCluster, "", time.Now()
	return info, nil
}
