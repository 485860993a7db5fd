# On a fresh machine each target first sets up what it needs: see scripts/setup.sh.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo demo-web run brokers examples web clients programs prepared test test-release test-web test-clients test-containers test-compose lint bench bench-bridges bench-control

# Where cargo builds; the tests find the programs there.
export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Programs that a person has in PATH come before those that the setup installed.
export PATH := $(PATH):$(HOME)/.cargo/bin
RELEASE := $(CARGO_TARGET_DIR)/release
# A Go or Node that is too old must not hide the one that the setup installed.
TEST_PATH := $(CARGO_TARGET_DIR)/go/bin:$(CARGO_TARGET_DIR)/node/bin:$(PATH)
# Most tests wait for a time-out or a broker, so more of them run at a time than there are cores.
export RUST_TEST_THREADS ?= $(shell echo $$(( 3 * $$(nproc) )))
# Back ends of bridges, each a cargo feature.
BACK_ENDS := file kafka amqp nats mqtt redis
# What tests are of: programs with assertions.
GATEWAY = FRONTIER_BIN=$(CARGO_TARGET_DIR)/debug/frontier

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build the gateway, and show it at work with a service and two edges
	@scripts/setup.sh build
	cargo build --release --locked -p frontier-gateway -p frontier-examples
	$(RELEASE)/demo --gateway $(RELEASE)/frontier

demo-web: web ## Build the gateway and a chat room for browsers, and run them until Ctrl-C; ARGS="--listen HOST:PORT"
	@scripts/setup.sh build
	cargo build --release --locked -p frontier-gateway -p frontier-examples
	exec $(RELEASE)/web_chat --gateway $(RELEASE)/frontier $(ARGS)

web: export PATH := $(TEST_PATH)
web: ## Build sdk-web, its tests, and the page of the chat room
	@scripts/setup.sh web
	npm --prefix sdk-web run --silent build
	npm --prefix sdk-web run --silent build:test
	npm --prefix examples/web-chat run --silent build

run: ## Run a gateway until Ctrl-C; ARGS="--config FILE" and other flags are passed on
	@scripts/setup.sh build
	cargo build --release --locked -p frontier-gateway
	exec $(RELEASE)/frontier $(ARGS)

brokers: ## Run Kafka, RabbitMQ, NATS, Mosquitto and Redis until Ctrl-C; ARGS=--open without logins and TLS
	@scripts/setup.sh brokers
	cargo build --locked -p frontier-integration-tests --example brokers
	exec $(CARGO_TARGET_DIR)/debug/examples/brokers $(ARGS)

examples: ## Build frontierctl and the example programs into bin/
	@scripts/setup.sh build
	cargo build --release --locked -p frontier-ctl -p frontier-examples
	mkdir -p bin
	cp $(addprefix $(RELEASE)/,frontierctl quickstart chatroom_service chatroom_client tcp_forward demo) bin/

clients:
	@PATH="$(TEST_PATH)" scripts/setup.sh clients

# All that tests need in one build. Another selection of packages would build much of it anew.
programs:
	@scripts/setup.sh build
	cargo build --workspace --locked --bins --examples --tests

# All that tests need and cargo does not build.
prepared:
	@PATH="$(TEST_PATH)" scripts/setup.sh test
	@$(MAKE) --no-print-directory web clients
	@if scripts/with-engine.sh --possible; then \
	scripts/setup.sh docker; for system in systemd brokers; do compose/offline/system.sh $$system >/dev/null; done; fi

test: ## Run all tests, those against the built programs, the real Go transport and a browser included
	@scripts/setup.sh build
	@$(MAKE) --no-print-directory --jobs=2 prepared programs
	PATH="$(TEST_PATH)" $(GATEWAY) cargo test --workspace --locked
	@if scripts/with-engine.sh --possible; then $(MAKE) --no-print-directory test-containers test-compose; \
	else echo "make test: no container can run here, so images, compose files and unit are NOT tested (make test-containers test-compose)" >&2; fi

test-release: programs ## Run those tests against the release build that concern the gateway alone
	cargo build --release --locked -p frontier-gateway
	FRONTIER_BIN=$(RELEASE)/frontier cargo test --workspace --locked --test gateway --test replay

test-web: web programs ## Run the tests of sdk-web and of the chat room alone
	@PATH="$(TEST_PATH)" scripts/setup.sh test
	PATH="$(TEST_PATH)" $(GATEWAY) cargo test --workspace --locked --test web

test-clients: clients programs ## Try the control plane with grpcurl, schemathesis and a client in Python alone
	$(GATEWAY) cargo test --workspace --locked --test control_clients

test-containers: programs ## Run image, compose file and unit, with a Docker engine of its own if none answers
	@scripts/setup.sh docker
	$(GATEWAY) scripts/with-engine.sh cargo test --workspace --locked --test containers --test systemd -- --ignored

test-compose: programs ## Run gateway, five brokers and their tests by compose, with a Docker engine of its own if none answers; ARGS=--official
	@PATH="$(TEST_PATH)" scripts/setup.sh test
	@scripts/setup.sh docker
	scripts/with-engine.sh compose/test.sh $(ARGS)

lint: ## Check format, lints with all and with few back ends, licences and sources of dependencies
	@scripts/setup.sh lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@# A program without any back end, and with each alone. What is left out is told: a test of that can only run here.
	for back_end in "" $(BACK_ENDS); do \
	cargo clippy --quiet --locked -p frontier-gateway --lib --bins --no-default-features --features "$$back_end" -- -D warnings; done
	cargo test --quiet --locked -p frontier-bridges --lib --no-default-features open::
	cargo fetch --locked
	cargo deny --offline --locked check bans licenses sources

bench: ## Measure against a plain relay, and write docs/performance.md
	@scripts/setup.sh build
	bench/run.sh

bench-bridges: ## Measure bridges against bare clients of their brokers, and write docs/performance.md
	@scripts/setup.sh brokers
	bench/bridges.sh

bench-control: ## Measure records and control plane, and write docs/performance.md
	@scripts/setup.sh build
	bench/control.sh
