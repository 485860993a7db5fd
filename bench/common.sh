# shellcheck shell=bash
# What the scripts beside this one share: to be sourced in the root of the repository.

die() {
    echo "bench: $*" >&2
    exit 1
}

readonly built=${CARGO_TARGET_DIR:-target}

# Sets $frontier and $bench, the programs that FRONTIER_BIN and FRONTIER_BENCH_BIN name; without these both are built.
take_programs() {
    if [ -z "${FRONTIER_BIN:-}" ] || [ -z "${FRONTIER_BENCH_BIN:-}" ]; then
        cargo build --release --locked -p frontier-gateway -p frontier-bench
    fi
    frontier=${FRONTIER_BIN:-$built/release/frontier}
    bench=${FRONTIER_BENCH_BIN:-$built/release/frontier-bench}
}

# When and on what something was measured.
measured() {
    local model
    model=$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | sort -u | paste -sd ,)
    echo "on $(date -u +%F): $(nproc) cores ($model), Linux $(uname -r | cut -d - -f 1)"
}

# await FILE PATTERN PROCESS WHAT: until the pattern is in the file.
await() {
    for _ in $(seq 3000); do
        ! grep -qs "$2" "$1" || return 0
        kill -0 "$3" 2>/dev/null || die "$4 does not start: $(cat "$1")"
        sleep 0.05
    done
    die "$4 does not come up: $(cat "$1")"
}
