package translate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const streaming = `
server: {header_timeout: 2}
plugins:
  proxy:
    config:
      targets: [{url: "$events"}]
      timeout: 500ms
      retry_attempts: 2
      upstreams:
        half: {load_balancing: round_robin, retry_attempts: 2, targets: [{url: "$dead"}]}
endpoints:
  - {path: /cut, handler: proxy}
  - {path: /events, handler: proxy, config: {proxy: {timeout: 0}}}
  - {path: /idle, handler: proxy, config: {proxy: {timeout: 0, idle_timeout: 300ms}}}
  - {path: /upload, handler: proxy}
  - {path: /small, handler: proxy, config: {proxy: {max_request_size: 1000}}}
  - {path: /large, handler: proxy, config: {proxy: {max_request_size: 2KiB}}}
  - {path: /half, handler: proxy, upstream: half}
  - {path: /static, handler: static, config: {static: {status: 413, body: mine}}}
`

// events is a target that sends one event for each time next is told, and tells how much
// of a body it has read.
type events struct {
	next chan bool
	read chan int
}

func newEvents(t *testing.T) (e *events, url string) {
	t.Helper()
	e = &events{make(chan bool), make(chan int, 10_000)}
	s := httptest.NewServer(e)
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(func() { close(e.next) })
	return e, s.URL
}

func (e *events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		total, buffer := 0, make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buffer)
			total += n
			select {
			case e.read <- total:
			default:
			}
			if err != nil {
				break
			}
		}
		_, _ = fmt.Fprint(w, total)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for range e.next {
		if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
			return
		}
		w.(http.Flusher).Flush()
	}
}

// TestEventStreams: each event comes when it is sent, and a silent stream lives as long
// as its endpoint says.
func TestEventStreams(t *testing.T) {
	t.Parallel()
	e, url := newEvents(t)
	p := serve(t, streaming, map[string]string{"events": url, "dead": "http://" + closedPort(t)})
	resp, err := http.Get(p.url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for _, silence := range []time.Duration{0, 0, 1200 * time.Millisecond, 0} {
		<-time.After(silence) // beyond the timeout of 500 ms
		e.next <- true
		if line, err := lines.ReadString('\n'); line != "data: x\n" {
			t.Fatalf("after %v of silence: %q, %v", silence, line, err)
		}
		_, _ = lines.ReadString('\n')
	}
	for _, path := range []string{"/cut", "/idle"} {
		begun := time.Now()
		resp, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if took := time.Since(begun); took < 250*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s was ended after %v: %v", path, took, err)
		}
	}
}

// TestUploads: a body goes to the target as it comes, retries or not, and one that is
// too large gets 413.
func TestUploads(t *testing.T) {
	t.Parallel()
	e, url := newEvents(t)
	p := serve(t, streaming, map[string]string{"events": url, "dead": "http://" + closedPort(t)})
	body, client := io.Pipe()
	answer := make(chan string, 1)
	go func() { answer <- post(p.url+"/upload", body, -1) }()
	const part = 4 << 20
	total := 0
	for range 8 { // none is sent before the target has the one before
		if _, err := client.Write(make([]byte, part)); err != nil {
			t.Fatal(err)
		}
		for total += part; <-e.read < total-(64<<10); {
		}
	}
	<-time.After(700 * time.Millisecond) // a slow client, for longer than the timeout
	_ = client.Close()
	if got := <-answer; got != fmt.Sprint("200 ", total) {
		t.Errorf("32 MiB: %s", got)
	}
	for _, c := range []struct {
		path string
		size int
		want string
	}{
		{"/small", 1000, "200 1000"}, {"/small", 1001, "413 {\"error\":\"too_large\""},
		{"/large", 2048, "200 2048"}, {"/large", 2049, "413 {\"error\":\"too_large\""},
		{"/cut", 3_000_000, "200 3000000"}, {"/static", 10, "413 mine"},
		{"/half", 8_000_000, "503 {\"error\":\"service_unavailable\""},
	} {
		for _, length := range []int64{int64(c.size), -1} {
			if got := post(p.url+c.path, strings.NewReader(strings.Repeat("x", c.size)), length); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s, %d bytes, length %d: %s, want %s", c.path, c.size, length, got, c.want)
			}
		}
	}
}

// TestRequestTimeout: it is for requests that are not sent in full, and not for what has
// an answer.
func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	p := serve(t, `
server: {request_timeout: 500ms}
plugins: {proxy: {config: {targets: [{url: "$echo"}]}}}
endpoints: [{path: /echo, config: {proxy: {timeout: 0}}}]
`, map[string]string{"echo": echo(t)})
	c, _ := dial(t, p.url+"/echo")
	begun := time.Now()
	answer := p.raw(t, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	if took := time.Since(begun); !strings.HasPrefix(answer, "HTTP/1.1 408") || !strings.Contains(answer, `{"error":"timeout"`) || took < 400*time.Millisecond {
		t.Errorf("a request that does not end, after %v: %s", took, answer)
	}
	if c == nil || !echoes(t, c, 10) {
		t.Error("the WebSocket was cut")
	}
}

// post sends a body, in chunks where length is -1, and gives status and body of the answer.
func post(url string, body io.Reader, length int64) string {
	req, err := http.NewRequest(http.MethodPost, url, io.NopCloser(body))
	if err != nil {
		return err.Error()
	}
	req.ContentLength = length
	req.Header.Set("Expect", "100-continue") // so that a refusal is read while there is more to send
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

// TestKeepAlive: who is gone without a word is found out, on both sides of a stream that may
// be silent for ever.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	e, url := newEvents(t)
	p := serve(t, streaming, map[string]string{"events": url, "dead": "http://" + closedPort(t)})
	resp, err := http.Get(p.url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	e.next <- true
	// proc_net_tcp(5): addresses are hexadecimal, and a timer of kind 2 is keepalive's. The
	// proxy is at the end of one connection that has its port, at the start of another
	// that has the target's.
	ends := map[string]string{"the client's": fmt.Sprintf(`: \S+:%s \S+ 01 \S+ 02:`, hexPort(t, p.url)), "the target's": fmt.Sprintf(`: \S+ \S+:%s 01 \S+ 02:`, hexPort(t, url))}
	for side, pattern := range ends {
		line := regexp.MustCompile(pattern)
		poll(t, func() bool { // while something is to be acknowledged, the timer is another
			table, err := os.ReadFile("/proc/net/tcp")
			if err != nil {
				t.Fatal(side, err)
			}
			return line.Match(table)
		})
	}
}

func hexPort(t *testing.T, url string) string {
	t.Helper()
	n, err := strconv.Atoi(port(t, url))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%04X", n)
}

// TestHTTP10: clients of HTTP/1.0 are answered, and none of them gets two meanings into one
// request.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	p := serve(t, `
plugins: {proxy: {config: {targets: [{url: "$a"}]}}}
endpoints: [{path: /a, handler: proxy, config: {proxy: {preserve_host: true}}}]
`, map[string]string{"a": target(t, "Host")})
	for request, want := range map[string][]string{
		"GET /a HTTP/1.0\r\nHost: b\r\n\r\n": {"HTTP/1.0 200 OK", "connection: close", "GET /a\nHost: b"},
		"GET /a HTTP/1.0\r\n\r\n":            {"HTTP/1.0 200 OK", "GET /a\nHost: localhost"},
		"GET /x HTTP/1.0\r\n\r\n":            {"HTTP/1.0 404", `{"error":"not_found"`},
		// The second request of a connection that was not to be kept is none.
		"GET /a HTTP/1.0\r\n\r\nGET /x HTTP/1.0\r\n\r\n":                                       {"HTTP/1.0 200 OK"},
		"POST /a HTTP/1.0\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": {"HTTP/1.0 400"},
	} {
		answer := p.raw(t, request)
		for _, w := range want {
			if !strings.Contains(answer, w) {
				t.Errorf("%q: %q lacks %q", request, answer, w)
			}
		}
		if strings.Count(answer, "HTTP/1.0 ") != 1 {
			t.Errorf("%q: %q is not one answer", request, answer)
		}
	}
}

// raw sends bytes and gives what comes back until the end, or until nothing comes.
func (p *proxy) raw(t *testing.T, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	var answer strings.Builder
	buffer := make([]byte, 4096)
	wait := 5 * time.Second
	for {
		_ = c.SetReadDeadline(time.Now().Add(wait))
		n, err := c.Read(buffer)
		answer.Write(buffer[:n])
		if err != nil {
			return answer.String()
		}
		wait = 300 * time.Millisecond // of silence on a connection that is kept
	}
}
