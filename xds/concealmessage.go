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
		return c.entries(f, v.Map())
	case f.IsList():
		for i := range v.List().Len() {
			found = c.value(f, v.List().Get(i), func(x protoreflect.Value) { v.List().Set(i, x) }) || found
		}
	default:
		return c.value(f, v, func(x protoreflect.Value) { m.Set(f, x) })
	}
	return found
}

// entries conceals the keys and values of a map.
func (c *Concealer) entries(f protoreflect.FieldDescriptor, values protoreflect.Map) (found bool) {
	keys := make([]protoreflect.MapKey, 0, values.Len())
	values.Range(func(key protoreflect.MapKey, x protoreflect.Value) bool {
		put := func(x protoreflect.Value) { values.Set(key, x) }
		found = c.value(f.MapValue(), x, put) || found
		keys = append(keys, key)
		return true
	})
	if f.MapKey().Kind() != protoreflect.StringKind {
		return found
	}
	for _, key := range keys {
		if text := c.text(key.String()); text != key.String() {
			x := values.Get(key)
			values.Clear(key)
			values.Set(protoreflect.ValueOfString(text).MapKey(), x)
			found = true
		}
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
