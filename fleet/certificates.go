package fleet

import (
	"fmt"
	"path/filepath"
	"time"

	"backworks/blueprints"
	"backworks/translate"
)

const (
	// expiresSoon is how long before its end a certificate is warned of: what renews
	// certificates of 90 days does so at 30 days before it, and has failed by then.
	expiresSoon = 21 * 24 * time.Hour
	// expiryEvery is how often they are looked at.
	expiryEvery = time.Hour
)

// Certificate is a certificate that is served, or authorities that are trusted.
type Certificate struct {
	// Blueprint is the main file, Name that of the secret as Envoys get it.
	Blueprint string `json:"blueprint"`
	Name      string `json:"name"`
	File      string `json:"file"`
	// Names are what it is made out for; none for authorities.
	Names   []string  `json:"names"`
	Expires time.Time `json:"expires"`

	position blueprints.Position
}

// certificates are those of what is served, in the order of blueprints and of names.
func certificates(set *blueprints.Set) []Certificate {
	var out []Certificate
	if set == nil {
		return nil
	}
	for _, bp := range set.Blueprints {
		for name, c := range translate.Certificates(bp) {
			out = append(out, Certificate{bp.File, name, c.File, c.Names, c.Expires, c.Position})
		}
	}
	return out
}

// expiring tells of those that will not be valid for long, or are no more.
func expiring(all []Certificate, now time.Time) blueprints.Problems {
	var out blueprints.Problems
	for _, c := range all {
		left, file := c.Expires.Sub(now), filepath.Base(c.File)
		p := blueprints.Problem{Position: c.position}
		switch until := c.Expires.UTC().Format(time.RFC3339); {
		case left <= 0:
			p.Message = fmt.Sprintf("%s expired at %s: renew it, it is read again when it changes", file, until)
		case left < expiresSoon:
			p.Severity = blueprints.Warning
			p.Message = fmt.Sprintf("%s expires in %d days, at %s: renew it, it is read again when it changes", file, int(left/(24*time.Hour)), until)
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}

// warnOfExpiry logs what is new of that, which is once a day for each.
func (f *Fleet) warnOfExpiry(now time.Time) {
	problems := expiring(certificates(f.Groups.set.Load()), now)
	f.logProblems(f.expiring, problems, false)
	f.expiring = problems
}
