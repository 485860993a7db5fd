#!/usr/bin/env bash
# Makes a stand-in for the Dockerfile's RUN_IMAGE where no image can be pulled: the C library, libgcc and OpenSSL of this
# machine's Debian or Ubuntu packages, and nothing else, not even a shell.
#
#   compose/offline/run-image.sh NAME
set -euo pipefail
readonly NAME=${1:?the name of the image to make}

folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/packages" "$folder/root"
# apt lets its own user fetch, who must come in here.
chmod 755 "$folder" "$folder/packages"
chmod 1777 "$folder/packages"
fetch() (cd "$folder/packages" && apt-get download -qq base-files libc6 libgcc-s1 libssl3)
# What apt knows of may be gone by now, or nothing.
fetch 2>/dev/null || { apt-get update -qq && fetch; }
for package in "$folder"/packages/*.deb; do
    dpkg-deb --extract "$package" "$folder/root"
done
rm -rf "$folder"/root/usr/share/{doc,lintian,man}
# The one of last time would stay without a name.
docker image rm --force "$NAME" >/dev/null 2>&1 || true
tar --create --directory "$folder/root" --owner 0 --group 0 --numeric-owner . | docker import - "$NAME" >/dev/null
