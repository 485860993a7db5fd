#!/usr/bin/env bash
# Makes an image of this machine's Debian or Ubuntu release with systemd as the first process, for the test of the unit.
# Needs what compose/offline/system.sh needs.
#
#   compose/offline/systemd-image.sh NAME
set -euo pipefail
cd "$(dirname "$0")"
readonly NAME=${1:?the name of the image to make}

system=$(./system.sh systemd)
# The one of last time would stay without a name.
docker image rm --force "$NAME" >/dev/null 2>&1 || true
docker import --change 'ENV container=docker' "$system" "$NAME" >/dev/null
