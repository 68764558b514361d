package blueprints

import (
	"strconv"
	"strings"
)

// suggest is the one of names that s was probably meant to be, or "".
func suggest(s string, names []string) string {
	if len(s) > 64 {
		return ""
	}
	best, least := "", len(s)/3+1
	if least < 2 {
		least = 2
	}
	for _, n := range names {
		if d := distance(normal(s), normal(n)); d < least || d == least && best == "" && d < len(s) {
			best, least = n, d
		}
	}
	return best
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "")

// normal makes case and separators count for nothing.
func normal(s string) string { return strings.ToLower(separators.Replace(s)) }

// distance is Levenshtein's: insertions, deletions and substitutions, and a swap
// of neighbours counts as one.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// joinNames is `"a", "b" or "c"`; a long list is cut.
func joinNames(names []string) string {
	const most = 12
	var b strings.Builder
	for i, n := range names {
		switch {
		case i == most && len(names) > most+1:
			return b.String() + " and others"
		case i > 0 && i == len(names)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(n))
	}
	return b.String()
}
