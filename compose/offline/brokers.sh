#!/usr/bin/env bash
# Makes stand-ins for the images of compose/brokers.yaml where none can be pulled, of this machine's Debian or Ubuntu
# packages and of Kafka's jars (scripts/setup.sh brokers). Needs root and debootstrap. The system is kept in
# $CARGO_TARGET_DIR/stand-ins: making it takes two minutes or three.
#
#   compose/offline/brokers.sh PREFIX        makes PREFIX-base and PREFIX-kafka, -rabbitmq, -nats, -mosquitto, -redis, the
#                                            latter with the tags of brokers.yaml
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly PREFIX=${1:?what the names of the images begin with}
# shellcheck source=integration-tests/brokers/versions.env
source integration-tests/brokers/versions.env

readonly TARGET=${CARGO_TARGET_DIR:-$PWD/target}
readonly JARS=$TARGET/kafka/$KAFKA_VERSION
[ -d "$JARS" ] || { echo "$0: no Kafka in $JARS: scripts/setup.sh brokers" >&2; exit 1; }

sources=$(apt-get indextargets --format '$(CODENAME) $(SITE)' 'Created-By: Packages' 'Component: main')
codename=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)
mirror=$(awk -v wanted="$codename" '$1 == wanted { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || { echo "$0: apt has no source for $codename" >&2; exit 1; }

folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT

readonly SYSTEM=$TARGET/stand-ins/brokers-$codename.tar
if [ ! -f "$SYSTEM" ]; then
    mkdir -p "$TARGET/stand-ins"
    packages=rabbitmq-server,nats-server,mosquitto,mosquitto-clients,redis-server,redis-tools
    packages=$packages,openjdk-17-jre-headless,netcat-openbsd,wget,libssl3,ca-certificates
    debootstrap --variant=minbase --include="$packages" "$codename" "$folder/root" "$mirror" >&2
    rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/usr/share/{doc,man,locale}
    tar --create --file "$SYSTEM.new" --directory "$folder/root" --numeric-owner .
    mv "$SYSTEM.new" "$SYSTEM"
fi

tag() {
    case $1 in
        kafka) echo "$PREFIX-kafka:$KAFKA_VERSION" ;;
        rabbitmq) echo "$PREFIX-rabbitmq:$RABBITMQ_VERSION" ;;
        nats) echo "$PREFIX-nats:$NATS_VERSION-alpine" ;;
        mosquitto) echo "$PREFIX-mosquitto:$MOSQUITTO_VERSION" ;;
        redis) echo "$PREFIX-redis:$REDIS_VERSION" ;;
    esac
}

readonly BASE=$PREFIX-base BROKERS=(kafka rabbitmq nats mosquitto redis)
# Those of last time would stay without a name.
for broker in "${BROKERS[@]}"; do docker image rm --force "$(tag "$broker")" >/dev/null 2>&1 || true; done
docker image rm --force "$BASE" >/dev/null 2>&1 || true

docker import "$SYSTEM" "$BASE" >/dev/null
mkdir "$folder/context"
cp --recursive "$JARS" "$folder/context/jars"
cp compose/offline/kafka.sh "$folder/context"
for broker in "${BROKERS[@]}"; do
    DOCKER_BUILDKIT=0 docker build --quiet --build-arg BASE="$BASE" --target "$broker" --tag "$(tag "$broker")" \
        --file compose/offline/brokers.Dockerfile "$folder/context" >/dev/null
done
