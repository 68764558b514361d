package transform

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"google.golang.org/protobuf/types/known/structpb"
)

// handle is what Envoy hands its Lua functions, as far as the script uses it
// (Envoy's documentation of the Lua filter, "Stream handle API").
type handle struct {
	script  *Script
	m       *Message
	refusal *Message
}

// errResponded ends a script that has answered by itself.
var errResponded = errors.New("responded")

func (h *handle) call(function string) error {
	vm := h.script.vm
	err := vm.CallByParam(lua.P{Fn: vm.GetGlobal(function), Protect: true}, h.table(map[string]lua.LGFunction{
		"filterContext": h.filterContext, "headers": h.headers, "body": h.body, "bodyChunks": h.chunks,
		"streamInfo": h.streamInfo, "timestamp": h.timestamp, "respond": h.respond,
	}))
	if err != nil && h.refusal == nil {
		return fmt.Errorf("run %s: %w", function, err)
	}
	return nil
}

func (h *handle) table(methods map[string]lua.LGFunction) *lua.LTable {
	t := h.script.vm.NewTable()
	for name, f := range methods {
		t.RawSetString(name, h.script.vm.NewFunction(f))
	}
	return t
}

func (h *handle) filterContext(vm *lua.LState) int {
	vm.Push(h.table(map[string]lua.LGFunction{"get": func(vm *lua.LState) int {
		vm.Push(luaValue(vm, h.script.data.GetFields()[vm.CheckString(2)]))
		return 1
	}}))
	return 1
}

// luaValue is a value of the filter context as Envoy gives it to Lua.
func luaValue(vm *lua.LState, v *structpb.Value) lua.LValue {
	switch v := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return lua.LString(v.StringValue)
	case *structpb.Value_NumberValue:
		return lua.LNumber(v.NumberValue)
	case *structpb.Value_BoolValue:
		return lua.LBool(v.BoolValue)
	case *structpb.Value_ListValue:
		t := vm.NewTable()
		for _, x := range v.ListValue.Values {
			t.Append(luaValue(vm, x))
		}
		return t
	case *structpb.Value_StructValue:
		t := vm.NewTable()
		for k, x := range v.StructValue.Fields {
			t.RawSetString(k, luaValue(vm, x))
		}
		return t
	}
	return lua.LNil
}

func (h *handle) headers(vm *lua.LState) int {
	m := h.m
	vm.Push(h.table(map[string]lua.LGFunction{
		"get": func(vm *lua.LState) int {
			if all := m.All(vm.CheckString(2)); len(all) > 0 {
				vm.Push(lua.LString(strings.Join(all, ",")))
			} else {
				vm.Push(lua.LNil)
			}
			return 1
		},
		"getNumValues": func(vm *lua.LState) int {
			vm.Push(lua.LNumber(len(m.All(vm.CheckString(2)))))
			return 1
		},
		"getAtIndex": func(vm *lua.LState) int {
			vm.Push(lua.LString(m.All(vm.CheckString(2))[vm.CheckInt(3)]))
			return 1
		},
		"add":     func(vm *lua.LState) int { m.Add(vm.CheckString(2), vm.CheckString(3)); return 0 },
		"remove":  func(vm *lua.LState) int { m.Remove(vm.CheckString(2)); return 0 },
		"replace": func(vm *lua.LState) int { m.Set(vm.CheckString(2), vm.CheckString(3)); return 0 },
	}))
	return 1
}

func (h *handle) buffer() *lua.LTable {
	return h.table(map[string]lua.LGFunction{
		"length": func(vm *lua.LState) int { vm.Push(lua.LNumber(len(h.m.Body))); return 1 },
		"getBytes": func(vm *lua.LState) int {
			from := vm.CheckInt(2)
			vm.Push(lua.LString(h.m.Body[from : from+vm.CheckInt(3)]))
			return 1
		},
		"setBytes": func(vm *lua.LState) int { h.m.setBody([]byte(vm.CheckString(2))); return 0 },
	})
}

func (h *handle) body(vm *lua.LState) int {
	if h.m.Body == nil {
		vm.Push(lua.LNil)
	} else {
		vm.Push(h.buffer())
	}
	return 1
}

// chunks gives the body as one.
func (h *handle) chunks(vm *lua.LState) int {
	given := h.m.Body == nil
	vm.Push(vm.NewFunction(func(vm *lua.LState) int {
		if given {
			vm.Push(lua.LNil)
		} else {
			given = true
			vm.Push(h.buffer())
		}
		return 1
	}))
	return 1
}

func (h *handle) streamInfo(vm *lua.LState) int {
	s := h.script
	vm.Push(h.table(map[string]lua.LGFunction{
		"downstreamRemoteAddress": func(vm *lua.LState) int { vm.Push(lua.LString(s.ClientIP + ":0")); return 1 },
		"dynamicMetadata": func(vm *lua.LState) int {
			vm.Push(h.table(map[string]lua.LGFunction{
				"get": func(vm *lua.LState) int {
					if t := s.metadata[vm.CheckString(2)]; t != nil {
						vm.Push(t)
					} else {
						vm.Push(lua.LNil)
					}
					return 1
				},
				"set": func(vm *lua.LState) int {
					name := vm.CheckString(2)
					if s.metadata[name] == nil {
						s.metadata[name] = vm.NewTable()
					}
					s.metadata[name].RawSetString(vm.CheckString(3), vm.Get(4))
					return 0
				},
			}))
			return 1
		},
	}))
	return 1
}

func (h *handle) timestamp(vm *lua.LState) int {
	vm.Push(lua.LString(fmt.Sprint(h.script.Now.UnixMilli())))
	return 1
}

func (h *handle) respond(vm *lua.LState) int {
	h.refusal = &Message{Body: []byte(vm.OptString(3, ""))}
	vm.CheckTable(2).ForEach(func(k, v lua.LValue) { h.refusal.Add(k.String(), v.String()) })
	vm.RaiseError("%s", errResponded)
	return 0
}
