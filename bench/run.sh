#!/usr/bin/env bash
# Measures the gateway beside a plain TCP relay and writes docs/performance.md. `--quick` takes a second for each figure and
# writes nothing: to see that everything runs.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=
[ "${1:-}" = --quick ] && quick=1
if [ "$quick" ]; then run=(--seconds 0.3 --warm-up 0.1 --rounds 1); many=50; idle=100; watch=0.5
else run=(--seconds 3 --rounds 3); many=1000; idle=5000; watch=40; fi

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
bin=$(realpath -m "$CARGO_TARGET_DIR")/release
if [ ! "${FRONTIER_BENCH_NO_BUILD:-}" ]; then
    cargo build --release --locked -p frontier-gateway -p frontier-bench
fi
work=$(mktemp -d)
gateway=
stop() { [ -z "$gateway" ] || { kill "$gateway"; wait "$gateway" || true; gateway=; }; }
trap 'stop; rm -rf "$work"' EXIT

cat > "$work/frontier.yaml" <<'YAML'
servicebound: { listen: { addr: "127.0.0.1:0" } }
edgebound: { listen: { addr: "127.0.0.1:0" }, edgeid_alloc_when_no_idservice_on: true }
observability: { addr: "127.0.0.1:0" }
log: { level: info }
YAML

# A fresh gateway for each figure: what one leaves behind does not weigh on the next.
start() {
    stop
    FRONTIER_DRAIN_SECONDS=0 "$bin/frontier" --config "$work/frontier.yaml" > "$work/log" 2>&1 &
    gateway=$!
    for _ in $(seq 100); do grep -q 'frontier starts' "$work/log" && break; sleep 0.1; done
    services=$(sed -n 's/.*servicebound server listening on: //p' "$work/log")
    edges=$(sed -n 's/.*edgebound server listening on: //p' "$work/log")
    at=(--edge-addr "$edges" --service-addr "$services" --pid "$gateway")
}
measure() { # name, scenario and its arguments
    local name=$1 scenario=$2
    shift 2
    start
    "$bin/frontier-bench" "$scenario" "${at[@]}" --json "$work/$name.json" "$@" | tee -a "$work/tables"
    echo | tee -a "$work/tables"
}

measure call_1 call "${run[@]}" --relay
measure call_32 call "${run[@]}" --relay --edges 32
measure call_many call "${run[@]}" --relay --edges "$many"
measure call_32x8 call "${run[@]}" --relay --edges 32 --in-flight 8
measure call_down_32 call "${run[@]}" --relay --edges 32 --direction service-to-edge
measure publish_32 publish "${run[@]}" --relay --edges 32
measure publish_down_32 publish "${run[@]}" --relay --edges 32 --direction service-to-edge
measure stream_up stream "${run[@]}"
measure stream_down stream "${run[@]}" --direction service-to-edge
measure connect connect "${run[@]}"
measure idle idle --edges "$idle" --watch "$watch"
stop

figure() { sed -n "s/^ *\"$2\": \([0-9.]*\).*/\1/p" "$work/$1.json" | head -1; }
ratio() { printf '%.2f' "$(figure "$1" cpu_ratio)"; }
whole() { printf '%.0f' "$(figure "$1" "$2")"; }

for name in call_1 call_32 call_many call_32x8 call_down_32 publish_32 publish_down_32; do
    [ -n "$(figure "$name" cpu_ratio)" ] || { echo "no ratio in the report $name" >&2; exit 1; }
done
if [ "$quick" ]; then echo 'all scenarios ran'; exit; fi

{
    sed '/<!-- figures -->/q' docs/performance.md
    cat <<MD

Measured on $(date -u +%F), $(nproc) cores, Linux $(uname -r | cut -d- -f1); gateway, driver, other side, relay and echo are five processes on the same cores.

| bar | goal | measured | Go gateway |
|---|---|---|---|
| CPU per call, 1 edge | ≤ 1.1 × relay | $(ratio call_1) × | 7.0 × |
| CPU per call, 32 edges | ≤ 0.9 × | $(ratio call_32) × | 8 × |
| CPU per call, $many edges | ≤ 0.65 × | $(ratio call_many) × | – |
| CPU per call, 32 edges with 8 in flight each | ≤ 1 × | $(ratio call_32x8) × | – |
| CPU per call service → edge, 32 edges | ≤ 0.9 × | $(ratio call_down_32) × | 7.6 × |
| CPU per acked publish edge → service, 32 edges | ≤ 0.9 × | $(ratio publish_32) × | 7 × |
| CPU per acked publish service → edge, 32 edges | ≤ 0.9 × | $(ratio publish_down_32) × | – |
| calls per second, 32 callers, our driver on the same cores | ≥ 60 000 | $(whole call_32 per_second) | 7 000 |
| one stream up; down, 64 KiB writes, MB/s | ≥ 70 % of a relay | $(whole stream_up megabytes_per_second); $(whole stream_down megabytes_per_second) | 473 |
| connects per second, with hooks | ≥ 7 000 | $(whole connect per_second) | 680 |
| memory of an idle edge that has made a call | ≤ 2 560 B | $(whole idle bytes_per_edge) B | 94 KiB |
| heartbeats, % of a core per 10 000 edges | ≤ 1 | $(figure idle heartbeat_percent_of_core_per_10k | cut -c1-4) | 10.8 |

\`\`\`
$(cat "$work/tables")
\`\`\`
MD
} > "$work/performance.md"
cp "$work/performance.md" docs/performance.md
echo 'written: docs/performance.md'
