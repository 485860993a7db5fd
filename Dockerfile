# The gateway, and frontierctl beside it, in an image without a shell:
#
#   docker build --tag frontier .
#
# BUILD_IMAGE needs Rust, C and C++ compilers and OpenSSL; RUN_IMAGE libgcc, OpenSSL 3 and a glibc that is no older. The
# target `prebuilt` takes bin/frontier and bin/frontierctl in place of building them.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12

FROM ${RUN_IMAGE} AS base
COPY etc/frontier.yaml /usr/conf/frontier.yaml
# A number: neither the image nor a cluster that asks for non-root has to know a name.
USER 65532:65532
# Control plane, services, edges, health and metrics.
EXPOSE 30010 30011 30012 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=5s --retries=3 CMD ["/usr/bin/frontier", "health"]
ENTRYPOINT ["/usr/bin/frontier"]
CMD ["--config", "/usr/conf/frontier.yaml"]

# The folder is always there: the older builder makes this stage on its way to the last one, with no program in it yet.
FROM base AS prebuilt
COPY bin/ /usr/bin/

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
# Backtraces keep their functions' names; line tables would be three quarters of the image.
RUN CARGO_PROFILE_RELEASE_STRIP=debuginfo cargo build --release --locked -p frontier-gateway -p frontier-ctl

FROM base
COPY --from=build /src/target/release/frontier /src/target/release/frontierctl /usr/bin/
