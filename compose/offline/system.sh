#!/usr/bin/env bash
# Makes a system of this machine's Debian or Ubuntu packages for stand-in images, and prints where it is: an archive in
# $CARGO_TARGET_DIR/stand-ins, where the next one who asks finds it. Needs root and debootstrap; takes two or three minutes.
#
#   compose/offline/system.sh brokers    with all brokers but Kafka, and the Java that this one needs
#   compose/offline/system.sh systemd    with systemd as the first process
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly NAME=${1:?brokers or systemd}
case $NAME in
    brokers) packages=rabbitmq-server,nats-server,mosquitto,mosquitto-clients,redis-server,redis-tools,openjdk-17-jre-headless,netcat-openbsd,wget,libssl3,ca-certificates ;;
    systemd) packages=systemd,systemd-sysv,dbus ;;
    *) echo "$0: there is no system \"$NAME\": brokers or systemd" >&2; exit 1 ;;
esac

sources=$(apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' 'Component: main')
codename=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)
mirror=$(awk -v wanted="$codename" '$1 == wanted { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || { echo "$0: apt has no source for $codename" >&2; exit 1; }

readonly KEPT=${CARGO_TARGET_DIR:-$PWD/target}/stand-ins
readonly ARCHIVE=$KEPT/$NAME-$codename.tar
if [ ! -f "$ARCHIVE" ]; then
    mkdir -p "$KEPT"
    folder=$(mktemp --directory)
    trap 'rm -rf "$folder"' EXIT
    debootstrap --variant=minbase --include="$packages" "$codename" "$folder/root" "$mirror" >&2
    rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/usr/share/{doc,man,locale}
    if [ "$NAME" = systemd ]; then
        # What manages hardware, seats and terminals has nothing to manage.
        for unit in systemd-udevd.service systemd-logind.service getty.target console-getty.service; do
            ln -sf /dev/null "$folder/root/etc/systemd/system/$unit"
        done
    fi
    tar --create --file "$ARCHIVE.new" --directory "$folder/root" --numeric-owner .
    mv "$ARCHIVE.new" "$ARCHIVE"
fi
echo "$ARCHIVE"
