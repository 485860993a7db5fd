#!/usr/bin/env bash
# Makes an image of this machine's Debian or Ubuntu release with systemd as the first process, for the test of the unit.
# Needs root and debootstrap. The system is kept in $CARGO_TARGET_DIR/stand-ins: making it takes a minute or two.
#
#   compose/offline/systemd-image.sh NAME
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly NAME=${1:?the name of the image to make}

sources=$(apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' 'Component: main')
codename=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)
mirror=$(awk -v wanted="$codename" '$1 == wanted { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || { echo "$0: apt has no source for $codename" >&2; exit 1; }

readonly KEPT=${CARGO_TARGET_DIR:-$PWD/target}/stand-ins
readonly SYSTEM=$KEPT/systemd-$codename.tar
if [ ! -f "$SYSTEM" ]; then
    mkdir -p "$KEPT"
    folder=$(mktemp --directory)
    trap 'rm -rf "$folder"' EXIT
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus "$codename" "$folder/root" "$mirror" >&2
    rm -rf "$folder"/root/var/cache/apt/archives/*.deb
    # What manages hardware, seats and terminals has nothing to manage.
    for unit in systemd-udevd.service systemd-logind.service getty.target console-getty.service; do
        ln -sf /dev/null "$folder/root/etc/systemd/system/$unit"
    done
    tar --create --file "$SYSTEM.new" --directory "$folder/root" --numeric-owner .
    mv "$SYSTEM.new" "$SYSTEM"
fi
# The one of last time would stay without a name.
docker image rm --force "$NAME" >/dev/null 2>&1 || true
docker import --change 'ENV container=docker' "$SYSTEM" "$NAME" >/dev/null
