# What can be done here. `make` alone lists it.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),./target)
# Tools that some targets bring along, each in a folder of its own.
CFN_LINT := 1.58.0
CARGO_DENY := 0.20.2
CARGO_FUZZ := 0.13.2
VENV := $(TARGET)/venv-cfn-lint-$(CFN_LINT)
TOOLS := $(TARGET)/cargo-deny-$(CARGO_DENY)
FUZZ := $(abspath $(TARGET))/cargo-fuzz-$(CARGO_FUZZ)
# What the functions used of their policies, in one run of the tests.
USED := $(abspath $(TARGET))/permissions-used
# Foreign implementations, at the versions that tests/interop names.
PEERS := $(abspath $(TARGET))/peers

.DEFAULT_GOAL := help
.PHONY: help run demo build test check fmt schema check-template check-dependencies fuzz interop bench bench-callbacks bench-sends bench-logins bench-followers bench-peers clean-data

help: ## List what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Run Hongyan on this machine and print where everything is (options: ARGS="--help")
	@$(TARGET)/debug/local run $(ARGS)

demo: build ## Play the main job, step by step, on free ports
	@$(TARGET)/debug/local demo $(ARGS)

build: ## Build everything that runs on this machine
	@$(CARGO) build --workspace --bins --locked

# The scenarios drive the functions' binaries, which `cargo test` does not build.
# They write down what functions use of their policies; what nobody ever used, the
# last line names.
test: ## Run every test
	$(CARGO) build --workspace --all-targets --locked
	rm -f $(USED)
	PERMISSIONS_USED=$(USED) $(CARGO) test --workspace --locked
	PERMISSIONS_USED=$(USED) $(CARGO) test --package tests --test permissions --locked -- --ignored

# The second clippy holds an invariant: the protocol does without AWS.
check: ## Say what CI would say: formatting, lints, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --package shared --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked

fmt: ## Format the code
	$(CARGO) fmt --all

schema: ## Write the contracts (JSON Schema of send, OpenAPI of the HTTP API) from the types
	$(CARGO) test --quiet --workspace --bin send --locked -- --ignored --exact schema::write
	$(CARGO) test --quiet --workspace --bin login --locked -- --ignored --exact openapi::write

check-template: $(VENV)/bin/cfn-lint ## Lint the SAM template (needs Python; brings cfn-lint along)
	$(VENV)/bin/cfn-lint infra/aws/template.yaml

$(VENV)/bin/cfn-lint:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check cfn-lint==$(CFN_LINT)

check-dependencies: $(TOOLS)/bin/cargo-deny ## Check licences, sources and banned crates (builds cargo-deny first)
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --version $(CARGO_DENY) --locked --root $(TOOLS)

FUZZ_SECONDS ?= 60
fuzz: ## Look for inputs that break a claim (needs nightly Rust; builds cargo-fuzz first; FUZZ_SECONDS=60 each)
	@RUSTUP_AUTO_INSTALL=0 $(CARGO) +nightly --version > /dev/null 2>&1 || { echo "Nightly Rust is missing; install it with: rustup toolchain install nightly --profile minimal"; exit 1; }
	@$(MAKE) --no-print-directory $(FUZZ)/bin/cargo-fuzz
	for target in query envelope decrypt xml json; do \
		mkdir -p fuzz/corpus/$$target; \
		PATH="$(FUZZ)/bin:$$PATH" $(CARGO) +nightly fuzz run --target-dir $(abspath $(TARGET))/fuzz $$target \
			fuzz/corpus/$$target shared/tests/properties/seeds/$$target \
			-- -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=5 -print_final_stats=1 || exit 1; \
	done

$(FUZZ)/bin/cargo-fuzz:
	$(CARGO) install cargo-fuzz --version $(CARGO_FUZZ) --locked --root $(FUZZ)

interop: $(PEERS)/ready ## Check against foreign implementations and callers (needs Python and Node.js; brings them along)
	$(CARGO) run --quiet --package interop --locked -- $(PEERS)
	$(CARGO) build --workspace --all-targets --locked
	PEERS=$(PEERS) $(CARGO) test --workspace --test e2e --locked -- --ignored api:: calling::

bench: bench-callbacks bench-sends bench-logins bench-followers ## Measure what comes in, what goes out, who logs in, and who followed before

bench-callbacks: ## Messages per second that one core verifies, opens, reads and answers
	$(CARGO) run --quiet --release --package bench --locked

bench-sends: ## Count what a notification costs, and how many a second go through the queue
	$(CARGO) build --release --locked --package callback --package events --package followers --package login --package send --package token
	$(CARGO) run --quiet --profile around --package sends --locked -- $(TARGET)/release

bench-logins: ## Count what a login costs, how many a second one process takes, and how long its first one
	$(CARGO) build --release --locked --package callback --package events --package followers --package login --package send --package token
	$(CARGO) run --quiet --profile around --package logins --locked -- $(TARGET)/release

FOLLOWERS ?= 50000
bench-followers: ## Count what bringing followers in costs, and measure its memory (FOLLOWERS=50000)
	$(CARGO) build --release --locked --package callback --package events --package followers --package login --package send --package token
	$(CARGO) run --quiet --profile around --package imports --locked -- $(TARGET)/release $(FOLLOWERS)

bench-peers: $(PEERS)/ready ## What comes in, beside foreign implementations (needs Python and Node.js)
	$(CARGO) run --quiet --release --package bench --locked -- $(PEERS)

$(PEERS)/ready: tests/interop/requirements.txt tests/interop/package.json tests/interop/package-lock.json
	@python3 -c 'import venv, ensurepip' || { echo "Python 3 with its venv module is missing; install python3 and python3-venv"; exit 1; }
	@node --version > /dev/null && npm --version > /dev/null || { echo "Node.js with npm is missing; install nodejs and npm"; exit 1; }
	rm -rf $(PEERS)
	python3 -m venv $(PEERS)/python
	$(PEERS)/python/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/interop/requirements.txt
	mkdir $(PEERS)/node
	cp tests/interop/package.json tests/interop/package-lock.json $(PEERS)/node/
	npm ci --prefix $(PEERS)/node --silent --no-audit --no-fund --ignore-scripts
	touch $@

clean-data: ## Forget what `make run` has stored
	rm -rf .hongyan
