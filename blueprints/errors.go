package blueprints

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// errorsSpec is the plugin errors.
type errorsSpec struct {
	policySpec
	Body        free            `yaml:"body" also:"status|error|message" doc:"What is answered: a mapping that is sent as JSON, or text. {{status}}, {{error}} and {{message}} are those of the case; a value that is {{status}} alone is a number."`
	ContentType str             `yaml:"content_type" doc:"The Content-Type; application/json, or where body is text, text/html or text/plain."`
	Statuses    dict[errorSpec] `yaml:"by_status,statuses" doc:"Others by status: 404, or 4xx and 5xx for the rest of a class."`
}

// errorSpec is what is answered with one status.
type errorSpec struct {
	at
	Error       str  `yaml:"error" doc:"What {{error}} is, a word for programs."`
	Message     str  `yaml:"message" doc:"What {{message}} is, a sentence for people."`
	Body        free `yaml:"body" also:"status|error|message" doc:"As errors.body."`
	ContentType str  `yaml:"content_type" doc:"As errors.content_type."`
}

// Errors is what the proxy itself says where no target answers.
type Errors struct {
	Policy
	Body *ErrorBody
	// ByStatus has single statuses first, then classes, each ascending.
	ByStatus []ErrorAnswer
}

// ErrorBody is the shape of an answer.
type ErrorBody struct {
	// JSON is a mapping as Static.JSON has it; nil: Text is the body.
	JSON        any
	Text        Text
	ContentType string
}

// ErrorAnswer is what is said with a status, 404, or class of them, 4. What is zero is
// as elsewhere.
type ErrorAnswer struct {
	Position
	Status         int
	Error, Message string
	Body           *ErrorBody
}

func (e *Errors) fill() {
	if e.Body == nil {
		e.Body = &ErrorBody{
			JSON:        map[string]any{"error": Text{{Var: "error"}}, "message": Text{{Var: "message"}}},
			ContentType: "application/json",
		}
	}
}

// DefaultErrors are what holds without the plugin.
func DefaultErrors() *Errors {
	e := new(Errors)
	e.fill()
	return e
}

func (d *decoder) errorAnswers(s *errorsSpec) *Errors {
	e := &Errors{Policy: d.policy(&s.policySpec), Body: d.errorBody(&s.Body, s.ContentType)}
	if s.Statuses.given() { // also an empty one, over the blueprint's
		e.ByStatus = []ErrorAnswer{}
	}
	for _, x := range s.Statuses.items {
		status := d.errorStatus(x.key, x.at)
		if slices.ContainsFunc(e.ByStatus, func(a ErrorAnswer) bool { return a.Status == status }) {
			d.fail(x.at, "stands here a second time")
		}
		e.ByStatus = append(e.ByStatus, ErrorAnswer{
			Position: d.position(x.at), Status: status, Error: x.v.Error.v, Message: x.v.Message.v,
			Body: d.errorBody(&x.v.Body, x.v.ContentType),
		})
	}
	slices.SortStableFunc(e.ByStatus, func(a, b ErrorAnswer) int {
		return cmp.Or(cmp.Compare(min(b.Status, 10), min(a.Status, 10)), cmp.Compare(a.Status, b.Status))
	})
	return e
}

// errorStatus is a status of an error, or 4 and 5 for its class.
func (d *decoder) errorStatus(key string, a at) int {
	switch n, err := strconv.Atoi(key); {
	case key == "4xx", key == "5xx":
		return int(key[0] - '0')
	case err == nil && n >= 400 && n <= 599:
		return n
	}
	d.fail(a, "must be a status of 400 to 599, 4xx or 5xx")
	return 0
}

// errorBody is nil where the file does not have it.
func (d *decoder) errorBody(s *free, contentType str) *ErrorBody {
	if !s.given() {
		if contentType.given() {
			d.fail(contentType.at, "needs a body beside it")
		}
		return nil
	}
	if strings.ContainsAny(contentType.v, "\r\n\x00") {
		d.fail(contentType.at, "must be one line")
	}
	b := &ErrorBody{ContentType: contentType.v}
	for _, p := range s.parts {
		d.noParams(textValue{str: p.str, text: p.text})
	}
	switch v := s.v.(type) {
	case map[string]any:
		b.JSON = v
		b.ContentType = contentType.or("application/json")
	case Text:
		if !s.text || len(v) == 0 {
			d.fail(s.at, "must be a mapping or text, and not empty")
		}
		d.harmless(s)
		b.Text = v
		if b.ContentType == "" {
			b.ContentType = textType(v)
			if strings.HasPrefix(strings.TrimSpace(v.String()), "<") {
				b.ContentType = "text/html; charset=utf-8"
			}
		}
	default:
		d.fail(s.at, "must be a mapping or text")
	}
	return b
}

// harmless refuses in text what a client chooses: the proxy puts it there as it came, so
// that a page would run the scripts of whoever makes people follow a link.
func (d *decoder) harmless(s *free) {
	for _, p := range s.parts {
		for _, x := range p.text {
			if x.Var == "path" || x.Var == "host" || x.Var == "header" || x.Var == "query" || x.Var == "method" || x.Var == "scheme" {
				d.fail(p.at, Text{x}.String(), " is what the client sent, and would stand in the text without escaping: a body that is a mapping escapes it")
			}
		}
	}
}
