package blueprints

import (
	"time"
)

// protocolSpec is what a pool speaks with its targets, and what of clients' requests it
// lets pass.
type protocolSpec struct {
	Protocol       str      `yaml:"protocol" enum:"http1|http2|auto" default:"http1" doc:"What the targets speak. gRPC needs http2, which without TLS is HTTP/2 by prior knowledge. auto leaves it to each https target (ALPN)."`
	IdleTimeout    duration `yaml:"idle_timeout" min:"0" doc:"How long a request, an answer or a WebSocket may be silent in both directions; 0 is no limit. Without it requests have server.request_timeout, answers have timeout, and a WebSocket may be silent."`
	WebSocket      boolean  `yaml:"websocket,websockets" default:"true" doc:"Whether a client may turn a request into a WebSocket. With protocol http2 or auto it is false without this key: such targets have to take WebSockets over HTTP/2 (RFC 8441)."`
	MaxRequestSize size     `yaml:"max_request_size,max_body_size,client_max_body_size" default:"0" doc:"The largest body of a request; a larger one gets 413. 0 is no limit. Without it that of the server."`
}

// Traffic is what of clients' requests a pool lets pass.
type Traffic struct {
	// IdleTimeout ends what is silent in both directions, 0: never. nil is never, unless
	// requests have no limit of time: then 5 min, the timeout where that is longer, and
	// never where there is no timeout.
	IdleTimeout *time.Duration
	// WebSocket lets requests become WebSockets; nil is true where the targets speak
	// HTTP/1.1 alone.
	WebSocket *bool
	// MaxRequestSize is in bytes, 0: no limit; nil is the server's.
	MaxRequestSize *int64
}

func (s *protocolSpec) traffic() Traffic {
	return Traffic{
		IdleTimeout:    said(s.IdleTimeout.v, s.IdleTimeout.given()),
		WebSocket:      said(s.WebSocket.v, s.WebSocket.given()),
		MaxRequestSize: said(s.MaxRequestSize.v, s.MaxRequestSize.given()),
	}
}

// Over is t, where own does not say otherwise.
func (t Traffic) Over(own Traffic) Traffic {
	return Traffic{
		IdleTimeout:    choose(own.IdleTimeout != nil, own.IdleTimeout, t.IdleTimeout),
		WebSocket:      choose(own.WebSocket != nil, own.WebSocket, t.WebSocket),
		MaxRequestSize: choose(own.MaxRequestSize != nil, own.MaxRequestSize, t.MaxRequestSize),
	}
}

// protocol follows the targets, whose URLs say whether there is TLS.
func (d *decoder) protocol(p *Pool, s *poolSpec) {
	p.Traffic = s.traffic()
	switch s.Protocol.v {
	case "http2":
		p.HTTP2 = true
	case "auto":
		p.ALPN = true
		if !p.TLS && len(p.Targets) > 0 {
			d.fail(s.Protocol.at, "auto asks each target by TLS (ALPN), and these have none: write http1 or http2, or https in the targets' URLs")
		}
	}
}

// longest compares timeouts, of which 0 is the longest.
func longest(a, b time.Duration) bool { return b != 0 && (a == 0 || a > b) }

// timeText is a timeout in words.
func timeText(t time.Duration) string {
	if t == 0 {
		return "no limit"
	}
	return t.String()
}
