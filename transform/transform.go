// Package transform does to one request and its answer what an Envoy would do by a
// blueprint, without an Envoy.
//
// In come a blueprint, a request as HTTP has it on the wire, and perhaps a target's answer;
// out goes what the target or the client would get. What the plugin transformations does is
// done by the script that Envoy runs, in another Lua; a corpus of cases holds the two
// together. Nothing is sent anywhere.
package transform

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"google.golang.org/protobuf/types/known/structpb"

	"backworks/translate"
)

// Message is a request or an answer. Names of headers are in lower case; the pseudo-headers
// of HTTP/2 are among them, such as :path and :status.
type Message struct {
	Headers []Header
	Body    []byte
}

// Header is one line of a header.
type Header struct{ Name, Value string }

// Get is the first value of a header, or "".
func (m *Message) Get(name string) string {
	v, _ := m.find(name)
	return v
}

func (m *Message) find(name string) (string, bool) {
	for _, h := range m.Headers {
		if h.Name == strings.ToLower(name) {
			return h.Value, true
		}
	}
	return "", false
}

// All are the values of a header.
func (m *Message) All(name string) []string {
	var out []string
	for _, h := range m.Headers {
		if h.Name == strings.ToLower(name) {
			out = append(out, h.Value)
		}
	}
	return out
}

// Remove takes all lines of a header away.
func (m *Message) Remove(name string) {
	kept := m.Headers[:0]
	for _, h := range m.Headers {
		if h.Name != strings.ToLower(name) {
			kept = append(kept, h)
		}
	}
	m.Headers = kept
}

// Add adds a line.
func (m *Message) Add(name, value string) {
	m.Headers = append(m.Headers, Header{strings.ToLower(name), value})
}

// Set makes a header have one value, where the first one stood.
func (m *Message) Set(name, value string) {
	for i, h := range m.Headers {
		if h.Name == strings.ToLower(name) {
			m.Headers[i].Value = value
			rest := Message{Headers: m.Headers[i+1:]}
			rest.Remove(name)
			m.Headers = append(m.Headers[:i+1], rest.Headers...)
			return
		}
	}
	m.Add(name, value)
}

// Script is the script of the plugin transformations on one request and its answer.
type Script struct {
	// ClientIP is the client's address; Now is the time, of which milliseconds count.
	ClientIP string
	Now      time.Time
	// Params are the parameters of the request's path.
	Params map[string]string

	vm       *lua.LState
	data     *structpb.Struct
	metadata map[string]*lua.LTable
}

// NewScript is the script with the data of an endpoint, as translate.Transform gives it.
func NewScript(data *structpb.Struct) (*Script, error) {
	s := &Script{vm: lua.NewState(lua.Options{SkipOpenLibs: true}), data: data, metadata: map[string]*lua.LTable{}}
	for _, lib := range []lua.LGFunction{lua.OpenBase, lua.OpenString, lua.OpenTable, lua.OpenMath} {
		s.vm.Push(s.vm.NewFunction(lib))
		s.vm.Call(0, 0)
	}
	resolution := s.vm.NewTable()
	resolution.RawSetString("MILLISECOND", lua.LNumber(1))
	s.vm.SetGlobal("EnvoyTimestampResolution", resolution)
	if err := s.vm.DoString(translate.TransformScript()); err != nil {
		return nil, fmt.Errorf("load script: %w", err)
	}
	return s, nil
}

// Close ends the script.
func (s *Script) Close() { s.vm.Close() }

// Request does to m what is done on the way to a target. Where the script refuses the
// request, refusal is the answer to the client.
func (s *Script) Request(m *Message) (refusal *Message, err error) {
	params := s.vm.NewTable()
	for k, v := range s.Params {
		params.RawSetString(k, lua.LString(v))
	}
	s.metadata["backworks.path"] = params
	h := &handle{script: s, m: m}
	err = h.call("envoy_on_request")
	return h.refusal, err
}

// Response does to m what is done on the way to the client.
func (s *Script) Response(m *Message) error {
	h := &handle{script: s, m: m}
	return h.call("envoy_on_response")
}

// setBody is what a change of the body does in Envoy.
func (m *Message) setBody(b []byte) {
	m.Body = bytes.Clone(b)
	m.Set("content-length", fmt.Sprint(len(b)))
}
