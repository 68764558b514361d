package admin

import (
	"net/http"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/fleet"
	"backworks/xds"
)

// Status is what /api/v1/status answers. Metadata of nodes is left out: nobody can know
// what others put there.
type Status struct {
	Version    string                  `json:"version"`
	Ready      bool                    `json:"ready"`
	Degraded   bool                    `json:"degraded"`
	Reason     string                  `json:"reason,omitempty"`
	Blueprints []fleet.BlueprintStatus `json:"blueprints"`
	Problems   []Problem               `json:"problems"`
	Unresolved []fleet.Unresolved      `json:"unresolved"`
	// Certificates are never with their keys.
	Certificates []fleet.Certificate `json:"certificates"`
	LastLoad     *Load               `json:"last_load"`
	NotKept      string              `json:"last_good_not_kept,omitempty"`
	Nodes        []Node              `json:"nodes"`
	Sidecar      *envoy.State        `json:"sidecar"`
}

// Problem is a problem of a blueprint, and where; line 0 is the whole file.
type Problem struct {
	Severity string `json:"severity"` // "error" or "warning"
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Path     string `json:"path,omitempty"`
	Message  string `json:"message"`
	Text     string `json:"text"` // all of it, as the command line shows it
}

// Load is when and how the blueprints were last read.
type Load struct {
	By          string        `json:"by"`
	At          time.Time     `json:"at"`
	Outcome     fleet.Outcome `json:"outcome"`
	TookSeconds float64       `json:"took_seconds"`
}

// reportAnswer is what came of a load.
type reportAnswer struct {
	Load
	Blueprints []fleet.BlueprintStatus `json:"blueprints"`
	Problems   []Problem               `json:"problems"`
}

// Node is a connected Envoy.
type Node struct {
	ID        string      `json:"id"`
	Cluster   string      `json:"cluster"`
	Blueprint string      `json:"blueprint"` // its main file; "" when none fits
	Ambiguous []string    `json:"ambiguous,omitempty"`
	UserAgent string      `json:"user_agent"`
	Peer      string      `json:"peer"`
	Protocol  string      `json:"protocol"`
	Connected time.Time   `json:"connected"`
	Version   string      `json:"version"`
	Synced    bool        `json:"synced"`
	State     fleet.State `json:"state"`
	// Breakers is null where there are none, and for gRPC clients.
	Breakers *fleet.NodeBreakers `json:"breakers"`
	// Admin is null where it does not say where its admin interface is.
	Admin *fleet.NodeAdmin `json:"admin"`
	Types []TypeState      `json:"types"`
}

// TypeState is how far a node is with a type of resources.
type TypeState struct {
	Type    string      `json:"type"`
	State   fleet.State `json:"state"`
	Sent    string      `json:"sent"`
	SentAt  time.Time   `json:"sent_at,omitzero"`
	Acked   string      `json:"acknowledged"`
	AckedAt time.Time   `json:"acknowledged_at,omitzero"`
	Synced  bool        `json:"synced"`
	Refused *Refusal    `json:"refused"`
}

// Refusal is what a node does not accept, in its own words.
type Refusal struct {
	Version   string            `json:"version"`
	Message   string            `json:"message"`
	Resources []RefusedResource `json:"resources"`
	At        time.Time         `json:"at"`
	Count     int               `json:"count"`
}

// RefusedResource is a refused resource and where it was written.
type RefusedResource struct {
	Name     string `json:"name"`
	Position string `json:"position"`
}

// status answers all who ask at a time with the same text: with many pages open all do
// when something has happened.
func (p *pages) status(w http.ResponseWriter, r *http.Request) {
	if text, err := p.standing.get(r.Context()); err == nil { // else the client is gone
		writeText(w, http.StatusOK, text)
	}
}

func (p *pages) statusNow() Status {
	s := p.Fleet.Status()
	answer := Status{
		Version:      p.Version,
		Ready:        s.Ready,
		Degraded:     s.Degraded,
		Reason:       reason(s),
		Blueprints:   orEmpty(s.Blueprints),
		Problems:     problemAnswers(s.Problems),
		Unresolved:   orEmpty(s.Unresolved),
		Certificates: orEmpty(s.Certificates),
		NotKept:      s.NotKept,
		Nodes:        make([]Node, len(s.Nodes)),
	}
	if s.Last != nil {
		answer.LastLoad = new(summaryOf(s.Last))
	}
	for i, n := range s.Nodes {
		answer.Nodes[i] = nodeOf(n)
	}
	if p.Sidecar != nil {
		answer.Sidecar = new(p.Sidecar())
	}
	return answer
}

func nodeOf(n fleet.Node) Node {
	answer := Node{
		ID: n.ID, Cluster: n.Cluster, Blueprint: n.Group, Ambiguous: n.Ambiguous, UserAgent: n.UserAgent, Peer: n.Peer,
		Protocol: n.Protocol, Connected: n.Connected, Version: n.Snapshot, Synced: n.Synced, State: n.State(), Breakers: n.Breakers, Admin: n.Admin,
		Types: make([]TypeState, len(n.Types)),
	}
	for i, t := range n.Types {
		answer.Types[i] = TypeState{
			Type: t.Type, State: fleet.StateOf(t), Sent: t.Sent, SentAt: t.SentAt, Acked: t.Acked, AckedAt: t.AckedAt, Synced: t.Synced, Refused: refusalOf(t.Refused),
		}
	}
	return answer
}

func refusalOf(r *xds.Refusal) *Refusal {
	if r == nil {
		return nil
	}
	answer := &Refusal{Version: r.Version, Message: strings.TrimSpace(r.Message), At: r.At, Count: r.Count, Resources: make([]RefusedResource, len(r.Resources))}
	for i, resource := range r.Resources {
		answer.Resources[i] = RefusedResource{resource.Name, resource.Origin}
	}
	return answer
}

func problemAnswers(problems blueprints.Problems) []Problem {
	all := make([]Problem, len(problems))
	for i, p := range problems {
		all[i] = Problem{"error", p.File, p.Line, p.Column, p.Path, p.Message, p.String()}
		if p.Severity == blueprints.Warning {
			all[i].Severity = "warning"
		}
	}
	return all
}

func summaryOf(r *fleet.Report) Load {
	return Load{r.By, r.At, r.Outcome, r.Took.Seconds()}
}

func loadAnswer(r *fleet.Report) reportAnswer {
	return reportAnswer{summaryOf(r), orEmpty(r.Blueprints), problemAnswers(r.Problems)}
}

// orEmpty makes JSON say [] and not null.
func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
