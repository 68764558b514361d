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

// statusAnswer is /api/v1/status. Metadata of nodes is left out: nobody can know
// what others put there.
type statusAnswer struct {
	Version    string                  `json:"version"`
	Ready      bool                    `json:"ready"`
	Degraded   bool                    `json:"degraded"`
	Reason     string                  `json:"reason,omitempty"`
	Blueprints []fleet.BlueprintStatus `json:"blueprints"`
	Problems   []problemAnswer         `json:"problems"`
	Unresolved []fleet.Unresolved      `json:"unresolved"`
	LastLoad   *loadSummary            `json:"last_load"`
	NotKept    string                  `json:"last_good_not_kept,omitempty"`
	Nodes      []nodeAnswer            `json:"nodes"`
	Sidecar    *envoy.State            `json:"sidecar"`
}

// problemAnswer is a problem of a blueprint, and where; line 0 is the whole file.
type problemAnswer struct {
	Severity string `json:"severity"` // "error" or "warning"
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Path     string `json:"path,omitempty"`
	Message  string `json:"message"`
	Text     string `json:"text"` // all of it, as the command line shows it
}

// loadSummary is when and how the blueprints were last read.
type loadSummary struct {
	By          string        `json:"by"`
	At          time.Time     `json:"at"`
	Outcome     fleet.Outcome `json:"outcome"`
	TookSeconds float64       `json:"took_seconds"`
}

// reportAnswer is what came of a load.
type reportAnswer struct {
	loadSummary
	Blueprints []fleet.BlueprintStatus `json:"blueprints"`
	Problems   []problemAnswer         `json:"problems"`
}

// nodeAnswer is a connected Envoy.
type nodeAnswer struct {
	ID        string       `json:"id"`
	Cluster   string       `json:"cluster"`
	Blueprint string       `json:"blueprint"` // its main file; "" when none fits
	Ambiguous []string     `json:"ambiguous,omitempty"`
	UserAgent string       `json:"user_agent"`
	Peer      string       `json:"peer"`
	Protocol  string       `json:"protocol"`
	Connected time.Time    `json:"connected"`
	Version   string       `json:"version"`
	Synced    bool         `json:"synced"`
	Types     []typeAnswer `json:"types"`
}

// typeAnswer is how far a node is with a type of resources.
type typeAnswer struct {
	Type    string         `json:"type"`
	Sent    string         `json:"sent"`
	Acked   string         `json:"acknowledged"`
	Synced  bool           `json:"synced"`
	Refused *refusalAnswer `json:"refused"`
}

// refusalAnswer is what a node does not accept, in its own words.
type refusalAnswer struct {
	Version   string            `json:"version"`
	Message   string            `json:"message"`
	Resources []refusedResource `json:"resources"`
	At        time.Time         `json:"at"`
	Count     int               `json:"count"`
}

// refusedResource is a refused resource and where it was written.
type refusedResource struct {
	Name     string `json:"name"`
	Position string `json:"position"`
}

func (p *pages) status(w http.ResponseWriter, _ *http.Request) {
	s := p.Fleet.Status()
	answer := statusAnswer{
		Version:    p.Version,
		Ready:      s.Ready,
		Degraded:   s.Degraded,
		Reason:     reason(s),
		Blueprints: orEmpty(s.Blueprints),
		Problems:   problemAnswers(s.Problems),
		Unresolved: orEmpty(s.Unresolved),
		NotKept:    s.NotKept,
		Nodes:      make([]nodeAnswer, len(s.Nodes)),
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
	writeJSON(w, http.StatusOK, answer)
}

func nodeOf(n fleet.Node) nodeAnswer {
	answer := nodeAnswer{
		ID: n.ID, Cluster: n.Cluster, Blueprint: n.Group, Ambiguous: n.Ambiguous, UserAgent: n.UserAgent, Peer: n.Peer,
		Protocol: n.Protocol, Connected: n.Connected, Version: n.Snapshot, Synced: n.Synced,
		Types: make([]typeAnswer, len(n.Types)),
	}
	for i, t := range n.Types {
		answer.Types[i] = typeAnswer{Type: t.Type, Sent: t.Sent, Acked: t.Acked, Synced: t.Synced, Refused: refusalOf(t.Refused)}
	}
	return answer
}

func refusalOf(r *xds.Refusal) *refusalAnswer {
	if r == nil {
		return nil
	}
	answer := &refusalAnswer{Version: r.Version, Message: strings.TrimSpace(r.Message), At: r.At, Count: r.Count, Resources: make([]refusedResource, len(r.Resources))}
	for i, resource := range r.Resources {
		answer.Resources[i] = refusedResource{resource.Name, resource.Origin}
	}
	return answer
}

func problemAnswers(problems blueprints.Problems) []problemAnswer {
	all := make([]problemAnswer, len(problems))
	for i, p := range problems {
		all[i] = problemAnswer{"error", p.File, p.Line, p.Column, p.Path, p.Message, p.String()}
		if p.Severity == blueprints.Warning {
			all[i].Severity = "warning"
		}
	}
	return all
}

func summaryOf(r *fleet.Report) loadSummary {
	return loadSummary{r.By, r.At, r.Outcome, r.Took.Seconds()}
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
