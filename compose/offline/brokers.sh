#!/usr/bin/env bash
# Makes stand-ins for the images of compose/brokers.yaml where none can be pulled, of this machine's Debian or Ubuntu
# packages and of Kafka's jars (scripts/setup.sh brokers). Needs what compose/offline/system.sh needs.
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

system=$(compose/offline/system.sh brokers)
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT

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

docker import "$system" "$BASE" >/dev/null
mkdir "$folder/context"
cp --recursive "$JARS" "$folder/context/jars"
cp compose/offline/kafka.sh "$folder/context"
for broker in "${BROKERS[@]}"; do
    DOCKER_BUILDKIT=0 docker build --quiet --build-arg BASE="$BASE" --target "$broker" --tag "$(tag "$broker")" \
        --file compose/offline/brokers.Dockerfile "$folder/context" >/dev/null
done
