#!/usr/bin/env bash
# Measures every bar beside a plain TCP relay and writes the figures into docs/performance.md.
#
#   bench/run.sh                  takes about 10 minutes, on a machine that does nothing else
#   bench/run.sh --quick FOLDER   takes a moment for each figure, and leaves reports and document in FOLDER: to see that it runs
#
# FRONTIER_BIN and FRONTIER_BENCH_BIN name built programs; without them both are built.
set -euo pipefail
cd "$(dirname "$0")/.."

source bench/common.sh

if [ "${1:-}" = --quick ]; then
    reports=${2:?bench: --quick needs a folder for the reports}
    document=$reports/performance.md
    cp docs/performance.md "$document"
    run=(--seconds 0.1 --warm-up 0.05 --rounds 1)
    idle=(--edges 200 --watch 0.5)
else
    reports=$(mktemp -d)
    document=docs/performance.md
    run=(--seconds 3 --warm-up 1 --rounds 3)
    idle=(--edges 10000 --watch 60)
fi

take_programs

work=$(mktemp -d)
gateway=
stop() {
    [ -n "$gateway" ] || return 0
    kill "$gateway"
    wait "$gateway" || true
    gateway=
}
trap 'stop; rm -rf "$work"; [ "$document" != docs/performance.md ] || rm -rf "$reports"' EXIT

cat > "$work/frontier.yaml" <<'YAML'
servicebound: { listen: { addr: "127.0.0.1:0" } }
edgebound: { listen: { addr: "127.0.0.1:0" }, edgeid_alloc_when_no_idservice_on: true }
observability: { addr: "127.0.0.1:0" }
YAML

sed "s|edgebound: { listen: { addr: \"127.0.0.1:0\"|&, tls: { enable: true, certs: [{ cert: $work/cert.pem, key: $work/key.pem }] }|" \
    "$work/frontier.yaml" > "$work/tls.yaml"
sed "s|edgeid_alloc_when_no_idservice_on: true|&, websocket: { enable: true, listen: { addr: \"127.0.0.1:0\" } }|" \
    "$work/frontier.yaml" > "$work/websocket.yaml"
"$bench" certificate --cert "$work/cert.pem" --key "$work/key.pem"

# A fresh gateway for each figure: what one leaves behind does not weigh on the next.
start() {
    local config=${config:-$work/frontier.yaml}
    stop
    rm -f "$work/log"
    FRONTIER_DRAIN_SECONDS=0 "$frontier" --config "$config" > "$work/log" 2>&1 &
    gateway=$!
    await "$work/log" 'frontier starts' "$gateway" "the gateway"
    at=(
        --edge-addr "$(sed -n 's/.*edgebound server listening on: //p' "$work/log")"
        --service-addr "$(sed -n 's/.*servicebound server listening on: //p' "$work/log")"
        --pid "$gateway"
    )
}

# Where edges connect over WebSocket, in place of the port for TCP.
over_websocket() {
    at[1]=ws://$(sed -n 's/.*edgebound websocket server listening on: //p' "$work/log")
}

# measure SCENARIO ARGUMENT...: the reports are numbered in the order in which they come.
count=0
measure() {
    local scenario=$1
    shift
    start
    [ "${config:-}" != "$work/websocket.yaml" ] || over_websocket
    count=$((count + 1))
    "$bench" "$scenario" "${at[@]}" --json "$reports/$(printf %02d "$count")-$scenario.json" "$@"
    echo
}

for scenario in call publish; do
    for direction in edge-to-service service-to-edge; do
        for shape in 1x1 32x1 1000x1 32x8; do
            measure "$scenario" "${run[@]}" --relay --direction "$direction" --edges "${shape%x*}" --in-flight "${shape#*x}"
        done
    done
done
# What an application sees: peers on the SDK, for information.
for shape in 1x1 32x1; do
    measure call "${run[@]}" --relay --sdk --edges "${shape%x*}" --in-flight "${shape#*x}"
done
for direction in edge-to-service service-to-edge; do
    for size in 65536 4096; do
        measure stream "${run[@]}" --relay --direction "$direction" --write-size "$size"
    done
done
measure connect "${run[@]}"
measure idle "${idle[@]}"
config=$work/tls.yaml measure idle "${idle[@]}" --edge-tls-ca "$work/cert.pem"
config=$work/websocket.yaml measure idle "${idle[@]}"
stop

"$bench" document --reports "$reports" --into "$document" --measured "$(measured)"
echo "written: $document"
