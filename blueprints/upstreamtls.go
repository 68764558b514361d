package blueprints

// poolTLSSpec is how a pool speaks HTTPS to its targets.
type poolTLSSpec struct {
	at
	SNI         str     `yaml:"sni,server_name" doc:"The name to ask for, which the target's certificate must have; without it, the host that the request goes to."`
	CA          str     `yaml:"ca" doc:"A PEM file with the authorities that are trusted, read again when it changes; those of Envoy's system without it."`
	Certificate str     `yaml:"certificate,cert" doc:"A PEM file with a certificate to show to targets that ask for one."`
	Key         str     `yaml:"key,private_key" doc:"The PEM file with its key."`
	MinVersion  str     `yaml:"min_version" enum:"1.2|1.3" default:"1.2" doc:"The oldest version of TLS to speak."`
	Verify      boolean `yaml:"verify" default:"true" doc:"Whether targets' certificates are verified. Without it, whoever is in between may read and change all, which is warned of."`
}

// PoolTLS is how a pool speaks HTTPS, where its defaults do not do.
type PoolTLS struct {
	Position
	// SNI is "" for the host that a request goes to.
	SNI string
	// CA is nil for the system's, Certificate for none.
	CA          *Authorities
	Certificate *Certificate
	// MinVersion is "1.2", the default, or "1.3".
	MinVersion string
	// Insecure leaves targets' certificates unverified.
	Insecure bool
}

// poolTLS puts into p what s says, once its targets are known.
func (d *decoder) poolTLS(p *Pool, s *poolTLSSpec) {
	if !s.given() {
		return
	}
	t := &PoolTLS{Position: d.position(s.at), SNI: s.SNI.v, CA: d.authorities(s.CA), MinVersion: s.MinVersion.or("1.2"), Insecure: !s.Verify.or(true)}
	p.Secure = t
	switch {
	case s.SNI.given() && !hostName(s.SNI.v):
		d.fail(s.SNI.at, "must be a DNS name, got ", s.SNI.quote())
	case s.Certificate.given() != s.Key.given():
		d.fail(s.at, "needs certificate and key together")
	case s.Certificate.given():
		t.Certificate = d.certificate(s.Certificate.at, s.Certificate, s.Key)
	}
	if len(p.Targets) > 0 && !p.TLS {
		d.fail(s.at, "has no effect on targets with http: write https in their URLs, or leave it out")
	}
	if !t.Insecure {
		return
	}
	if s.CA.given() {
		d.fail(s.Verify.at, "cannot be false with a ca: leave one of them out")
	}
	d.warn(s.Verify.at, "with false, nobody knows who answers for the targets: whoever is in between may read and change all; name a ca instead")
}
