#!/bin/sh
# Runs Kafka as its own image does: a data folder is made first if there is none.
set -eu
config=/mnt/shared/config/server.properties
[ -e /var/lib/kafka/data/meta.properties ] ||
    java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --cluster-id "${CLUSTER_ID:-ZnJvbnRpZXItdGVzdGluZw}" --config "$config"
exec java -Xms128m -Xmx512m -XX:+UseSerialGC -cp '/opt/kafka/libs/*' kafka.Kafka "$config"
