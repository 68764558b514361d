package xds

import (
	"regexp"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
)

// redacted stands in place of secrets, as in Envoy's config_dump.
const redacted = "[redacted]"

// sensitive is the annotation of fields of Envoy's API that hold secrets, such as
// private keys. It is there because the API itself imports it.
var sensitive = func() protoreflect.ExtensionType {
	x, err := protoregistry.GlobalTypes.FindExtensionByName("udpa.annotations.sensitive")
	if err != nil {
		panic("xds: " + err.Error())
	}
	return x
}()

// credential are the names of headers whose values let others in, which Envoy does not
// know for secrets; challenge are those that ask for them (RFC 9110, 11.6.1 and 11.7.1).
var (
	challenge  = regexp.MustCompile(`(?i)^(www|proxy)-authenticate$`)
	credential = regexp.MustCompile(`(?i)auth|cookie|token|secret|passw|credential|api-?key`)
)

// shown is a resource for readers.
type shown struct {
	content *anypb.Any // without secrets; nil: not known
	secret  bool       // something is withheld
}

// bare returns the resource without its secrets.
func (r *Resource) bare() *shown {
	if s := r.shown.Load(); s != nil {
		return s
	}
	s := &shown{}
	if content := r.any(); content != nil {
		s.secret = redactAny(content, false)
		r.concealer.any(content)
		s.content = content
	}
	r.shown.Store(s)
	return s
}

// any returns the resource as it is sent; its bytes are shared. It is nil for what
// only a client is known to have.
func (r *Resource) any() *anypb.Any {
	var out *anypb.Any
	_ = eachField(r.sotw, func(_ protowire.Number, wrapped []byte) error {
		out = &anypb.Any{TypeUrl: r.url}
		return eachField(wrapped, func(number protowire.Number, v []byte) error {
			if number == anyValue {
				out.Value = v
			}
			return nil
		})
	})
	return out
}

// redactAny takes the secrets out of a packed message and says whether there were
// any. What cannot be read may be one.
func redactAny(a *anypb.Any, all bool) bool {
	m, err := a.UnmarshalNew()
	if err != nil {
		withheld := len(a.Value) > 0
		a.Value = nil
		return withheld
	}
	if !redact(m.ProtoReflect(), all) {
		return false
	}
	// Marshalling can only fail for text that is not UTF-8, which was read as such.
	a.Value, _ = proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return true
}

// redact takes the secrets out of a message: fields annotated as sensitive with all
// that is below them; all: every field.
func redact(m protoreflect.Message, all bool) (found bool) {
	field := m.Descriptor().Fields().ByName
	var kept protoreflect.FieldDescriptor
	switch m.Descriptor().FullName() {
	case "google.protobuf.Any":
		return redactAny(m.Interface().(*anypb.Any), all)
	case "xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct":
		// Its fields cannot be told from each other.
		return blank(m, field("value"))
	case "envoy.extensions.transport_sockets.tls.v3.Secret":
		kept, all = field("name"), true
	case "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider":
		// A set of keys may have shared ones.
		if f := field("local_jwks"); m.Has(f) {
			redact(m.Get(f).Message(), true)
			found = true
		}
	case "envoy.config.core.v3.HeaderValue":
		if key := m.Get(field("key")).String(); credential.MatchString(key) && !challenge.MatchString(key) {
			kept, all = field("key"), true
		}
	}
	var set []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		set = append(set, f)
		return true
	})
	for _, f := range set {
		if f != kept {
			found = redactField(m, f, all || proto.GetExtension(f.Options(), sensitive).(bool)) || found
		}
	}
	return found
}

func redactField(m protoreflect.Message, f protoreflect.FieldDescriptor, all bool) (found bool) {
	v := m.Get(f)
	message := f.Message() != nil
	switch {
	case f.IsMap() && f.MapValue().Message() != nil:
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			found = redact(v.Message(), all) || found
			return true
		})
		return found
	case f.IsList() && message:
		for i := range v.List().Len() {
			found = redact(v.List().Get(i).Message(), all) || found
		}
		return found
	case message && !f.IsMap():
		return redact(v.Message(), all)
	case !all:
		return false
	}
	return blank(m, f)
}

// blank takes the value of a field away; text says that there was one.
func blank(m protoreflect.Message, f protoreflect.FieldDescriptor) bool {
	m.Clear(f)
	switch {
	case f.IsMap() || f.IsList():
	case f.Kind() == protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString(redacted))
	case f.Kind() == protoreflect.BytesKind:
		m.Set(f, protoreflect.ValueOfBytes([]byte(redacted)))
	}
	return true
}
