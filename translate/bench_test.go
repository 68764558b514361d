package translate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"backworks/blueprints"
	"backworks/translate"
)

// many is a blueprint of n pools and endpoints.
func many(b *testing.B, n int) *blueprints.Blueprint {
	b.Helper()
	var s strings.Builder
	s.WriteString("plugins:\n  proxy:\n    config:\n      upstreams:\n")
	for i := range n {
		fmt.Fprintf(&s, "        pool-%d: {targets: [{url: \"http://10.0.%d.%d:80\"}, {url: \"http://10.1.%d.%d:80\"}]}\n", i, i/256, i%256, i/256, i%256)
	}
	s.WriteString("endpoints:\n")
	for i := range n {
		fmt.Fprintf(&s, "  - {path: \"/service-%d/{id}\", method: GET, handler: proxy, upstream: pool-%d, config: {proxy: {path: \"/{id}\"}}}\n", i, i)
	}
	return parse(b, s.String())
}

// BenchmarkOverrides translates a blueprint whose endpoints all change plugins, alike.
func BenchmarkOverrides(b *testing.B) {
	for _, n := range []int{100, 1000} {
		s := "plugins:\n  proxy: {config: {targets: [\"http://192.0.2.1:80\"]}}\nendpoints:\n"
		for i := range n {
			s += fmt.Sprintf("  - {path: /a/%d, config: {errors: {body: {a: b}}, compression: {min_length: 500}, access_log: {file: /dev/null}}}\n", i)
		}
		bp := parse(b, s)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if r, problems := translate.Blueprint(bp); r == nil {
					b.Fatal(problems)
				}
			}
		})
	}
}

// BenchmarkBlueprint translates anew, BenchmarkUpdate after an edit of one target.
func BenchmarkBlueprint(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		bp := many(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if r, problems := translate.Blueprint(bp); r == nil {
					b.Fatal(problems)
				}
			}
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10000} {
		bp := many(b, n)
		prev, _ := translate.Blueprint(bp)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			next, pool, target := *bp, *bp.Pools[n/2], *bp.Pools[n/2].Targets[0]
			target.Port++
			pool.Targets = append([]*blueprints.Target{&target}, pool.Targets[1:]...)
			next.Pools = slices.Clone(bp.Pools)
			next.Pools[n/2] = &pool
			b.ReportAllocs()
			for b.Loop() {
				if r, problems := translate.Update(prev, &next); r == nil {
					b.Fatal(problems)
				}
			}
		})
	}
}
