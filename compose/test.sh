#!/usr/bin/env bash
# Runs the gateway, the five brokers and the tests by compose, then the README's lines about brokers in containers, and ends
# with the result of both. Needs an engine that answers (scripts/with-engine.sh), the programs that `make programs` builds,
# and what `scripts/setup.sh test` and `scripts/setup.sh docker` install.
#
#   compose/test.sh               brokers in stand-ins made of this machine's packages: nothing is pulled
#   compose/test.sh --official    brokers in their official images, as compose/brokers.yaml names them
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
    "" | --official) ;;
    *) echo "$0: unknown argument \"$1\": --official for the brokers' official images, or none" >&2; exit 2 ;;
esac
readonly TARGET=${CARGO_TARGET_DIR:-$PWD/target}
# Programs of this machine run on a system of this machine.
readonly RUN_IMAGE=${FRONTIER_RUN_IMAGE:-frontier-compose-run}

export COMPOSE_PROJECT_NAME=frontier-test-compose FRONTIER_IMAGE=frontier-compose FRONTIER_TESTS_IMAGE=frontier-compose-tests
# Any free ports of this machine: nobody comes in by them.
export FRONTIER_PUBLISH_SERVICES=127.0.0.1:0 FRONTIER_PUBLISH_EDGES=127.0.0.1:0 FRONTIER_PUBLISH_OBSERVABILITY=127.0.0.1:0 FRONTIER_PUBLISH_CONTROL=127.0.0.1:0

compose() {
    local program=(docker compose)
    docker compose version >/dev/null 2>&1 || program=(docker-compose)
    "${program[@]}" -f compose/compose.yaml -f compose/brokers.yaml -f compose/tests.yaml "$@"
}

context=$(mktemp --directory)
trap 'compose down --timeout 5 --volumes >/dev/null 2>&1 || true; rm -rf "$context"' EXIT

if [ "${1:-}" != --official ]; then
    compose/offline/brokers.sh frontier-offline
    for broker in kafka rabbitmq nats mosquitto redis; do
        export "FRONTIER_${broker^^}_IMAGE=frontier-offline-$broker"
    done
fi

mkdir -p "$context/bin" "$context/etc"
[ -n "${FRONTIER_RUN_IMAGE:-}" ] || compose/offline/run-image.sh "$RUN_IMAGE"
cp etc/frontier.yaml "$context/etc"
cp "$TARGET/debug/frontier" "$TARGET/debug/frontierctl" "$context/bin"
docker build --quiet --target prebuilt --build-arg RUN_IMAGE="$RUN_IMAGE" --tag "$FRONTIER_IMAGE" --file Dockerfile "$context"
rm "$context"/bin/*
cp "$(compose/tests-built.sh --workspace --locked)" "$context/bin/bridges-test"
docker build --quiet --target prebuilt --build-arg RUN_IMAGE="$RUN_IMAGE" --tag "$FRONTIER_TESTS_IMAGE" \
    --file compose/tests.Dockerfile "$context"

compose up --abort-on-container-exit --exit-code-from tests --no-build | tee "$context/said"
# Tests of which none is chosen pass.
there=$(grep --count '^#\[ignore' integration-tests/tests/bridges/in_compose.rs)
grep --quiet "test result: ok\. $there passed" "$context/said" || {
    echo "compose/test.sh: in_compose.rs has $there tests, and the line above with \"test result\" says that others ran" >&2
    exit 1
}
# All that runs is ended by that.
cargo test --workspace --locked --test compose -- --ignored
