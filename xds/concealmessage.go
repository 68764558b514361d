package xds

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// Message takes the values out of m, and out of all that is packed in it. What cannot be
// read has none of them that could be told.
func (c *Concealer) Message(m proto.Message) {
	if c != nil {
		c.message(m.ProtoReflect())
	}
}

// Text is text without the values.
func (c *Concealer) Text(text string) string {
	if c == nil {
		return text
	}
	return c.plain(text)
}

// any is Message of what is packed; it says whether there was a value.
func (c *Concealer) any(a *anypb.Any) bool {
	if c == nil {
		return false
	}
	m, err := a.UnmarshalNew()
	if err != nil || !c.message(m.ProtoReflect()) {
		return false
	}
	// As in redactAny.
	a.Value, _ = proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return true
}

func (c *Concealer) message(m protoreflect.Message) (found bool) {
	if a, packed := m.Interface().(*anypb.Any); packed {
		return c.any(a)
	}
	var set []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		set = append(set, f)
		return true
	})
	for _, f := range set {
		found = c.field(m, f) || found
	}
	return found
}

func (c *Concealer) field(m protoreflect.Message, f protoreflect.FieldDescriptor) (found bool) {
	v := m.Get(f)
	switch {
	case f.IsMap():
		values := v.Map()
		values.Range(func(key protoreflect.MapKey, x protoreflect.Value) bool {
			put := func(x protoreflect.Value) { values.Set(key, x) }
			found = c.value(f.MapValue(), x, put) || found
			return true
		})
	case f.IsList():
		for i := range v.List().Len() {
			found = c.value(f, v.List().Get(i), func(x protoreflect.Value) { v.List().Set(i, x) }) || found
		}
	default:
		return c.value(f, v, func(x protoreflect.Value) { m.Set(f, x) })
	}
	return found
}

// value conceals one value of a field, which put replaces.
func (c *Concealer) value(f protoreflect.FieldDescriptor, v protoreflect.Value, put func(protoreflect.Value)) bool {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return c.message(v.Message())
	case protoreflect.StringKind:
		text := c.text(v.String())
		put(protoreflect.ValueOfString(text))
		return text != v.String()
	case protoreflect.BytesKind:
		text := c.text(string(v.Bytes()))
		put(protoreflect.ValueOfBytes([]byte(text)))
		return text != string(v.Bytes())
	}
	return false
}
