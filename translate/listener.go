package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
)

func (b *builder) listener() *listenerv3.Listener {
	return &listenerv3.Listener{Name: ListenerName, Address: socketAddress(b.bp.Server.Host, uint16(b.bp.Server.Port))}
}
