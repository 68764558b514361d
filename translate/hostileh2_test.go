package translate_test

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Requests by HTTP/2 that would be others, or several, once they are HTTP/1.1. The answer is
// a status, "reset" of the stream, or "closed" connection.
var hostileStreams = []struct {
	name    string
	headers []string // name and value by turns, in place of or behind the usual ones
	body    string
	want    string
}{
	{"a plain one", nil, "abc", "200"},
	{"CR LF in a value", []string{"x-in", "a\r\nX-Injected: yes"}, "", "closed"},
	{"LF in a value", []string{"x-in", "a\nX-Injected: yes"}, "", "closed"},
	{"NUL in a value", []string{"x-in", "a\x00b"}, "", "closed"},
	{"CR LF in a name", []string{"x-in\r\nx-injected", "yes"}, "", "closed"},
	{"a colon in a name", []string{"x-injected: yes\r\nx", "y"}, "", "closed"},
	{"a letter in upper case", []string{"X-In", "a"}, "", "closed"},
	{"a space in a name", []string{"transfer-encoding ", "chunked"}, "", "closed"},
	{"Transfer-Encoding", []string{"transfer-encoding", "chunked"}, "0\r\n\r\n" + behind, "closed"},
	{"Connection", []string{"connection", "transfer-encoding"}, "", "closed"},
	{"a shorter Content-Length", []string{"content-length", "3"}, "abc" + behind, "reset"},
	{"Content-Length 0", []string{"content-length", "0"}, behind, "reset"},
	{"two Content-Lengths", []string{"content-length", "3", "content-length", "44"}, "abc", "closed"},
	{"a method that is more", []string{":method", "GET /admin/smuggled HTTP/1.1\r\nHost: a\r\n\r\nGET"}, "", "closed"},
	{"a method with a space", []string{":method", "GET /admin HTTP/1.1"}, "", "closed"},
	{"a path that is more", []string{":path", "/x HTTP/1.1\r\nHost: a\r\n\r\nGET /admin/smuggled"}, "", "closed"},
	{"a path with a space", []string{":path", "/x HTTP/1.1"}, "", "closed"},
	{"a path with a fragment", []string{":path", "/x#/../admin"}, "", "400"},
	{"a path upwards", []string{":path", "/x/../admin/y"}, "", "403"},
	{"a path without a slash", []string{":path", "x"}, "", "closed"},
	{"an authority that is more", []string{":authority", "a\r\nX-Injected: yes"}, "", "closed"},
	{"an authority with a path", []string{":authority", "a/admin"}, "", "closed"},
	{"a Host besides", []string{"host", "b"}, "", "200"},
	{"a scheme that is more", []string{":scheme", "http://a/admin?"}, "", "closed"},
	{"a path twice", []string{":path", "/x", ":path", "/admin/y"}, "", "closed"},
	{"a pseudo header behind", []string{"x-in", "a", ":path", "/admin/y"}, "", "closed"},
	{"Upgrade", []string{"upgrade", "h2c"}, "", "closed"},
}

// TestHostileStreams: no request by HTTP/2 is another one by HTTP/1.1.
func TestHostileStreams(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	p := serve(t, guardedSite, map[string]string{"one": r.url})
	var all sync.WaitGroup // Envoy takes its time to close
	for _, c := range hostileStreams {
		all.Go(func() {
			if got := p.stream(t, c.headers, c.body); got != c.want {
				t.Errorf("%s: %s, not %s", c.name, got, c.want)
			}
		})
	}
	all.Wait()
	p.wire(t, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1) // it is still there
	r.check(t)
}

// stream sends one request by HTTP/2 with these headers, and tells what became of it.
func (p *proxy) stream(t *testing.T, headers []string, body string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err.Error()
	}
	var sent, block bytes.Buffer
	sent.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&sent, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	encoder := hpack.NewEncoder(&block)
	all := []string{":method", "POST", ":scheme", "http", ":authority", "a", ":path", "/x"}
	for i := 0; i < len(all); i += 2 {
		if len(headers) == 0 || headers[0] != all[i] {
			_ = encoder.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
		}
	}
	for i := 0; i < len(headers); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: headers[i], Value: headers[i+1]})
	}
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: body == ""})
	if body != "" {
		_ = framer.WriteData(1, true, []byte(body))
	}
	if _, err := c.Write(sent.Bytes()); err != nil {
		return err.Error()
	}
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
				return "open"
			}
			return "closed"
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range f.Fields {
				if h.Name == "x-injected" {
					t.Errorf("%q wrote a header of the answer: %v", headers, f.Fields)
				}
			}
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return "reset"
		case *http2.GoAwayFrame:
			return "closed"
		}
	}
}
