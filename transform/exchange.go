package transform

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"backworks/blueprints"
	"backworks/translate"
)

// Exchange is a request to a proxy, and what becomes of it.
type Exchange struct {
	Found translate.Found
	// Refusal is the proxy's own answer, where it has refused the request.
	Refusal *Message

	original Message // as the client sent it
	script   *Script
	values   map[string]string
}

// clientIP is that of nobody: the address of the documentation (RFC 5737).
const clientIP = "192.0.2.1"

// NewExchange makes of a request what the target gets; found is false where no endpoint
// has its path and method.
func NewExchange(bp *blueprints.Blueprint, m *Message, now time.Time) (x *Exchange, found bool, err error) {
	x = &Exchange{original: Message{Headers: append([]Header(nil), m.Headers...)}}
	path, _, _ := strings.Cut(m.Get(":path"), "?")
	if x.Found, found = translate.Find(bp, m.Get(":method"), path); !found {
		return nil, false, nil
	}
	f := &x.Found
	x.values = map[string]string{
		"now": now.UTC().Format("2006-01-02T15:04:05.000Z"), "client_ip": clientIP, "request_id": m.Get("x-request-id"),
		"method": m.Get(":method"), "path": m.Get(":path"), "host": m.Get(":authority"), "scheme": m.Get(":scheme"),
	}
	if data := translate.Transform(bp, f.Endpoint); data != nil {
		if x.script, err = NewScript(data); err != nil {
			return nil, true, err
		}
		x.script.ClientIP, x.script.Now, x.script.Params = clientIP, now, f.Params
		if x.Refusal, err = x.script.Request(m); err != nil || x.Refusal != nil {
			return x, true, err
		}
	}
	if f.Pool == nil {
		return x, true, nil
	}
	_, query, has := strings.Cut(m.Get(":path"), "?")
	m.Set(":path", f.Path+map[bool]string{true: "?" + query}[has])
	if !f.PreserveHost && len(f.Pool.Targets) > 0 {
		m.Set("x-forwarded-host", m.Get(":authority"))
		m.Set(":authority", address(f.Pool))
	}
	x.headers(m, f.Request)
	return x, true, nil
}

// address is the Host of the pool's first target, as its URL has it.
func address(p *blueprints.Pool) string {
	t := p.Targets[0]
	if u, err := url.Parse(t.URL); err == nil {
		return u.Host
	}
	return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
}

// Answer makes of a target's answer what the client gets.
func (x *Exchange) Answer(m *Message) error {
	x.headers(m, x.Found.Response)
	if x.script == nil {
		return nil
	}
	m.Add("x-envoy-upstream-service-time", "0") // as the router does
	err := x.script.Response(m)
	m.Remove("x-envoy-upstream-service-time")
	return err
}

// Close ends the exchange.
func (x *Exchange) Close() {
	if x.script != nil {
		x.script.Close()
	}
}

// headers does what a route does; renaming is the script's.
func (x *Exchange) headers(m *Message, h blueprints.Headers) {
	for _, name := range h.Remove {
		m.Remove(name)
	}
	for _, s := range h.Set {
		if v := x.text(s.Value); v != "" || len(s.Value) == 0 {
			m.Set(s.Name, v)
		}
	}
	for _, a := range h.Add {
		if v := x.text(a.Value); v != "" || len(a.Value) == 0 {
			m.Add(a.Name, v)
		}
	}
}

func (x *Exchange) text(t blueprints.Text) string {
	var b strings.Builder
	for _, p := range t {
		switch p.Var {
		case "":
			b.WriteString(p.Literal)
		case "header":
			b.WriteString(strings.Join(x.original.All(p.Arg), ","))
		case "query":
			_, query, _ := strings.Cut(x.original.Get(":path"), "?")
			values, _ := url.ParseQuery(query)
			b.WriteString(values.Get(p.Arg))
		case "param":
			b.WriteString(x.Found.Params[p.Arg])
		default:
			b.WriteString(x.values[p.Var])
		}
	}
	return b.String()
}
