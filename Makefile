# What can be done here. `make` alone lists it.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),./target)
# The compiler of what is deployed; everything else takes any stable Rust.
RUST ?= 1.95.0
RELEASE_CARGO = $(if $(filter $(RUST),$(word 2,$(shell rustc --version))),,RUSTUP_TOOLCHAIN=$(RUST)) $(CARGO)
# Tools that some targets bring along, each in a folder of its own. Those in Python are
# pinned, with all that they need, in infra/tools.
CARGO_CYCLONEDX := 0.5.9
CARGO_DENY := 0.20.2
CARGO_FUZZ := 0.13.2
TOOLS := $(TARGET)/cargo-deny-$(CARGO_DENY)
FUZZ := $(abspath $(TARGET))/cargo-fuzz-$(CARGO_FUZZ)
CYCLONEDX := $(abspath $(TARGET))/cargo-cyclonedx-$(CARGO_CYCLONEDX)
PYTHON_TOOLS := $(abspath $(TARGET))/tools
CROSS := $(PYTHON_TOOLS)/cross
SAM := $(PYTHON_TOOLS)/sam
EMULATOR := $(PYTHON_TOOLS)/ministack
QEMU := $(abspath $(TARGET))/qemu
# What the functions are built for. AWS asks a fifth less for arm64, which needs
# what `make setup` brings along; without that they are built for this machine.
ARCHITECTURE ?= $(shell test -e $(CROSS)/ready && echo arm64 || uname -m | sed s/aarch64/arm64/)
FUNCTIONS := $(notdir $(wildcard functions/*))
PACKAGES := $(addprefix --package ,$(FUNCTIONS))
TEMPLATE := infra/aws/template.yaml
# Folders of examples/ that run beside Hongyan.
EXAMPLES ?=
# What the functions used of their policies, in one run of the tests.
USED := $(abspath $(TARGET))/permissions-used
# Which secrets the functions came to know, and where they were looked for.
SECRET_SCAN := $(abspath $(TARGET))/secret-scan
# Foreign implementations, at the versions that tests/interop names.
PEERS := $(abspath $(TARGET))/peers

.DEFAULT_GOAL := help
.PHONY: help setup rust-targets pin sbom run demo binaries build deploy stage test races secrets crash chaos check fmt schema check-template check-dependencies fuzz interop interop-peers interop-aws interop-dynamodb bench release bench-callbacks bench-starts bench-sends bench-logins bench-followers bench-costs bench-peers soak screenshots clean-data

help: ## List what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: binaries ## Run Hongyan on this machine and print where everything is (options: ARGS="--help", EXAMPLES="orders")
	@$(TARGET)/debug/hongyan-local run $(EXAMPLES:%=--stack examples/%/template.yaml) $(ARGS)

demo: binaries ## Play the core flow, step by step, on free ports
	@$(TARGET)/debug/hongyan-local demo $(ARGS)

# The operator's tool is built by what needs it.
binaries: ## Build everything that runs on this machine
	@$(CARGO) build --package hongyan-local $(PACKAGES) $(addprefix --package ,$(EXAMPLES)) --bins --locked

setup: $(CROSS)/ready $(SAM)/ready $(CYCLONEDX)/bin/cargo-cyclonedx ## Bring along what building for arm64 and deploying need (needs Python)

build: $(CYCLONEDX)/bin/cargo-cyclonedx ## Build the zips that AWS takes: target/lambda/*/bootstrap.zip (ARCHITECTURE=arm64 or x86_64; RUST=another compiler)
	@case "$(ARCHITECTURE)" in arm64|x86_64) ;; *) echo "ARCHITECTURE is arm64 or x86_64, not $(ARCHITECTURE)"; exit 1;; esac
	@if test -e $(CROSS)/ready; then \
		PATH="$(CROSS)/bin:$$PATH" $(RELEASE_CARGO) lambda build --release --locked --no-default-features --target $(TRIPLE) $(PACKAGES); \
	elif test "Linux $(ARCHITECTURE)" = "$$(uname -sm | sed s/aarch64/arm64/)"; then \
		$(RELEASE_CARGO) build --release --locked --no-default-features --target $(TRIPLE) $(PACKAGES); \
	else \
		echo "Building for $(ARCHITECTURE) on this machine needs more tools: run \`make setup\` first."; exit 1; \
	fi
	@$(CARGO) run --quiet --package packaging --locked -- --architecture $(ARCHITECTURE) \
		--from $(if $(wildcard $(CROSS)/ready),$(TARGET)/lambda,$(TARGET)/$(TRIPLE)/release) --to target/lambda $(FUNCTIONS)
	@$(MAKE) --no-print-directory sbom ARCHITECTURE=$(ARCHITECTURE)

# cargo-cyclonedx writes into the folder of every member of the workspace.
BILL := hongyan-sbom
sbom: $(CYCLONEDX)/bin/cargo-cyclonedx ## Write what each function is made of: target/lambda/*/sbom.cdx.json (CycloneDX)
	@PATH="$(CYCLONEDX)/bin:$$PATH" $(CARGO) cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --target $(TRIPLE) --override-filename $(BILL)
	@set -e; $(CARGO) build --quiet --package packaging --locked; \
	for function in $(FUNCTIONS); do mkdir -p target/lambda/$$function; \
		$(CARGO) tree --locked --package $$function --no-default-features --target $(TRIPLE) --edges normal --prefix none | \
			$(TARGET)/debug/sbom functions/$$function/$(BILL).json > target/lambda/$$function/sbom.cdx.json; \
	done
	@find functions shared examples infra tests -name $(BILL).json -delete

$(CYCLONEDX)/bin/cargo-cyclonedx:
	$(CARGO) install cargo-cyclonedx --version $(CARGO_CYCLONEDX) --locked --root $(CYCLONEDX)

TRIPLE = $(if $(filter arm64,$(ARCHITECTURE)),aarch64,x86_64)-unknown-linux-gnu

# What a stage is given besides its name stands in infra/aws/stages/{stage}.yaml.
deploy: stage build $(SAM)/ready ## Deploy to the AWS account that the AWS CLI is configured for (STAGE=prod)
	@$(CARGO) build --package hongyan --locked
	SAM_CLI_TELEMETRY=0 $(SAM)/bin/sam deploy --template-file $(TEMPLATE) --stack-name hongyan-$(STAGE) \
		--resolve-s3 --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides \
		Stage=$(STAGE) Architecture=$(ARCHITECTURE) $(patsubst %,file://%,$(abspath $(wildcard infra/aws/stages/$(STAGE).yaml)))
	@$(TARGET)/debug/hongyan --stage $(STAGE) next

stage:
	@test -n "$(STAGE)" || { echo "Which stage? Say \`make deploy STAGE=prod\`, for instance."; exit 1; }

rust-targets:
	@rustup --version > /dev/null 2>&1 || { echo "rustup is missing, which brings the Rust target for arm64: install it from https://rustup.rs"; exit 1; }
	test "$$(rustc --version | cut -d ' ' -f 2)" = $(RUST) || rustup toolchain install $(RUST) --profile minimal
	$(if $(filter $(RUST),$(word 2,$(shell rustc --version))),,RUSTUP_TOOLCHAIN=$(RUST)) rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu

$(CROSS)/ready: | rust-targets

# pip takes nothing but what the hashes name: no newer version, nothing unnamed, and no
# source whose build would bring tools of its own.
PIP_INSTALL := install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement

$(PYTHON_TOOLS)/%/ready: infra/tools/%.txt
	@$(call python)
	rm -rf $(@D)
	python3 -m venv $(@D)
	$(@D)/bin/pip $(PIP_INSTALL) $<
	touch $@

# Versions are changed in the .in files; UPGRADE=--upgrade also takes newer ones of what they bring along.
UPGRADE ?=
pin: $(PYTHON_TOOLS)/uv/ready ## Write the versions and hashes of the tools in Python anew, from infra/tools/*.in (UPGRADE=--upgrade)
	@set -e; for list in $(wildcard infra/tools/*.in) tests/interop/requirements.in; do \
		echo "$$list"; \
		$(PYTHON_TOOLS)/uv/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --custom-compile-command "make pin" $$list --output-file $${list%.in}.txt; \
	done

python = python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer with its venv module is missing; install python3 and python3-venv"; exit 1; }

# The scenarios drive the functions' binaries, which `cargo test` does not build. They
# record which permissions the functions use and which secrets they receive; the second
# and third run report permissions that none used, and kinds of secrets that none received.
# All three run, whatever fails: each failure is named again at the end.
test: ## Run every test
	$(CARGO) build --workspace --all-targets --locked
	rm -f $(USED) $(SECRET_SCAN)
	@failed=""; \
	run() { name=$$1; shift; echo "$$@"; "$$@" || failed="$$failed\n- $$name"; }; \
	export PERMISSIONS_USED=$(USED) SECRET_SCAN=$(SECRET_SCAN); \
	run "tests (the list above)" $(CARGO) test --workspace --no-fail-fast --locked; \
	run "permissions: some are unused" $(CARGO) test --workspace --test permissions --locked -- --ignored; \
	run "secrets: some kinds were not searched" $(CARGO) test --workspace --test e2e --locked -- --ignored secrets::; \
	if test -n "$$failed"; then printf "\nFailed:$$failed\n"; exit 1; fi

secrets: ## Run the scenarios with logs as they are on AWS, and look for secrets in all there is
	$(CARGO) build --workspace --all-targets --locked
	rm -f $(SECRET_SCAN)
	JSON_LOGS=yes SECRET_SCAN=$(SECRET_SCAN) $(CARGO) test --workspace --test e2e --locked
	SECRET_SCAN=$(SECRET_SCAN) $(CARGO) test --workspace --test e2e --locked -- --ignored secrets::

RACES ?= 100000
races: ## Let clients race for one item after the other, and see that one wins each (RACES=100000)
	RACES=$(RACES) $(CARGO) test --workspace --test aws --locked -- --nocapture races::

CRASHES ?= 1000
crash: ## Kill functions at every point while they work, and see that nothing is lost or done twice (CRASHES=1000, CRASH_SEED=…)
	$(CARGO) build --workspace --all-targets --locked
	CRASHES=$(CRASHES) CRASH_SEED=$(CRASH_SEED) $(CARGO) test --workspace --test e2e --locked -- --nocapture crash::

SEEDS ?= 1 2 3
chaos: ## Run the scenarios while WeChat's wire is odd in every way that changes no meaning (SEEDS="1 2 3")
	$(CARGO) build --workspace --all-targets --locked
	@failed=""; for seed in $(SEEDS); do echo "CHAOS_SEED=$$seed"; \
		CHAOS_SEED=$$seed $(CARGO) test --workspace --test e2e --locked || failed="$$failed $$seed"; \
	done; \
	if test -n "$$failed"; then printf "\nFailed with the seeds:$$failed\n"; exit 1; fi

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

# Three, because each sees what the others don't (tests/e2e/lints.rs).
check-template: $(SAM)/ready ## Lint the SAM templates (needs Python; brings the SAM CLI along)
	@set -e; for template in $(TEMPLATE) infra/aws/front.yaml $(wildcard examples/*/template.yaml); do \
		echo "$$template"; \
		AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM)/bin/sam validate --template-file $$template; \
		$(SAM)/bin/cfn-lint $$template; \
		AWS_DEFAULT_REGION=us-east-1 $(SAM)/bin/python infra/aws/transform.py $$template > $(TARGET)/transformed.json; \
		$(SAM)/bin/cfn-lint $(TARGET)/transformed.json; \
	done

check-dependencies: $(TOOLS)/bin/cargo-deny ## Check licences, sources and banned crates (builds cargo-deny first)
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources

$(TOOLS)/bin/cargo-deny:
	$(CARGO) install cargo-deny --version $(CARGO_DENY) --locked --root $(TOOLS)

FUZZ_SECONDS ?= 60
fuzz: ## Look for inputs that break a claim (needs nightly Rust; builds cargo-fuzz first; FUZZ_SECONDS=60 each)
	@RUSTUP_AUTO_INSTALL=0 $(CARGO) +nightly --version > /dev/null 2>&1 || { echo "Nightly Rust is missing; install it with: rustup toolchain install nightly --profile minimal"; exit 1; }
	@$(MAKE) --no-print-directory $(FUZZ)/bin/cargo-fuzz
	for target in query envelope decrypt xml json answer; do \
		mkdir -p fuzz/corpus/$$target; \
		PATH="$(FUZZ)/bin:$$PATH" $(CARGO) +nightly fuzz run --target-dir $(abspath $(TARGET))/fuzz $$target \
			fuzz/corpus/$$target shared/tests/properties/seeds/$$target \
			-- -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=5 -print_final_stats=1 || exit 1; \
	done

$(FUZZ)/bin/cargo-fuzz:
	$(CARGO) install cargo-fuzz --version $(CARGO_FUZZ) --locked --root $(FUZZ)

interop: interop-peers interop-aws interop-dynamodb ## Check against foreign implementations (needs Python, Node.js, Java with Maven, and Go; brings them along)

# Checkouts of other implementations, whose tests contain recorded pushes.
RECORDINGS ?=
interop-peers: $(PEERS)/ready $(PEERS)/java/ready ## Check against foreign implementations of WeChat's protocol, and foreign callers (RECORDINGS="folder …" with more recorded pushes)
	$(CARGO) build --quiet --locked --manifest-path tests/interop/clients/wechat-mp-sdk/Cargo.toml --target-dir $(PEERS)/rust
	@go version > /dev/null 2>&1 || { echo "Go is missing; install golang (1.24 or newer)"; exit 1; }
	for sdk in silenceper powerwechat; do \
		go -C tests/interop/go build -o $(PEERS)/go/$$sdk/ ./$$sdk/... || exit 1; \
	done
	$(CARGO) build --quiet --package wechat-sandbox --locked
	$(CARGO) run --quiet --package interop --locked -- $(PEERS) $(PEERS)/java/sources \
		$$(go -C tests/interop/go list -m -f '{{.Dir}}' github.com/silenceper/wechat/v2 github.com/ArtisanCloud/PowerWeChat/v3) \
		$$($(CARGO) metadata --locked --format-version 1 --manifest-path tests/interop/clients/wechat-mp-sdk/Cargo.toml | \
			$(PEERS)/python/bin/python tests/interop/sources.py wechat-oa-sdk wechat-mp-sdk) $(RECORDINGS)
	$(CARGO) build --workspace --all-targets --locked
	PEERS=$(PEERS) $(CARGO) test --workspace --test e2e --locked -- --ignored api:: calling::

interop-aws: $(CROSS)/ready $(SAM)/ready $(EMULATOR)/ready $(QEMU)/ready ## Deploy into another AWS, and run the zips (needs Debian's apt-get)
	$(CARGO) build --workspace --all-targets --locked
	SAM=$(SAM) $(CARGO) test --workspace --test e2e --locked -- --ignored lints::
	$(MAKE) --no-print-directory build ARCHITECTURE=x86_64
	SAM=$(SAM) MINISTACK=$(EMULATOR) $(CARGO) test --workspace --test e2e --locked -- --ignored packaged:: deployed::
	$(MAKE) --no-print-directory build ARCHITECTURE=arm64
	QEMU=$(QEMU) $(CARGO) test --workspace --test e2e --locked -- --ignored packaged::

DIFFERENTIAL_STEPS ?= 20000
interop-dynamodb: $(EMULATOR)/ready ## Send random requests to the local DynamoDB and to another one, and compare (DIFFERENTIAL_STEPS=20000, DIFFERENTIAL_SEED=…)
	MINISTACK=$(EMULATOR) DIFFERENTIAL_STEPS=$(DIFFERENTIAL_STEPS) DIFFERENTIAL_SEED=$(DIFFERENTIAL_SEED) \
		$(CARGO) test --workspace --test differential --locked -- --ignored --nocapture

FOLLOWERS ?= 1000000
INVOCATIONS ?= 1000000
# Runs a program of tests/bench. The local AWS and the sandbox around the functions are
# fast, and built in a few minutes.
BENCH = $(CARGO) run --quiet --profile around --package bench --locked --bin
# `bench-callbacks` contains what it measures, so it is built as the functions are.
CALLBACKS := --release --package bench --no-default-features --bin bench-callbacks --locked

bench: release $(PEERS)/ready ## Measure everything, and write BENCHMARKS.md (needs Python and Node.js; FOLLOWERS=1000000)
	$(CARGO) build $(CALLBACKS)
	$(CARGO) build --profile around --package bench --bins --locked
	$(TARGET)/around/bench-page $(TARGET)/release $(TARGET)/around $(PEERS) $(FOLLOWERS) BENCHMARKS.md

# What is measured: the functions, built for deployment but for this machine.
release:
	$(CARGO) build --release --locked --no-default-features $(PACKAGES)
	$(CARGO) build --release --locked --no-default-features --package noop

bench-callbacks: ## Measure how many messages per second one core verifies, decrypts, parses and answers
	$(CARGO) run --quiet $(CALLBACKS)

bench-peers: $(PEERS)/ready ## Measure the same beside foreign implementations and servers (needs Python and Node.js)
	$(CARGO) run --quiet $(CALLBACKS) -- $(PEERS)

bench-starts: release ## Measure how fast functions start and answer, beside one that does nothing
	$(BENCH) bench-starts -- $(TARGET)/release

bench-sends: release ## Measure a notification's calls, the queue's throughput, and sends with an invalid token
	$(BENCH) bench-sends -- $(TARGET)/release

bench-logins: release ## Measure a login's calls, their rate, and a process's first login
	$(BENCH) bench-logins -- $(TARGET)/release

bench-followers: release ## Measure the import of followers, its memory, and what grows with them (FOLLOWERS=1000000)
	$(BENCH) bench-followers -- $(TARGET)/release $(FOLLOWERS)

bench-costs: release ## Compute what AWS charges for what the functions use
	$(BENCH) bench-costs -- $(TARGET)/release

soak: release ## Check that a million invocations make no function slower or larger (INVOCATIONS=1000000)
	$(BENCH) soak -- $(TARGET)/release $(INVOCATIONS)

$(PEERS)/ready: tests/interop/requirements.txt tests/interop/package.json tests/interop/package-lock.json
	@$(call python)
	@node --version > /dev/null && npm --version > /dev/null || { echo "Node.js with npm is missing; install nodejs and npm"; exit 1; }
	rm -rf $(PEERS)
	python3 -m venv $(PEERS)/python
	$(PEERS)/python/bin/pip $(PIP_INSTALL) tests/interop/requirements.txt
	mkdir $(PEERS)/node
	cp tests/interop/package.json tests/interop/package-lock.json $(PEERS)/node/
	npm ci --prefix $(PEERS)/node --silent --no-audit --no-fund --ignore-scripts
	touch $@

$(PEERS)/java/ready: $(PEERS)/ready tests/interop/wxjava/pom.xml $(shell find tests/interop/wxjava/src -type f)
	@javac --version > /dev/null 2>&1 && mvn --version > /dev/null || { echo "Java with Maven is missing; install a JDK (17 or newer) and maven"; exit 1; }
	mvn --quiet --batch-mode --strict-checksums --file tests/interop/wxjava/pom.xml -Dfolder=$(PEERS)/java compile
	touch $@

# Unpacked, not installed: an arm64 program needs the C library of its own kind.
$(QEMU)/ready:
	@apt-get --version > /dev/null 2>&1 && dpkg --version > /dev/null || { echo "apt-get is missing: running the arm64 functions on this machine needs Debian or Ubuntu"; exit 1; }
	rm -rf $(QEMU)
	mkdir -p $(QEMU)
	cd $(QEMU) && apt-get download --quiet qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross
	cd $(QEMU) && for package in *.deb; do dpkg -x $$package .; done && rm *.deb
	touch $@

# The tests of the sandbox's page skip themselves where there is no browser; this can't.
screenshots: ## Make the READMEs' pictures anew (needs Chromium and chromedriver)
	mkdir -p infra/sandbox/screenshots
	$(CARGO) build --workspace --all-targets --locked
	BROWSER_TESTS=required SCREENSHOTS=$(abspath infra/sandbox/screenshots) \
		$(CARGO) test --package tests --test e2e --locked -- --ignored --exact sandbox_page::pictures

clean-data: ## Delete what `make run` has stored
	rm -rf .hongyan
