package envoy

import (
	"context"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// ServerInfo is what an Envoy says about itself.
type ServerInfo struct {
	Build               Build
	State               string // "LIVE", "DRAINING", "PRE_INITIALIZING" or "INITIALIZING"
	NodeID, NodeCluster string
	Uptime              time.Duration // to the second
	// UptimeAll is since the first of those that took over from each other by hot
	// restart, with their counters.
	UptimeAll time.Duration
	Options   *adminv3.CommandLineOptions
}

// ServerInfo asks for it.
func (a *Admin) ServerInfo(ctx context.Context) (*ServerInfo, error) {
	var m adminv3.ServerInfo
	if err := a.message(ctx, "/server_info", &m); err != nil {
		return nil, err
	}
	return &ServerInfo{
		Build:       Build(m.GetVersion()),
		State:       m.GetState().String(),
		NodeID:      m.GetNode().GetId(),
		NodeCluster: m.GetNode().GetCluster(),
		Uptime:      m.GetUptimeCurrentEpoch().AsDuration(),
		UptimeAll:   m.GetUptimeAllEpochs().AsDuration(),
		Options:     m.GetCommandLineOptions(),
	}, nil
}

// Listeners gives the addresses that Envoy listens on, host:port or a path, by
// listener name. Of a listener with several it is the first.
func (a *Admin) Listeners(ctx context.Context) (map[string]string, error) {
	var m adminv3.Listeners
	if err := a.message(ctx, "/listeners?format=json", &m); err != nil {
		return nil, err
	}
	listeners := make(map[string]string, len(m.ListenerStatuses))
	for _, l := range m.ListenerStatuses {
		listeners[l.Name] = hostAddress(l.LocalAddress)
	}
	return listeners, nil
}

// message reads an answer that Envoy made from a message; what a newer Envoy has
// besides is passed over.
func (a *Admin) message(ctx context.Context, path string, m proto.Message) error {
	body, err := a.read(ctx, path)
	if err != nil {
		return err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, m); err != nil {
		return a.failed(path, err)
	}
	return nil
}
