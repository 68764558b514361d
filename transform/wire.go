package transform

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// ParseRequest reads a request as HTTP/1.1 has it: its line, headers, an empty line and the
// body. Lines may end in LF alone, and the version may be left out.
func ParseRequest(text []byte) (*Message, error) {
	line, m, err := parse(text)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) < 2 || len(words) > 3 || !strings.HasPrefix(words[1], "/") {
		return nil, fmt.Errorf("the first line must be as in %q, got %q", "GET /path HTTP/1.1", line)
	}
	host := m.Get("host")
	m.Remove("host")
	m.Headers = append([]Header{
		{":method", strings.ToUpper(words[0])}, {":path", words[1]}, {":authority", host}, {":scheme", "http"},
	}, m.Headers...)
	return m, nil
}

// ParseResponse reads an answer in the same way.
func ParseResponse(text []byte) (*Message, error) {
	line, m, err := parse(text)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) > 0 && strings.HasPrefix(words[0], "HTTP/") {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("the first line must be as in %q, got %q", "HTTP/1.1 200 OK", line)
	}
	if status, err := strconv.Atoi(words[0]); err != nil || status < 200 || status > 599 {
		return nil, fmt.Errorf("the first line must have a status from 200 to 599, got %q", line)
	}
	m.Headers = append([]Header{{":status", words[0]}}, m.Headers...)
	return m, nil
}

func parse(text []byte) (first string, m *Message, err error) {
	m = new(Message)
	for n := 0; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		name, value, is := strings.Cut(string(line), ":")
		switch {
		case n == 0:
			first = string(line)
		case len(line) == 0:
			m.body(text)
			return first, m, nil
		case !is || strings.ContainsAny(name, " \t") || name == "":
			return "", nil, fmt.Errorf("line %d: a header must be as in %q, got %q", n+1, "Name: value", line)
		default:
			m.Add(name, strings.TrimSpace(value))
		}
	}
	return first, m, nil
}

func (m *Message) body(text []byte) {
	if len(text) == 0 {
		return
	}
	m.setBody(text)
}

// String is the message as HTTP/1.1 has it, with its pseudo-headers as first line and Host.
func (m *Message) String() string {
	var b strings.Builder
	if status, is := m.find(":status"); is {
		fmt.Fprintf(&b, "HTTP/1.1 %s\n", status)
	} else {
		fmt.Fprintf(&b, "%s %s HTTP/1.1\nhost: %s\n", m.Get(":method"), m.Get(":path"), m.Get(":authority"))
	}
	for _, h := range m.Headers {
		if !strings.HasPrefix(h.Name, ":") {
			fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
		}
	}
	b.WriteString("\n")
	b.Write(m.Body)
	return b.String()
}
