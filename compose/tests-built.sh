#!/usr/bin/env bash
# Builds the tests that compose/tests.yaml runs, and prints where the program is.
#
#   compose/tests-built.sh [CARGO'S ARGUMENT]...
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test "$@" -p frontier-integration-tests --test bridges --no-run --message-format json |
    sed -n 's/.*"name":"bridges".*"executable":"\([^"]*\)".*/\1/p'
