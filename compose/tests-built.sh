#!/usr/bin/env bash
# Builds the tests that compose/tests.yaml runs, and prints where the program is.
#
#   compose/tests-built.sh -p frontier-integration-tests|--workspace [CARGO'S ARGUMENT]...
#
# With the whole workspace selected nothing is built anew that `make test` has built.
set -euo pipefail
cd "$(dirname "$0")/.."
# Another crate has a test of this name, too.
cargo test "$@" --test bridges --no-run --message-format json |
    sed -n '/#frontier-integration-tests@/s/.*"name":"bridges".*"executable":"\([^"]*\)".*/\1/p'
