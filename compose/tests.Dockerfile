# The tests that compose/tests.yaml runs. The target `prebuilt` takes bin/bridges-test in place of building it.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12

FROM ${RUN_IMAGE} AS base
USER 65532:65532
ENTRYPOINT ["/usr/bin/bridges-test"]
CMD ["--ignored", "in_compose::"]

# The folder is always there: the older builder makes this stage on its way to the last one, with no program in it yet.
FROM base AS prebuilt
COPY bin/ /usr/bin/

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cp "$(compose/tests-built.sh -p frontier-integration-tests --locked)" /bridges-test

FROM base
COPY --from=build /bridges-test /usr/bin/
