package fleet

import (
	"context"
	"sync"
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
func (f *Fleet) Envoys() []Envoy {
	out := make([]Envoy, len(f.admins))
	var all sync.WaitGroup
	for i, a := range f.admins {
		all.Go(func() { out[i] = a.know() })
	}
	all.Wait()
	return out
}

// reachable are the Envoys that answer.
func (f *Fleet) reachable() []Envoy {
	var out []Envoy
	for _, e := range f.Envoys() {
		if e.Error == "" {
			out = append(out, e)
		}
	}
	return out
}

// admin is one admin interface and what is known of the Envoy behind it.
type admin struct {
	mu    sync.Mutex // held while it is asked, so that it is asked once
	is    Envoy
	asked time.Time // of the last answer; zero after a failure
}

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
	if err != nil {
		a.is.Error, a.asked = err.Error(), time.Time{}
		return nil, err
	}
	a.is.Node, a.is.Cluster, a.is.Error, a.asked = info.NodeID, info.NodeCluster, "", time.Now()
	return info, nil
}
