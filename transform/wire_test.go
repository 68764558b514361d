package transform_test

import (
	"testing"

	"backworks/transform"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out string }{
		{"get /a?b HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\nx-a: 2\r\n\r\n{}\n", "GET /a?b HTTP/1.1\nhost: h\nx-a: 1\nx-a: 2\ncontent-length: 3\n\n{}\n"},
		{"GET /", "GET / HTTP/1.1\nhost: \n\n"},
		{"POST / HTTP/1.1\nContent-Length: 99\n\nab", "POST / HTTP/1.1\nhost: \ncontent-length: 2\n\nab"},
	} {
		m, err := transform.ParseRequest([]byte(c.in))
		if err != nil || m.String() != c.out {
			t.Errorf("%q: %q, want %q (%v)", c.in, m, c.out, err)
		}
	}
	if m, err := transform.ParseResponse([]byte("200\n\n")); err != nil || m.String() != "HTTP/1.1 200\n\n" {
		t.Errorf("%q %v", m, err)
	}
	for _, bad := range []string{"", "GET", "GET a", "GET / HTTP/1.1 x", "GET /\nno header\n", "GET /\n: x\n"} {
		if m, err := transform.ParseRequest([]byte(bad)); err == nil {
			t.Errorf("%q is %q", bad, m)
		}
	}
	for _, bad := range []string{"", "HTTP/1.1", "HTTP/1.1 OK", "100 Continue", "600"} {
		if m, err := transform.ParseResponse([]byte(bad)); err == nil {
			t.Errorf("%q is %q", bad, m)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	m := &transform.Message{}
	m.Add("A", "1")
	m.Add("b", "2")
	m.Add("a", "3")
	m.Add("c", "4")
	m.Set("a", "5")
	m.Remove("B")
	if len(m.Headers) != 2 || m.Get("A") != "5" || m.Get("c") != "4" || m.Get("b") != "" {
		t.Errorf("%v", m.Headers)
	}
}
