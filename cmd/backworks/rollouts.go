package main

import (
	"context"

	"backworks/blueprints"
	"backworks/envoy"
	"backworks/fleet"
)

// rollouts are the flags that win over the blueprints' own.
func (s *service) rollouts() fleet.Rollouts {
	r := fleet.Rollouts{Steps: s.steps}
	if s.canary >= 0 {
		r.Canary = &s.canary
	}
	if s.watchFor >= 0 {
		r.Watch = &s.watchFor
	}
	if s.checkEnvoy {
		r.Check = s.checkWithEnvoy
	}
	return r
}

// checkWithEnvoy has the Envoy of this machine validate a version, as a static
// configuration: it sees nothing of what comes by xDS.
func (s *service) checkWithEnvoy(bp *blueprints.Blueprint) error {
	ctx := context.Background()
	config, err := rendering{}.config(ctx, bp)
	if err != nil {
		return err
	}
	return envoy.Validate(ctx, s.binary, config)
}
