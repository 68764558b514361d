package envoy

import (
	"time"

	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	heapv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/fixed_heap/v3"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	connectionsMonitor = "envoy.resource_monitors.global_downstream_max_connections"
	heapMonitor        = "envoy.resource_monitors.fixed_heap"

	// The numbers of Envoy's guide to edge proxies ("Configuring Envoy as an edge
	// proxy").
	defaultMaxConnections = 50000
	shrinkHeapAt          = 0.95
	refuseRequestsAt      = 0.98
	overloadRefresh       = 250 * time.Millisecond
)

// overloadManager protects an edge proxy from running out of connections, and of
// memory when told how much there is.
func (b Bootstrap) overloadManager() *overloadv3.OverloadManager {
	connections := int64(b.MaxConnections)
	if connections <= 0 {
		connections = defaultMaxConnections
	}
	m := &overloadv3.OverloadManager{
		RefreshInterval: durationpb.New(overloadRefresh),
		ResourceMonitors: []*overloadv3.ResourceMonitor{{
			Name: connectionsMonitor,
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: packed(
				&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: connections})},
		}},
	}
	if b.MaxHeapBytes == 0 {
		return m
	}
	m.ResourceMonitors = append(m.ResourceMonitors, &overloadv3.ResourceMonitor{
		Name: heapMonitor,
		ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: packed(
			&heapv3.FixedHeapConfig{MaxHeapSizeBytes: b.MaxHeapBytes})},
	})
	m.Actions = []*overloadv3.OverloadAction{
		onHeap("envoy.overload_actions.shrink_heap", shrinkHeapAt),
		onHeap("envoy.overload_actions.stop_accepting_requests", refuseRequestsAt),
	}
	return m
}

func onHeap(action string, share float64) *overloadv3.OverloadAction {
	return &overloadv3.OverloadAction{Name: action, Triggers: []*overloadv3.Trigger{{
		Name:         heapMonitor,
		TriggerOneof: &overloadv3.Trigger_Threshold{Threshold: &overloadv3.ThresholdTrigger{Value: share}},
	}}}
}
