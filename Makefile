# Everything a person or the CI does with gauntlet. One compiled tree serves `run`, `test` and `check` (the dev profile);
# only `bench` and `install` compile for release.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What the binary embeds.
DASHBOARD := clients/dashboard/dist/index.html
GAUNTLET := $(or $(CARGO_TARGET_DIR),target)/debug/gauntlet
BUF := node_modules/.bin/buf
# The commit that the API must stay compatible with: that of the newest release, once there is one.
API_BASELINE := 67d256a71228dc06494e9628f99db315cc0d48b7
EXIT_FLAG := $(if $(filter-out 0,$(EXIT)),--exit)

.PHONY: help generate dashboard browser run bench-postgres test check sim conformance clients sdks bench install binary need-cargo need-node need-postgres

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: binary $(BUF) ## Builds gauntlet and runs the demo benchmark, then serves until Ctrl-C (EXIT=1: ends with the run's exit code)
	@$(GAUNTLET) demo $(EXIT_FLAG)

bench-postgres: binary need-postgres ## The same demo against a private PostgreSQL that is started for it
	@folder=$$(mktemp -d /tmp/gauntlet-demo-XXXXXX); \
	trap 'scripts/private-postgres.sh stop "$$folder"' EXIT; \
	trap 'exit 130' INT; \
	trap 'exit 143' TERM; \
	url=$$(scripts/private-postgres.sh start "$$folder") || exit 1; \
	$(GAUNTLET) demo --postgres "$$url" $(EXIT_FLAG)

# The end-to-end tests drive the binary.
test: binary need-postgres $(BUF) ## Installs what the tests need and runs all of them
	@npm test --silent --workspace clients/typescript --workspace clients/dashboard
	@cargo test --workspace

# The rules are selected from the whole workspace, so that their dependencies are those that `test` compiles anyway.
check: need-cargo $(BUF) ## Format, lints, types, the API's definition, generated files, the repository's own rules
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets -- -D warnings
	@$(BUF) lint
	@if git cat-file -e '$(API_BASELINE)^{commit}' 2>/dev/null; then \
		$(BUF) breaking proto --against '.git#ref=$(API_BASELINE),subdir=proto'; \
	else \
		echo 'buf breaking: left out, this clone does not have the commit $(API_BASELINE)'; \
	fi
	@scripts/generate.sh --check
	@npm run --silent check --workspace clients/typescript --workspace clients/dashboard
	@cargo test --workspace --test architecture --test tidy --test api_reference

generate: $(BUF) ## Writes the API's code for the SDKs from proto/ (needs Go and Python)
	@scripts/generate.sh

sim: need-cargo ## Plays the whole cluster on a manual clock with the faults of a seed (SEED=7, SEEDS=100)
	@cargo bins --quiet --bin gauntlet-sim
	@$(GAUNTLET)-sim --seed $(or $(SEED),1) --seeds $(or $(SEEDS),1)

dashboard: $(DASHBOARD) ## Builds the web dashboard, which the next build of gauntlet embeds

browser: binary ## Drives the dashboard in Chromium: a real server, real workers; screenshots in target/browser
	@scripts/browser.sh

conformance: ## Runs the official Connect conformance suite against the front (needs Go)
	@scripts/conformance.sh

clients: binary $(BUF) ## Calls gauntlet with curl, buf curl, Python, Node.js and a browser (needs Python 3.11; a browser is optional)
	@scripts/clients.sh

sdks: binary $(BUF) ## Does what the SDKs' READMEs say, runs their examples and a worker in Python (needs Go and Python 3.11)
	@scripts/sdks.sh

bench: need-cargo need-postgres ## Measures gauntlet beside its peers and writes docs/benchmarks.md
	@scripts/bench.sh

install: need-cargo $(DASHBOARD) ## Compiles for release and installs the gauntlet command
	@cargo install --locked --path crates/server

binary: need-cargo $(DASHBOARD)
	@cargo bins --bin gauntlet

need-cargo:
	@command -v cargo >/dev/null || \
		{ echo 'cargo is not installed: install Rust from https://rustup.rs' >&2; exit 1; }

need-node:
	@command -v npm >/dev/null || \
		{ echo 'npm is not installed: install Node.js 20 or newer from https://nodejs.org' >&2; exit 1; }

need-postgres:
	@scripts/need-postgres.sh

# The buf command and all other JavaScript, as package-lock.json pins it; no browser is downloaded.
$(BUF): package.json package-lock.json clients/typescript/package.json clients/dashboard/package.json | need-node
	@PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(DASHBOARD): $(BUF) $(shell find clients/dashboard clients/typescript/src -type f \
		-not -path '*/dist/*' -not -path '*/node_modules/*' -not -name '*.test.ts')
	@npm run --silent --workspace clients/dashboard build -- --logLevel warn
	@touch $@
