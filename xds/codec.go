package xds

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// codec lets requests and load reports parse themselves and responses bring their bytes; it treats
// all other messages as gRPC's own does.
type codec struct{}

// outgoing is a response: a body that all streams share, and its nonce, field 5,
// which is this stream's own.
type outgoing struct{ body, nonce []byte }

// Name makes it stand in for gRPC's own.
func (codec) Name() string { return proto.Name }

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	if o, ok := v.(*outgoing); ok {
		// A SliceBuffer is never freed, so the body may be shared.
		return mem.BufferSlice{mem.SliceBuffer(o.body), mem.SliceBuffer(o.nonce)}, nil
	}
	return encoding.GetCodecV2(proto.Name).Marshal(v)
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(interface{ parse([]byte) error })
	if !ok {
		return encoding.GetCodecV2(proto.Name).Unmarshal(data, v)
	}
	buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buf.Free()
	return r.parse(buf.ReadOnlyData())
}
