package admin

func (p *pages) sources() []source { return nil }

func (p *pages) summary() any { return nil }
