package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// conn is one gRPC stream on a connection of its own, as an Envoy has it: the least of
// HTTP/2 that a client needs. grpc-go's client costs more than the servers which are
// to be measured; this one costs a goroutine and a buffer. All of it belongs to one
// goroutine, but for Close.
type conn struct {
	net.Conn
	in  *bufio.Reader
	out []byte // frames to be written before the next wait
	// waiting is data that the server has no window for.
	waiting []byte
	// window and stream are what may be sent, on the connection and on the stream.
	window, stream, initial int
	received                int // since the windows were last opened
	message                 []byte
}

// HTTP/2: RFC 9113, section 6.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway, frameWindow = 0, 1, 3, 4, 6, 7, 8

	flagEndStream, flagAck, flagEndHeaders, flagPadded = 1, 1, 4, 8

	settingInitialWindow = 4
	defaultWindow        = 1<<16 - 1
	maxFrame             = 1 << 14
	// ourWindow is so large that no server waits for it: Envoy's is 256 MiB or more.
	ourWindow = 1 << 30
	readSize  = 8 << 10
	// keptBuffer is how large a buffer a client keeps between messages.
	keptBuffer = 4 << 10
)

// dial opens a connection and a stream; nothing is written yet.
func dial(ctx context.Context, address, method string) (*conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, in: bufio.NewReaderSize(nc, readSize), window: defaultWindow, stream: defaultWindow, initial: defaultWindow}
	c.out = append(c.out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	c.frame(frameSettings, 0, 0, binary.BigEndian.AppendUint32([]byte{0, settingInitialWindow}, ourWindow))
	c.open(0, ourWindow-defaultWindow)
	var headers []byte
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", address},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} { // literals without indexing, names included: RFC 7541, section 6.2.2
		headers = append(headers, 0)
		for _, s := range h {
			headers = append(append(headers, byte(len(s))), s...)
		}
	}
	c.frame(frameHeaders, flagEndHeaders, 1, headers)
	return c, nil
}

func (c *conn) frame(kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	c.out = append(c.out, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	c.out = binary.BigEndian.AppendUint32(c.out, stream)
	c.out = append(c.out, payload...)
}

func (c *conn) open(stream uint32, by int) {
	c.frame(frameWindow, 0, stream, binary.BigEndian.AppendUint32(nil, uint32(by)))
}

// send queues a message made of parts.
func (c *conn) send(parts ...[]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	c.waiting = append(c.waiting, 0)
	c.waiting = binary.BigEndian.AppendUint32(c.waiting, uint32(size))
	for _, p := range parts {
		c.waiting = append(c.waiting, p...)
	}
	c.release()
}

// release moves as much data as the windows allow to what is written next.
func (c *conn) release() {
	for len(c.waiting) > 0 {
		n := min(len(c.waiting), maxFrame, c.window, c.stream)
		if n <= 0 {
			return
		}
		c.frame(frameData, 0, 1, c.waiting[:n])
		c.window, c.stream, c.waiting = c.window-n, c.stream-n, c.waiting[n:]
	}
	c.waiting = nil
}

func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > keptBuffer {
		c.out = nil
	}
	return err
}

// run reads until the stream ends, and calls take with each message, which is not to
// be kept.
func (c *conn) run(take func([]byte) error) error {
	var head [9]byte
	for {
		if c.in.Buffered() < len(head) {
			if err := c.flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(c.in, head[:]); err != nil {
			return err
		}
		size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		var err error
		if kind == frameData {
			err = c.data(size, flags, take)
		} else {
			payload := make([]byte, size)
			if _, err := io.ReadFull(c.in, payload); err != nil {
				return err
			}
			err = c.control(kind, flags, stream, payload)
		}
		if err != nil {
			return err
		}
	}
}

var errEnded = errors.New("the server ended the stream")

func (c *conn) control(kind, flags byte, stream uint32, payload []byte) error {
	switch kind {
	case frameHeaders:
		if flags&flagEndStream != 0 {
			return fmt.Errorf("%w: %q", errEnded, payload)
		}
	case frameReset, frameGoAway:
		return fmt.Errorf("%w: frame %d, %q", errEnded, kind, payload)
	case framePing:
		if flags&flagAck == 0 {
			c.frame(framePing, flagAck, 0, payload)
		}
	case frameWindow:
		if by := int(binary.BigEndian.Uint32(payload)); stream == 0 {
			c.window += by
		} else {
			c.stream += by
		}
	case frameSettings:
		if flags&flagAck != 0 {
			break
		}
		for s := range slices.Chunk(payload, 6) {
			if binary.BigEndian.Uint16(s) == settingInitialWindow {
				v := int(binary.BigEndian.Uint32(s[2:]))
				c.stream, c.initial = c.stream+v-c.initial, v
			}
		}
		c.frame(frameSettings, flagAck, 0, nil)
	}
	c.release()
	return nil
}

// data takes a frame in, and hands on the messages that are whole.
func (c *conn) data(size int, flags byte, take func([]byte) error) error {
	if flags&(flagPadded|flagEndStream) != 0 {
		return errors.New("padding, or an end, in a data frame")
	}
	if c.received += size; c.received > ourWindow/4 {
		c.open(0, c.received)
		c.open(1, c.received)
		c.received = 0
	}
	at := len(c.message)
	c.message = slices.Grow(c.message, size)[:at+size]
	if _, err := io.ReadFull(c.in, c.message[at:]); err != nil {
		return err
	}
	done := 0
	for rest := c.message; len(rest) >= 5; rest = c.message[done:] {
		n := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		if len(rest) < n {
			c.message = slices.Grow(c.message, n-len(rest))
			break
		}
		if err := take(rest[5:n]); err != nil {
			return err
		}
		done += n
	}
	c.message = c.message[:copy(c.message, c.message[done:])]
	if len(c.message) == 0 && cap(c.message) > keptBuffer {
		c.message = nil
	}
	return nil
}
