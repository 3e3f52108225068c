# The only entry point: `make` prints what there is. Whatever a target needs, it installs: into .tools/ and target/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

FILTERS := waf canary affinity authz
EXAMPLES := counter deny empty fault fetch_at_load groups probe rewrite template two_callouts
# Workspaces of their own.
APART := proxy-wasm second-host
WASM := wasm32-wasip1
ENVOY := .tools/envoy/bin/envoy
# The one that `make test` runs on; `make test-matrix` runs on all those of tools/envoy/.
ENVOY_VERSION := 1.40.0
CARGO_DENY := .tools/cargo/bin/cargo-deny
CARGO_DENY_VERSION := 0.20.2
CARGO_GENERATE := .tools/cargo/bin/cargo-generate
CARGO_GENERATE_VERSION := 0.26.0
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CARGO_HOME ?= $(HOME)/.cargo
# The same module wherever it is built: messages of panics name files, not whose home they are in.
# Where the toolchain has the standard library's sources, the compiler names them; without, it calls them so.
STD_SOURCES = $(shell rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$(shell rustc -vV | sed -n 's/^commit-hash: //p')
REPRODUCIBLE = --config 'target.$(WASM).rustflags=["--remap-path-prefix=$(CARGO_HOME)=/cargo","--remap-path-prefix=$(CURDIR)=/portcullis","--remap-path-prefix=$(STD_SOURCES)"]'
# The linker leaves room for 32 bits in every reference otherwise: a twentieth of the code.
COMPACT := -Clink-arg=--compress-relocations

.PHONY: help
help: ## Print this help
	@echo "Portcullis: WebAssembly filters for Envoy. Targets:"
	@sed -nE 's/^([a-z][a-z-]*):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: run
run: envoy modules ## Show all four filters at work in a real Envoy
	@echo "Building the demonstration"
	@cargo build --package integration --bin demo
	@$(TARGET_DIR)/debug/demo

.PHONY: test
test: envoy images debian ## Run every test, those in a real Envoy included
	cargo test --workspace --lib --bins --tests --examples
	cargo test --workspace --doc
	cargo check --quiet --locked --examples --manifest-path integration/proxy-wasm/Cargo.toml --target-dir $(TARGET_DIR)/proxy-wasm
	@data="$${PORTCULLIS_DATA:-../shared/data}"; test -d "$$data" || \
	    echo "skipped: the suites that other people wrote, because $$data is not present"

.PHONY: test-matrix
test-matrix: images debian ## Run the tests in Envoy on every version that we support, and write the README's table
	@tools/envoy/matrix.sh

.PHONY: conformance
conformance: envoy modules $(if $(filter-out jwt,$(SUITE)),,signatures) ## Run the conformance suites ([SUITE=name] [DATA=dir]; default: all, ../shared/data)
	@cargo build --quiet --package integration --bin conformance
	@PORTCULLIS_DATA=$(abspath $(or $(DATA),../shared/data)) $(TARGET_DIR)/debug/conformance $(SUITE)

.PHONY: signatures
signatures: wasm-target
	@cargo rustc --quiet --package portcullis-authz --example signatures --target $(WASM) --profile wasm-small
	@mkdir -p dist/examples
	@$(call publish,examples/signatures.wasm,dist/examples/signatures.wasm,wasm-small)

.PHONY: check
check: wasm-target deny ## Check formatting, lints, licences, advisories and the crates' boundaries
	cargo fmt --all --check
	@for apart in $(APART); do cargo fmt --check --manifest-path integration/$$apart/Cargo.toml; done
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --target $(WASM) $(foreach filter,$(FILTERS),--package portcullis-$(filter)) -- -D warnings
	cargo xtask boundaries
	cargo xtask docs --check
	cargo xtask api --check
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps $(foreach part,sdk-shim sdk-shim-config sdk-shim-http sdk-shim-testing,--package $(part))
	@sh tools/deny.sh $(CARGO_DENY)

.PHONY: format
format: ## Format the code
	cargo fmt --all
	@for apart in $(APART); do cargo fmt --manifest-path integration/$$apart/Cargo.toml; done

.PHONY: docs
docs: ## Write the reference pages in docs/ from the filters' code
	cargo xtask docs

.PHONY: public-api
public-api: ## Write down what the SDK's crates offer, into sdk-shim/public-api.txt
	cargo xtask api $(if $(UNRELEASED),--unreleased)

.PHONY: test-second-host
test-second-host: modules ## Run the scenarios in another proxy-wasm host, on wasmtime: some minutes to build
	cargo test --ignore-rust-version --manifest-path integration/second-host/Cargo.toml \
	    --target-dir $(TARGET_DIR)/second-host

.PHONY: modules
modules: wasm-target ## Build the filters into dist/; the waf with the Core Rule Set where there is one
	@tools/crs/install.sh .tools/crs --optional
	@mkdir -p dist/examples
	@for filter in $(FILTERS); do \
	    echo "Building $$filter.wasm"; \
	    profile=$(call profile_of,$$filter); \
	    cargo rustc $(REPRODUCIBLE) --package portcullis-$$filter --lib --crate-type cdylib --target $(WASM) --profile $$profile -- $(COMPACT); \
	    $(call publish,portcullis_$$filter.wasm,dist/$$filter.wasm,$$profile); \
	done
	@for example in $(EXAMPLES); do \
	    echo "Building examples/$$example.wasm"; \
	    cargo rustc --package sdk-shim --example $$example --target $(WASM) --profile wasm-small -- $(COMPACT); \
	    $(call publish,examples/$$example.wasm,dist/examples/$$example.wasm,wasm-small); \
	done

# With the Core Rule Set in it where there is one, as in the module of the waf.
.PHONY: cli
cli: ## Build the command line tool, dist/portcullis
	@tools/crs/install.sh .tools/crs --optional
	@cargo build --release --package portcullis-cli
	@mkdir -p dist
	@$(call publish,portcullis,dist/portcullis,release,$(TARGET_DIR))

PLAYWRIGHT_VERSION := 1.56.1
BINDGEN := .tools/cargo/bin/wasm-bindgen
BINDGEN_VERSION := $(shell sed -n 's/^wasm-bindgen = "=\(.*\)"/\1/p' Cargo.toml)

.PHONY: playground-files
playground-files:
	@rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
	@$(BINDGEN) --version 2>/dev/null | grep -q '$(BINDGEN_VERSION)$$' || \
	    cargo install --quiet --debug --force --root .tools/cargo --version $(BINDGEN_VERSION) wasm-bindgen-cli
	@tools/crs/install.sh .tools/crs --optional
	@tools/playground/build.sh dist/playground .tools/crs $(BINDGEN)

.PHONY: playground
playground: playground-files ## Build the playground, the filters in a browser, and serve it at localhost:8000 (PORT=8000)
	@echo "Serving dist/playground at http://127.0.0.1:$(or $(PORT),8000)/ until Ctrl-C"
	@python3 -m http.server --bind 127.0.0.1 --directory dist/playground $(or $(PORT),8000)

.PHONY: test-playground
test-playground: playground-files ## Test the playground in a real Chromium, with screenshots in target/playground/
	@test -d .tools/playground/node_modules/playwright-core || \
	    npm install --silent --no-audit --no-fund --prefix .tools/playground playwright-core@$(PLAYWRIGHT_VERSION)
	@tools/playground/chromium.sh > /dev/null
	@CHROMIUM=$$(tools/playground/chromium.sh) NODE_PATH=.tools/playground/node_modules \
	    node tools/playground/test.cjs dist/playground $(TARGET_DIR)/playground

.PHONY: images
images: modules ## Put the filters into OCI images, with checksums and bills of materials: dist/images/
	@cargo run --quiet --package images -- dist dist/images

.PHONY: test-reproducible
test-reproducible: ## Build everything twice, in different places, and compare ([FILTERS=affinity]: only modules)
	@tools/test-reproducible.sh $(FILTERS)

# What tests need of Debian's packages: for deployment, and its Core Rule Set (3.3).
.PHONY: debian
debian:
	@OPTIONAL=1 tools/debian/unpack.sh .tools/debian docker-registry skopeo libgpgme11 libassuan0 prometheus modsecurity-crs

.PHONY: observe
observe: envoy modules debian ## Serve the demonstration, with a Prometheus that scrapes it at localhost:9090
	@cargo build --quiet --package integration --bin demo
	@tools/observe.sh $(TARGET_DIR)/debug/demo

.PHONY: new-filter
new-filter: ## Make a filter of your own in custom/, from the SDK's template: NAME=my-filter
	@tools/new-filter.sh "$(NAME)"

.PHONY: test-template
test-template: envoy $(CARGO_GENERATE) ## Follow the SDK's tutorial to the letter, and `cargo generate`, in a copy of this checkout
	@mkdir -p $(TARGET_DIR)
	@tools/test-template.sh $(CARGO_GENERATE) $(TARGET_DIR)

.PHONY: test-filter
test-filter: envoy module-$(NAME) ## Test a filter in custom/, natively and in a real Envoy: NAME=my-filter
	@cargo test --package $(NAME)
	@echo "Now in Envoy. What plays the scenarios is built first: some minutes the first time"
	@cargo build --package integration --bin scenarios
	@$(TARGET_DIR)/debug/scenarios custom/$(NAME) custom/$(NAME)/scenarios.toml

# `make run-my-filter`: an Envoy with a filter in custom/, on localhost:10000.
run-%: envoy module-%
	@echo "Serving as custom/$*/envoy.yaml says; Ctrl-C ends it"
	@$(ENVOY) --config-path custom/$*/envoy.yaml --concurrency 1 --log-level warn

module-%: wasm-target
	@test -f custom/$*/Cargo.toml || { echo "custom/$* is not there: make new-filter NAME=$*" >&2; exit 2; }
	@mkdir -p dist/custom
	@cargo rustc --package $* --lib --crate-type cdylib --target $(WASM) --profile wasm-small -- $(COMPACT)
	@$(call publish,$(subst -,_,$*).wasm,dist/custom/$*.wasm,wasm-small)

# Those with a size to keep are compiled for it.
profile_of = $$(case $(1) in canary) echo wasm-least ;; authz) echo wasm-small ;; *) echo wasm ;; esac)

# Copies a module of a profile only where it changed, so that its time says when it did.
publish = cmp -s $(or $(4),$(TARGET_DIR)/$(WASM))/$(3)/$(1) $(2) || cp $(or $(4),$(TARGET_DIR)/$(WASM))/$(3)/$(1) $(2)

BENCH := cargo run --quiet --package integration --bin bench --
BENCH_ENGINE := cargo bench --quiet --package portcullis-engine --bench transactions --

.PHONY: bench-waf
bench-waf: envoy modules ## Measure what the waf costs Envoy, into docs/benchmarks/ (BENCH_OPTIONS="--rounds 5")
	@$(BENCH) waf $(BENCH_OPTIONS)

.PHONY: bench-filters
bench-filters: envoy modules ## Measure what the other filters cost Envoy
	@$(BENCH) filters $(BENCH_OPTIONS)

.PHONY: bench-canary bench-affinity
bench-canary: envoy modules ## Measure what canary costs Envoy, with 20 releases of 5 matches each
	@$(BENCH) canary $(BENCH_OPTIONS)

bench-affinity: envoy modules ## Measure what affinity costs Envoy, with a valid cookie and without one
	@$(BENCH) affinity $(BENCH_OPTIONS)

.PHONY: bench-authz
bench-authz: envoy modules ## Measure what authz costs Envoy, with many policies, and with tokens beside jwt_authn
	@$(BENCH) authz $(BENCH_OPTIONS)

.PHONY: bench-sdk
bench-sdk: envoy modules dist/examples/proxy_wasm.wasm ## Measure what the SDK costs beside the proxy-wasm crate, and its native tests
	@$(BENCH) sdk --rounds 40 --rest 1 $(BENCH_OPTIONS)

dist/examples/proxy_wasm.wasm: $(addprefix integration/proxy-wasm/,src/lib.rs Cargo.toml Cargo.lock) | wasm-target
	@mkdir -p $(@D)
	@cargo rustc --quiet --locked --manifest-path integration/proxy-wasm/Cargo.toml --lib --crate-type cdylib \
	    --target $(WASM) --profile wasm-small --target-dir $(TARGET_DIR)/proxy-wasm
	@cp $(TARGET_DIR)/proxy-wasm/$(WASM)/wasm-small/with_proxy_wasm.wasm $@

.PHONY: bench-engine
bench-engine: ## Measure the waf's engine alone; fail if it takes more instructions than it did (valgrind)
	@tools/crs/install.sh .tools/crs --optional
	@$(BENCH_ENGINE)
	@$(BENCH_ENGINE) --instructions

.PHONY: bench-engine-baseline
bench-engine-baseline: ## Write down how many instructions the engine takes
	@tools/crs/install.sh .tools/crs --optional
	@$(BENCH_ENGINE) --instructions --write

# As Envoy compiles: all of the module at once, by the optimising compiler.
V8 := node --no-wasm-tier-up --no-liftoff --no-wasm-lazy-compilation
.PHONY: bench-v8
bench-v8: modules ## Time modules of the waf in V8 alone, with node (MODULES="a.wasm b.wasm" V8_OPTIONS="--evict 1024")
	@$(V8) tools/bench/v8.cjs --bodies "$${PORTCULLIS_DATA:-../shared/data}/bench-requests" $(V8_OPTIONS) $(or $(MODULES),dist/waf.wasm)

.PHONY: bench-hostile
bench-hostile: ## Search for the most expensive request (HOSTILE_OPTIONS="--paranoia 4 --seconds 300 --limit-ms 5")
	@tools/crs/install.sh .tools/crs --optional
	@cargo run --quiet --release --package portcullis-fuzz --features profile --bin hostile -- $(HOSTILE_OPTIONS)

.PHONY: fuzz
fuzz: ## Look for inputs that break a property ([TARGET=name] [SECONDS=60 for each]; needs a C++ compiler)
	@tools/crs/install.sh .tools/crs --optional
	@fuzz/run.sh $(or $(SECONDS),60) $(TARGET)

SIZES := cargo run --quiet --package integration --bin sizes --

.PHONY: sizes
sizes: modules ## List how large the modules are; fail if the code of one has grown
	@$(SIZES)

.PHONY: sizes-baseline
sizes-baseline: modules ## Write down how large the modules' code is
	@$(SIZES) --write

# `make sizes-of-waf`: which crates and functions the code of a filter is. Links it anew, with names.
sizes-of-%: wasm-target
	@profile=$(call profile_of,$*); \
	    cargo rustc --quiet --package portcullis-$* --lib --crate-type cdylib --target $(WASM) --profile $$profile -- -C strip=debuginfo $(COMPACT); \
	    $(SIZES) --of $(TARGET_DIR)/$(WASM)/$$profile/portcullis_$*.wasm

.PHONY: wasm-target
wasm-target:
	@test -d "$$(rustc --print target-libdir --target $(WASM))" || rustup target add $(WASM)

.PHONY: crs
crs: ## Bring the OWASP Core Rule Set into .tools/crs (CRS_DIR=dir, or as tools/crs/install.sh says)
	@tools/crs/install.sh .tools/crs

.PHONY: envoy
envoy: $(ENVOY) ## Install the pinned Envoy into .tools/

$(ENVOY): tools/envoy/$(ENVOY_VERSION).txt tools/envoy/install.sh
	@tools/envoy/install.sh $(ENVOY_VERSION) .tools/envoy
	@touch --no-dereference $@

.PHONY: deny
deny: $(CARGO_DENY)

$(CARGO_DENY):
	@echo "Building cargo-deny $(CARGO_DENY_VERSION), once: this takes some minutes"
	cargo install --locked --quiet cargo-deny --version $(CARGO_DENY_VERSION) --root .tools/cargo

# Without its way to clone templates, and with a compiler that is older than it asks for, which it does not need.
$(CARGO_GENERATE):
	@echo "Building cargo-generate $(CARGO_GENERATE_VERSION), once: this takes some minutes"
	cargo install --debug --locked --ignore-rust-version --quiet --no-default-features \
	    cargo-generate --version $(CARGO_GENERATE_VERSION) --root .tools/cargo

.PHONY: clean
clean: ## Remove what was built and installed
	rm -rf target dist .tools
