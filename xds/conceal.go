package xds

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minPart is the least length of which a value is looked for within longer text, and of
// which digits are taken for one: what is shorter is no secret, and would be found all
// over.
const minPart = 4

// Concealer takes values out of what is shown, in every writing that translation gives
// them. A nil one takes nothing.
type Concealer struct {
	all []concealed // the longest first
}

// concealed is a value in one writing, in lower case, and what stands for it.
type concealed struct{ text, stands string }

// NewConcealer is for values and what stands for them; nil where there are none.
func NewConcealer(private map[string]string) *Concealer {
	if len(private) == 0 {
		return nil
	}
	found := map[string]string{}
	for value, stands := range private {
		for _, text := range writings(value) {
			if text = strings.ToLower(text); text != "" && (found[text] == "" || stands < found[text]) {
				found[text] = stands
			}
		}
	}
	c := &Concealer{}
	for text, stands := range found {
		c.all = append(c.all, concealed{text, stands})
	}
	slices.SortFunc(c.all, func(a, b concealed) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), strings.Compare(a.text, b.text))
	})
	return c
}

// writings are what a value may have become: in Envoy's formats a per cent sign is
// doubled, and there are expressions, JSON, code, addresses and the parts of them.
func writings(v string) []string {
	quoted, _ := json.Marshal(v) // a string can be
	out := []string{
		v, strings.TrimSpace(v), strings.ReplaceAll(v, "%", "%%"), regexp.QuoteMeta(v), inside(string(quoted)), inside(strconv.Quote(v)),
		url.QueryEscape(v), url.PathEscape(v), hex.EncodeToString([]byte(v)),
	}
	if u, err := url.Parse(v); err == nil && u.Host != "" {
		out = append(out, u.Host, u.Hostname(), u.Path, u.RawQuery)
		if u.User != nil {
			password, _ := u.User.Password()
			out = append(out, u.User.Username(), password)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s != v && len(s) < minPart })
}

// inside is a quoted text without its quotes.
func inside(quoted string) string { return quoted[1 : len(quoted)-1] }

// conceal is v, decoded JSON, without the values. Names of types are no blueprint's.
func (c *Concealer) conceal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, x := range v {
			if key == "@type" {
				out[key] = x
				continue
			}
			out[c.text(key)] = c.conceal(x)
		}
		return out
	case []any:
		for i := range v {
			v[i] = c.conceal(v[i])
		}
	case string:
		return c.text(v)
	case json.Number:
		if len(v) >= minPart {
			if text := c.text(v.String()); text != v.String() {
				return text
			}
		}
	}
	return v
}

// text is s without the values; bytes, which JSON has in base64, are looked into.
func (c *Concealer) text(s string) string {
	if out := c.plain(s); out != s || len(c.all) == 0 {
		return out
	}
	for word := range strings.FieldsSeq(s) {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if raw, err := e.DecodeString(word); err == nil && len(raw) > 0 && c.plain(string(raw)) != string(raw) {
				return redacted
			}
		}
	}
	return s
}

func (c *Concealer) plain(s string) string {
	for _, x := range c.all {
		switch lower := strings.ToLower(s); {
		case lower == x.text:
			return x.stands
		case len(x.text) < minPart, len(lower) != len(s): // short, or not to be cut at the same places
			if len(x.text) >= minPart && strings.Contains(lower, x.text) {
				return redacted
			}
		default:
			s = replaceFold(s, lower, x)
		}
	}
	return s
}

// replaceFold has what stands for x in all its places; lower is s in lower case.
func replaceFold(s, lower string, x concealed) string {
	var b strings.Builder
	for {
		i := strings.Index(lower, x.text)
		if i < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i] + x.stands)
		s, lower = s[i+len(x.text):], lower[i+len(x.text):]
	}
}
