#!/usr/bin/env bash
# Measures connects, the control plane, its effect on calls and the memory of an edge, with each place of records in turn, and writes
# the figures into docs/performance.md.
#
#   bench/control.sh                              takes about 6 minutes, on a machine that does nothing else
#   bench/control.sh --quick FOLDER [RECORDS]…    takes a moment for each, and leaves reports and document in FOLDER: to see that it runs
#   bench/control.sh --try FOLDER [RECORDS]…      the real lengths, and leaves reports and document in FOLDER
#
# Records: memory sqlite-memory sqlite-file. FRONTIER_BIN and FRONTIER_BENCH_BIN name built programs; without them both are built.
set -euo pipefail
cd "$(dirname "$0")/.."

source bench/common.sh

turns=3
connect=(--seconds 3 --warm-up 1 --rounds 1)
idle=(--edges 10000 --watch 0)
control=(--seconds 3 --warm-up 1 --rounds 3)
mode=${1:-}
case $mode in
    --quick | --try)
        reports=${2:?bench: $mode needs a folder for the reports}
        document=$reports/performance.md
        cp docs/performance.md "$document"
        shift 2
        if [ "$mode" = --quick ]; then
            turns=1
            connect=(--seconds 0.1 --warm-up 0.05 --rounds 1)
            idle=(--edges 200 --watch 0)
            control=(--seconds 0.2 --warm-up 0.05 --rounds 1 --residents 200 --asks 1 --pages-per-second 100)
        fi
        ;;
    "")
        reports=$(mktemp -d)
        document=docs/performance.md
        ;;
    *) die "unknown argument $mode" ;;
esac
places=("$@")
[ ${#places[@]} -gt 0 ] || places=(memory sqlite-memory sqlite-file)

take_programs

work=$(mktemp -d)
gateway=
stop() {
    [ -n "$gateway" ] || return 0
    kill "$gateway" 2>/dev/null || true
    wait "$gateway" || true
    gateway=
}
trap 'stop; rm -rf "$work"; [ "$document" != docs/performance.md ] || rm -rf "$reports"' EXIT

section() {
    case $1 in
        memory) echo "dao: { backend: memory }" ;;
        sqlite-memory) echo "dao: { backend: sqlite, sqlite: { path: \":memory:\" } }" ;;
        sqlite-file) echo "dao: { backend: sqlite, sqlite: { path: \"$work/frontier.db\" } }" ;;
        *) die "records are kept in memory, sqlite-memory or sqlite-file, not in $1" ;;
    esac
}

# A fresh gateway for each figure: what one leaves behind does not weigh on the next.
start() {
    rm -f "$work"/*
    section "$1" > "$work/frontier.yaml"
    cat >> "$work/frontier.yaml" << 'YAML'
servicebound: { listen: { addr: "127.0.0.1:0" } }
edgebound: { listen: { addr: "127.0.0.1:0" }, edgeid_alloc_when_no_idservice_on: true }
controlplane: { enable: true, listen: { addr: "127.0.0.1:0" } }
observability: { addr: "127.0.0.1:0" }
YAML
    FRONTIER_DRAIN_SECONDS=0 "$frontier" --config "$work/frontier.yaml" > "$work/log" 2>&1 &
    gateway=$!
    await "$work/log" 'frontier starts' "$gateway" "the gateway"
}

listens() {
    sed -n "s/.*$1 server listening on: //p" "$work/log"
}

# measure SCENARIO RECORDS ARGUMENT...: the reports are numbered in the order in which they come.
count=0
measure() {
    local scenario=$1 records=$2
    shift 2
    start "$records"
    [ "$scenario" != control ] || set -- "$@" --control-addr "$(listens controlplane)"
    count=$((count + 1))
    "$bench" "$scenario" --edge-addr "$(listens edgebound)" --service-addr "$(listens servicebound)" --pid "$gateway" \
        --records "$records" --json "$reports/$(printf %02d "$count")-$scenario-$records.json" "$@"
    stop
    echo
}

for _ in $(seq "$turns"); do
    for records in "${places[@]}"; do
        measure connect "$records" "${connect[@]}"
    done
done
for records in "${places[@]}"; do
    measure idle "$records" "${idle[@]}"
done
for records in "${places[@]}"; do
    measure control "$records" "${control[@]}"
done

"$bench" document --control-plane --reports "$reports" --into "$document" --measured "$(measured)"
echo "written: $document"
