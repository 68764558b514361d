package envoy

import "time"

// Phase is where a supervised Envoy is in its life.
type Phase string

// The phases. An Envoy whose last run ended by itself is Restarting until it is
// live again.
const (
	Starting   Phase = "starting"
	Live       Phase = "live"
	Restarting Phase = "restarting"
	Draining   Phase = "draining"
	Stopped    Phase = "stopped"
)

// State is what a Sidecar knows of its Envoy.
type State struct {
	Phase Phase `json:"phase"`
	// Since is when the phase began.
	Since time.Time `json:"since"`
	// PID is 0 when there is no process.
	PID int `json:"pid,omitempty"`
	// Adopted: the process was started by an earlier run of ours.
	Adopted bool `json:"adopted,omitempty"`
	// Restarts counts how often Envoy ended by itself and was started again.
	Restarts int `json:"restarts"`
	// LastExit tells how it last ended by itself, as in "signal: killed"; "" when
	// it never did.
	LastExit string `json:"last_exit,omitempty"`
	// Version is the binary's, as in "1.40.0".
	Version string `json:"version,omitempty"`
}

// State gives the state of now.
func (s *Sidecar) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// change edits the state; entering another phase sets Since.
func (s *Sidecar) change(edit func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.state.Phase
	edit(&s.state)
	if s.state.Phase != before {
		s.state.Since = time.Now()
	}
}
