#!/usr/bin/env bash
# Measures each bridge beside a bare client of its broker and writes the figures into docs/performance.md.
#
#   bench/bridges.sh                              takes about 4 minutes, on a machine that does nothing else
#   bench/bridges.sh --quick FOLDER [TARGET]…     takes a moment for each, and leaves reports and document in FOLDER: to see that it runs
#   bench/bridges.sh --try FOLDER [TARGET]…       the real lengths, and leaves reports and document in FOLDER
#
# Targets: kafka rabbitmq nats jetstream mqtt redis. Brokers run one at a time: one that is not measured would take CPU.
# FRONTIER_BIN, FRONTIER_BENCH_BIN and FRONTIER_BROKER_BIN name built programs; without them all are built.
set -euo pipefail
cd "$(dirname "$0")/.."

source bench/common.sh

run=(--seconds 3 --warm-up 2 --rounds 3)
mode=${1:-}
case $mode in
    --quick | --try)
        reports=${2:?bench: $mode needs a folder for the reports}
        document=$reports/performance.md
        cp docs/performance.md "$document"
        shift 2
        [ "$mode" = --try ] || run=(--seconds 0.2 --warm-up 0.1 --rounds 1)
        ;;
    "")
        reports=$(mktemp -d)
        document=docs/performance.md
        ;;
    *) die "unknown argument $mode" ;;
esac
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(kafka rabbitmq nats jetstream mqtt redis)

take_programs
if [ -z "${FRONTIER_BROKER_BIN:-}" ]; then
    cargo build --locked -p frontier-integration-tests --example broker
fi
broker_bin=${FRONTIER_BROKER_BIN:-$built/debug/examples/broker}

work=$(mktemp -d)
gateway=
broker=
stop() {
    if [ -n "$gateway" ]; then
        kill "$gateway" 2>/dev/null || true
        wait "$gateway" || true
        gateway=
    fi
    if [ -n "$broker" ]; then
        # Its input ends, and with it the broker.
        exec 9>&-
        wait "$broker" || true
        broker=
    fi
}
trap 'stop; rm -rf "$work"; [ "$document" != docs/performance.md ] || rm -rf "$reports"' EXIT

# What is kept is bounded where a client cannot say so, or minutes of it would fill the disk; the other settings are those of the tests.
kind() {
    case $1 in
        jetstream) echo nats ;;
        mqtt) echo mosquitto ;;
        *) echo "$1" ;;
    esac
}
lines() {
    case $1 in
        kafka) printf '%s\n' log.retention.bytes=268435456 log.segment.bytes=67108864 log.retention.check.interval.ms=1000 ;;
        # Messages that a client may have under way: else 20.
        mqtt) echo "max_inflight_messages 1000" ;;
    esac
}

version() {
    case $1 in
        kafka) echo "Kafka $(sed -n 's/^KAFKA_VERSION=//p' integration-tests/brokers/versions.env)" ;;
        rabbitmq) echo "RabbitMQ $(dpkg-query --show --showformat '${source:Upstream-Version}' rabbitmq-server 2>/dev/null)" ;;
        nats | jetstream) nats-server --version | sed 's/^nats-server: v*/nats-server /' ;;
        mqtt) mosquitto -h | sed -n 's/^mosquitto version /Mosquitto /p' ;;
        redis) redis-server --version | sed 's/.* v=\([^ ]*\).*/Redis \1/' ;;
    esac
}

# Where Debian puts servers, which not everybody has in PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin

count=0
measure() {
    local target=$1 more at
    mapfile -t more < <(lines "$target")
    rm -f "$work"/*
    mkfifo "$work/input"
    "$broker_bin" "$(kind "$target")" "${more[@]}" < "$work/input" > "$work/broker" 2>&1 &
    broker=$!
    exec 9> "$work/input"
    await "$work/broker" '^[0-9.]*:[0-9]*$' "$broker" "$target"
    at=(--target "$target" --broker "$(grep -m 1 '^[0-9.]*:[0-9]*$' "$work/broker")")
    {
        cat << 'YAML'
servicebound: { listen: { addr: "127.0.0.1:0" } }
edgebound: { listen: { addr: "127.0.0.1:0" }, edgeid_alloc_when_no_idservice_on: true }
observability: { addr: "127.0.0.1:0" }
YAML
        "$bench" bridge-config "${at[@]}"
    } > "$work/frontier.yaml"
    FRONTIER_DRAIN_SECONDS=0 "$frontier" --config "$work/frontier.yaml" > "$work/log" 2>&1 9>&- &
    gateway=$!
    await "$work/log" 'bridge up' "$gateway" "the gateway"
    await "$work/log" 'frontier starts' "$gateway" "the gateway"
    count=$((count + 1))
    "$bench" bridge "${at[@]}" "${run[@]}" --version "$(version "$target")" --pid "$gateway" \
        --edge-addr "$(sed -n 's/.*edgebound server listening on: //p' "$work/log")" \
        --json "$reports/$(printf %02d "$count")-$target.json" 9>&-
    echo
    stop
}

for target in "${targets[@]}"; do
    measure "$target"
done

"$bench" document --bridges --reports "$reports" --into "$document" --measured "$(measured)"
echo "written: $document"
