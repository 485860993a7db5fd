#!/usr/bin/env bash
# Runs a command with a Docker engine: the one that answers, else one of its own, which ends with the command and takes
# its images and containers along.
#
#   scripts/with-engine.sh COMMAND [ARGUMENT]...
#   scripts/with-engine.sh --possible              only says whether that can work here: 0 if so
#
# An engine of its own needs root. There is one at a time on a machine, since engines share the bridge and the rules of
# the firewall; the next one waits. The bridge docker0 and its rules stay behind.
set -euo pipefail

readonly STARTS_WITHIN=60 ENDS_WITHIN=60 TURN_COMES_WITHIN=1200

say() { echo "with-engine: $*" >&2; }

die() {
    say "$*"
    exit 1
}

answers() { docker info >/dev/null 2>&1; }

[ $# -gt 0 ] || die "no command to run"
if [ "$1" = --possible ]; then
    # What a container is made of has to be here, and an engine has to be allowed to make it.
    has_cgroups() { [ -e /sys/fs/cgroup/cgroup.controllers ] || [ -d /sys/fs/cgroup/devices ]; }
    answers || { [ "$(id -u)" -eq 0 ] && has_cgroups && unshare --mount --net --pid --fork true 2>/dev/null; }
    exit
fi
command -v docker >/dev/null || die "no docker in PATH: scripts/setup.sh docker"
answers && exec "$@"
[ "$(id -u)" -eq 0 ] || die "no Docker engine answers, and only root can start one: start it, or join its group"

exec 9>/var/lock/frontier-engine
flock --nonblock 9 || say "waiting for the end of another engine of this kind"
flock --wait "$TURN_COMES_WITHIN" 9 || die "another engine of this kind has been running for $TURN_COMES_WITHIN s"

# The path of a socket has to be short: so not below the build folder.
folder=$(mktemp --directory "${TMPDIR:-/tmp}/frontier-engine.XXXXXX")
engine=

end_engine() {
    if [ -n "$engine" ] && kill -TERM "$engine" 2>/dev/null; then
        local waited=0
        while kill -0 "$engine" 2>/dev/null && [ $((waited++)) -lt $((ENDS_WITHIN * 10)) ]; do sleep 0.1; done
        kill -KILL "$engine" 2>/dev/null && say "the engine did not end in $ENDS_WITHIN s and was killed"
    fi
    rm -rf "$folder"
}
trap end_engine EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Descriptor 9 is the turn: whoever inherits it would keep it.
dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
    --host "unix://$folder/socket" >"$folder/log" 2>&1 9>&- &
engine=$!
export DOCKER_HOST=unix://$folder/socket
started=$SECONDS
until answers; do
    if ! kill -0 "$engine" 2>/dev/null; then
        tail -n 3 "$folder/log" >&2
        die "the engine does not run here; containers need a machine, or a container, with all capabilities"
    fi
    [ $((SECONDS - started)) -lt "$STARTS_WITHIN" ] || die "the engine has not answered for $STARTS_WITHIN s"
    sleep 0.1
done
"$@" 9>&-
