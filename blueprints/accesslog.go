package blueprints

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// accessLogSpec is the plugin access_log.
type accessLogSpec struct {
	policySpec
	Format       str             `yaml:"format" enum:"json|text" default:"json" doc:"Whether a line is a JSON object of the fields, or text."`
	Fields       dict[textValue] `yaml:"fields" also:"status|duration_ms|target_ms|bytes_in|bytes_out|protocol|flags|details|target|pool|endpoint|attempts|trace_id|tls_version|response_header.NAME" doc:"The keys of a line and their values, for format json. A value that is one placeholder alone keeps its type: numbers are numbers, and what there is not is null."`
	Line         textValue       `yaml:"line" also:"status|duration_ms|target_ms|bytes_in|bytes_out|protocol|flags|details|target|pool|endpoint|attempts|trace_id|tls_version|response_header.NAME" doc:"A line, for format text; a hyphen stands for what there is not."`
	File         str             `yaml:"file,path" doc:"stdout, stderr, or the absolute path of a file on the proxy's machine. Without it stdout, or nothing where there is a collector."`
	Collector    str             `yaml:"collector" doc:"An OpenTelemetry collector that gets the lines too: a URL such as http://localhost:4317, or the name of a pool."`
	Protocol     str             `yaml:"protocol" enum:"grpc|http" default:"grpc" doc:"What the collector speaks: OTLP over gRPC, or over HTTP."`
	ServiceName  str             `yaml:"service_name" doc:"What the collector knows the proxy by; the blueprint's name without it."`
	Status       list[str]       `yaml:"status,statuses" single:"true" doc:"Only answers with one of these: 404, 5xx or 400-499."`
	MinDuration  duration        `yaml:"min_duration" min:"0" doc:"Only requests that took this long."`
	Paths        list[str]       `yaml:"paths" single:"true" doc:"Only these paths; * stands for any characters."`
	ExcludePaths list[str]       `yaml:"exclude_paths" single:"true" doc:"Not these paths; * stands for any characters."`
	Sample       number          `yaml:"sample" default:"100" min:"0" max:"100" doc:"The share of requests, in per cent."`
	OnlyErrors   boolean         `yaml:"only_errors" default:"false" doc:"Only answers of 500 and above, and requests that got none."`
}

// AccessLog is one line for each request.
type AccessLog struct {
	Policy
	// Format is "json", the default, or "text"; Fields or Line say what is in a line,
	// each with a default.
	Format string
	Fields []LogField
	Line   Text
	// File is "stdout", "stderr" or an absolute path; "" where only a Collector has it.
	File string
	// Collector is the pool of an OpenTelemetry collector, which speaks Protocol,
	// "grpc" by default; ServiceName is the blueprint's name by default.
	Collector, Protocol, ServiceName string

	// The filters all have to hold; nil is none.
	Status              []StatusRange
	MinDuration         *time.Duration
	Paths, ExcludePaths []string
	// Sample is a per cent, 100 by default.
	Sample     *float64
	OnlyErrors *bool
}

// LogField is a key of a line and its value.
type LogField struct {
	Key   string
	Value Text
}

var logFields = []LogField{
	{"time", Text{{Var: "now"}}}, {"client_ip", Text{{Var: "client_ip"}}}, {"method", Text{{Var: "method"}}},
	{"host", Text{{Var: "host"}}}, {"path", Text{{Var: "path"}}}, {"protocol", Text{{Var: "protocol"}}},
	{"status", Text{{Var: "status"}}}, {"flags", Text{{Var: "flags"}}}, {"duration_ms", Text{{Var: "duration_ms"}}},
	{"bytes_in", Text{{Var: "bytes_in"}}}, {"bytes_out", Text{{Var: "bytes_out"}}}, {"endpoint", Text{{Var: "endpoint"}}},
	{"pool", Text{{Var: "pool"}}}, {"target", Text{{Var: "target"}}}, {"user_agent", Text{{Var: "header", Arg: "User-Agent"}}},
	{"request_id", Text{{Var: "request_id"}}}, {"trace_id", Text{{Var: "trace_id"}}},
}

// logLine is the Combined Log Format with the time that a request took.
var logLine = Text{
	{Var: "client_ip"}, {Literal: " - - ["}, {Var: "now"}, {Literal: `] "`}, {Var: "method"}, {Literal: " "}, {Var: "path"}, {Literal: " "},
	{Var: "protocol"}, {Literal: `" `}, {Var: "status"}, {Literal: " "}, {Var: "bytes_out"}, {Literal: ` "`}, {Var: "header", Arg: "Referer"},
	{Literal: `" "`}, {Var: "header", Arg: "User-Agent"}, {Literal: `" `}, {Var: "duration_ms"},
}

func (l *AccessLog) fill() {
	if l.Format == "" {
		l.Format = "json"
	}
	if l.Fields == nil {
		l.Fields = logFields
	}
	if l.Line == nil {
		l.Line = logLine
	}
	if l.File == "" && l.Collector == "" {
		l.File = "stdout"
	}
	if l.Protocol == "" {
		l.Protocol = "grpc"
	}
}

func (d *decoder) accessLog(s *accessLogSpec) *AccessLog {
	l := &AccessLog{
		Policy: d.policy(&s.policySpec), Format: s.Format.v, Line: s.Line.text, File: s.File.v, Protocol: s.Protocol.v, ServiceName: s.ServiceName.v,
		Collector:   d.collector("access_log.collector", s.Collector, s.Protocol),
		MinDuration: said(s.MinDuration.v, s.MinDuration.given()), Paths: words(s.Paths), ExcludePaths: words(s.ExcludePaths),
		Sample: said(s.Sample.v, s.Sample.given()), OnlyErrors: said(s.OnlyErrors.v, s.OnlyErrors.given()),
	}
	d.noParams(s.Line)
	if strings.ContainsAny(s.Line.v, "\r\n") {
		d.fail(s.Line.at, "must be one line")
	}
	for _, f := range s.Fields.items {
		d.noParams(f.v)
		l.Fields = append(l.Fields, LogField{f.key, f.v.text})
	}
	switch {
	case s.Format.v == "text" && s.Fields.given():
		d.fail(s.Fields.at, "are for format json: use line, or another format")
	case s.Format.v != "text" && s.Format.given() && s.Line.given():
		d.fail(s.Line.at, "is for format text: use fields, or another format")
	case !s.Format.given() && s.Line.given() && s.Fields.given():
		d.fail(s.Line.at, "is for format text, and fields are for format json: keep one of them")
	case !s.Format.given() && s.Line.given():
		l.Format = "text"
	case !s.Format.given() && s.Fields.given():
		l.Format = "json"
	}
	if s.File.given() && s.File.v != "stdout" && s.File.v != "stderr" && (!path.IsAbs(s.File.v) || strings.ContainsRune(s.File.v, 0)) {
		d.fail(s.File.at, "must be stdout, stderr or an absolute path, got ", s.File.quote())
	}
	for _, x := range s.Status.items {
		if x.given() {
			l.Status = append(l.Status, d.statusRange(x))
		}
	}
	for _, x := range append(s.Paths.items, s.ExcludePaths.items...) {
		if x.given() && !strings.HasPrefix(x.v, "/") && !strings.HasPrefix(x.v, "*") {
			d.fail(x.at, "must begin with / or *, got ", x.quote())
		}
	}
	return l
}

var statusPattern = regexp.MustCompile(`^([1-5])xx$|^([1-5]\d\d)(?:-([1-5]\d\d))?$`)

// statusRange reads 404, 5xx or 400-499.
func (d *decoder) statusRange(s str) StatusRange {
	m := statusPattern.FindStringSubmatch(s.v)
	if m == nil {
		d.fail(s.at, "must be a status, a class or a range such as 404, 5xx or 400-499, got ", s.quote())
		return StatusRange{}
	}
	if m[1] != "" {
		class := int(m[1][0]-'0') * 100
		return StatusRange{class, class + 99}
	}
	from, _ := strconv.Atoi(m[2])
	if m[3] == "" {
		return StatusRange{from, from}
	}
	to, _ := strconv.Atoi(m[3])
	if to < from {
		d.fail(s.at, "must begin with the smaller status, got ", s.quote())
	}
	return StatusRange{from, to}
}

// noParams refuses parameters of paths, which a plugin does not know.
func (d *decoder) noParams(t textValue) {
	for _, p := range t.text {
		if p.Var == "param" {
			d.fail(t.at, "{{path.NAME}} is not known here: {{path}} is the whole path")
		}
	}
}

// collector is the pool of an OpenTelemetry collector. That of an endpoint is a pool's
// name, as pools that are made of URLs have the plugin's.
func (d *decoder) collector(as string, s, protocol str) string {
	if strings.Contains(s.v, "://") && inEndpoint(s.at) {
		d.fail(s.at, "must be the name of a pool in an endpoint: a URL belongs in the plugin")
		return ""
	}
	return d.service(as, s, protocol.v != "http")
}

// inEndpoint says that a key of a plugin stands in an endpoint.
func inEndpoint(a at) bool {
	p := a.path
	for p != nil && p.parent != nil {
		p = p.parent
	}
	return p != nil && p.key == "endpoints"
}
