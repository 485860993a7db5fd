# Stand-ins for the images of compose/brokers.yaml: the same files at the same places, the same commands.
ARG BASE
FROM ${BASE} AS nats
RUN mkdir /data
CMD ["nats-server"]

FROM ${BASE} AS redis
WORKDIR /data
CMD ["redis-server"]

FROM ${BASE} AS mosquitto
RUN mkdir -p /mosquitto/data && chown mosquitto /mosquitto/data
CMD ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]

FROM ${BASE} AS rabbitmq
# The package's own programs; those in PATH change the user first.
ENV PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/var/lib/rabbitmq
CMD ["rabbitmq-server"]

FROM ${BASE} AS kafka
COPY jars /opt/kafka/libs
COPY kafka.sh /opt/kafka/kafka.sh
RUN mkdir -p /var/lib/kafka/data
CMD ["/opt/kafka/kafka.sh"]
