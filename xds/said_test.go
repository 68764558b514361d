package xds

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// acknowledgement is a SotW request of a client that subscribes to n names.
func acknowledgement(n int, nonce string) []byte {
	b := appendString(nil, sotwFields.version, "0123456789abcdef")
	for i := range n {
		b = appendString(b, sotwFields.names, fmt.Sprintf("service-%05d", i))
	}
	return appendString(appendString(b, sotwFields.url, typeEndpoint), sotwFields.nonce, nonce)
}

// What a client says again, and what all clients of a fleet say, costs no allocation
// for each name.
func TestKnownWordsCostNothing(t *testing.T) {
	known := &interner{}
	names := &request{known: known}
	if err := names.parse(acknowledgement(1000, "1")); err != nil || len(names.names.list) != 1000 {
		t.Fatalf("%v: %d names", err, len(names.names.list))
	}
	has := appendString(nil, deltaFields.url, typeCluster)
	for i := range 1000 {
		has = appendString(has, deltaFields.initial, string(appendString(appendString(nil, 1, fmt.Sprint("service-", i)), 2, "0123456789abcdef")))
	}
	first := &request{delta: true, known: known}
	if err := first.parse(has); err != nil || first.initial == nil {
		t.Fatalf("%v: %v", err, first.initial)
	}
	again := acknowledgement(1000, "2")
	for what, parse := range map[string]func() bool{
		"an acknowledgement": func() bool {
			r := &request{known: known}
			return r.parse(again) == nil && r.names == names.names && r.nonce == "2"
		},
		"a return": func() bool {
			r := &request{delta: true, known: known}
			return r.parse(has) == nil && r.initial == first.initial
		},
	} {
		if n := testing.AllocsPerRun(10, func() {
			if !parse() {
				t.Errorf("%s: it reads as something else", what)
			}
		}); n > 10 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	runtime.KeepAlive(first)
}

// Fields may stand in any order, and names be said in any.
func TestWordsInAnyOrder(t *testing.T) {
	t.Parallel()
	known := &interner{}
	read := func(parts ...string) *request {
		var b []byte
		for _, name := range parts {
			if name == "" {
				b = appendString(b, sotwFields.url, typeEndpoint)
			} else {
				b = appendString(b, sotwFields.names, name)
			}
		}
		r := &request{known: known}
		if err := r.parse(b); err != nil {
			t.Fatal(err)
		}
		return r
	}
	one := read("", "a", "b")
	for _, other := range []*request{read("a", "b", ""), read("a", "", "b"), read("b", "", "a"), read("", "b", "a", "b")} {
		if other.names != one.names || other.url != typeEndpoint {
			t.Errorf("%v instead of %v", other.names, one.names)
		}
	}
	for _, other := range []*request{read("", "a"), read("", "ab"), read("", "a", "b", "*"), read("")} {
		if other.names == one.names {
			t.Errorf("%v is the same as %v", other.names, one.names)
		}
	}
	if all := read("*").names; all != everybody {
		t.Errorf("* reads as %v", all)
	}
}

// Nothing is remembered of clients that are gone.
func TestWordsAreForgotten(t *testing.T) {
	t.Parallel()
	known := &interner{}
	for i := range 100 {
		r := &request{known: known}
		if err := r.parse(acknowledgement(i+1, "1")); err != nil {
			t.Fatal(err)
		}
		back := &request{delta: true, known: known}
		if err := back.parse(appendString(nil, deltaFields.initial, string(appendString(nil, 1, fmt.Sprint(i))))); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); ; runtime.GC() {
		known.mu.Lock()
		left := len(known.all) + len(known.raw) + len(known.initials)
		known.mu.Unlock()
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d are left", left)
		}
	}
}

// BenchmarkAcknowledgement is a SotW request with 1,000 names that are known.
func BenchmarkAcknowledgement(b *testing.B) {
	known, text := &interner{}, acknowledgement(1000, "1")
	first := &request{known: known}
	if err := first.parse(text); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r := &request{known: known}
		if err := r.parse(text); err != nil {
			b.Fatal(err)
		}
	}
	runtime.KeepAlive(first)
}
