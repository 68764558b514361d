package translate_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a target that notes each request as it came over the wire, and what no two
// servers would understand alike.
type recorder struct {
	url string

	mu    sync.Mutex
	lines []string // "POST /path HTTP/1.1 body"
	raw   []string // all header sections
	wrong []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &recorder{url: "http://" + l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return r
}

// serve answers each request with 200 and its own line, and keeps the connection.
func (r *recorder) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for {
		line, ok := r.message(in)
		if !ok {
			return
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(line), line); err != nil {
			return
		}
	}
}

// message reads one request, strictly.
func (r *recorder) message(in *bufio.Reader) (line string, ok bool) {
	var head []string
	for {
		l, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		text := strings.TrimSuffix(l, "\r\n")
		if text == l || strings.ContainsAny(text, "\r\n\x00") || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") {
			r.fault("a line of headers: %q", l)
		}
		if text == "" {
			break
		}
		head = append(head, text)
	}
	length, chunked := r.framing(head)
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return "", false // the proxy gave up, and so the connection
	}
	if chunked {
		var err error
		if body, err = io.ReadAll(httputil.NewChunkedReader(in)); errors.Is(err, io.ErrUnexpectedEOF) {
			return "", false
		} else if err != nil {
			r.fault("chunks: %v", err)
			return "", false
		}
		for l := ""; l != "\r\n"; { // trailers
			if l, err = in.ReadString('\n'); err != nil {
				return "", false
			}
		}
	}
	line = strings.TrimSpace(head[0] + " " + string(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	r.raw = append(r.raw, strings.Join(head, "\n"))
	return line, true
}

// framing is how long a body is; there must be one way to see it.
func (r *recorder) framing(head []string) (length int, chunked bool) {
	n := 0
	for _, h := range head[1:] {
		name, value, found := strings.Cut(h, ":")
		if !found || strings.ContainsAny(name, " \t\"(),/:;<=>?@[\\]{}") {
			r.fault("a header %q", h)
		}
		switch strings.ToLower(name) {
		case "content-length":
			n++
			v, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				r.fault("a header %q", h)
			}
			length = v
		case "transfer-encoding":
			n++
			if chunked = strings.TrimSpace(value) == "chunked"; !chunked {
				r.fault("a header %q", h)
			}
		}
	}
	if n > 1 {
		r.fault("%d ways to see how long it is: %q", n, head)
	}
	return length, chunked
}

func (r *recorder) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

// got gives what came so far, and what was wrong with it.
func (r *recorder) got() (lines, raw, wrong []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines), slices.Clone(r.raw), slices.Clone(r.wrong)
}

// wire sends bytes as they are, and gives the statuses and bodies of at most so many
// answers; "open" is a connection on which nothing more came.
func (p *proxy) wire(t *testing.T, bytes string, most int) (statuses string, bodies []string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, bytes); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	method, _, _ := strings.Cut(bytes, " ")
	var all []string
	for len(all) < most {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				all = append(all, "open")
			}
			break
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strconv.Itoa(resp.StatusCode))
		bodies = append(bodies, resp.Header.Get("Location")+string(body))
		if resp.Header.Get("X-Injected") != "" {
			t.Errorf("%q wrote a header of the answer: %v", bytes, resp.Header)
		}
	}
	return strings.Join(all, " "), bodies
}
