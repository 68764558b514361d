package xds

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// Rule 13: a client that comes back may name more than gRPC's usual 4 MiB.
func TestLargeRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	r.publish("1", cluster("a", 0))
	held := map[string]string{}
	for i := range 100_000 {
		held[fmt.Sprintf("service-%06d.with.a.rather.long.name.prod", i)] = "0123456789abcdef"
	}
	c := r.connect(true, "n")
	c.send(say{url: typeCluster, initial: held})
	a := c.want(typeCluster, "a")
	c.ack(a)
	if len(a.removed) == 0 { // a machine that needs long to read it removes at once
		a = c.want(typeCluster)
	}
	if len(a.removed) != len(held) {
		t.Errorf("%d removed, want %d", len(a.removed), len(held))
	}
}

// A stream may not name types without end.
func TestTypesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	c := r.connect(false, "n")
	for i := range DefaultLimits().UnknownTypes + 1 {
		c.send(say{url: fmt.Sprint("type", i)})
	}
	c.ended(codes.ResourceExhausted, "20 types that are unknown here")
}

// Rule 18: pings at Envoy's pace are answered, not with GOAWAY too_many_pings. Spoken
// in HTTP/2 frames, for grpc-go's client pings no faster than every 10 s.
func TestPingsAreWelcome(t *testing.T) {
	t.Parallel()
	const settings, ping, goAway, ack = 4, 6, 7, 1
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(Options{})
	go server.Serve(lis)
	t.Cleanup(server.Stop)
	conn, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	frame := func(kind byte, payload []byte) []byte {
		b := append(binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:], kind, 0, 0, 0, 0, 0)
		return append(b, payload...)
	}
	conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settings, nil)...))
	// Three that come too early after the first are one too many.
	for i := range 4 {
		if i > 0 {
			<-time.After(minPing + 50*time.Millisecond)
		}
		conn.Write(frame(ping, make([]byte, 8)))
		conn.SetReadDeadline(time.Now().Add(minPing + patience))
		for answered := false; !answered; {
			head := make([]byte, 9)
			if _, err := io.ReadFull(conn, head); err != nil {
				t.Fatal(err)
			}
			body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(conn, body); err != nil {
				t.Fatal(err)
			}
			if head[3] == goAway {
				t.Fatalf("GOAWAY: %q", body)
			}
			answered = head[3] == ping && head[4] == ack
		}
	}
}
