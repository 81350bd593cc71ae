# One image for everything: docker run IMAGE serve | up … | broker … (docs/docker.md).
#
# Nothing here needs BuildKit. Where the npm registry is a mirror, or is reached only from the host's network:
#   docker build --network host --build-arg NPM_CONFIG_REGISTRY=https://… -t roundhouse .

FROM node:24-bookworm-slim AS build
# npm reads it from the environment. It ends with this stage: the image does not know it.
ARG NPM_CONFIG_REGISTRY
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# The packages are a layer of their own, which is made again only when they change.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build \
 && npm prune --omit=dev --ignore-scripts \
 && find dist node_modules -type f \( -name '*.map' -o -name '*.d.?ts' -o -name '*.d.ts' -o -name '*.md' -o -name .tsbuildinfo \) -delete
# lmdb brings a binary for each C library and age of Node; this Node on Debian takes the one that is left.
RUN find node_modules -name '*.musl.node' -delete -o -name '*.abi*.node' -delete

# Node alone, without npm: what is not in the image cannot be attacked in it.
FROM debian:bookworm-slim
# Numbers, since Kubernetes' runAsNonRoot cannot judge a name.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/roundhouse --shell /usr/sbin/nologin roundhouse \
 && install -d -o 10001 -g 10001 /var/lib/roundhouse
COPY --from=build /usr/bin/tini-static /usr/local/bin/tini
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /opt/roundhouse
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/assets assets
COPY --from=build /build/dist dist
COPY --from=build /build/package.json /build/LICENSE /build/deploy/healthcheck.mjs ./
RUN ln -s /opt/roundhouse/dist/cli/main.js /usr/local/bin/roundhouse && chmod 755 dist/cli/main.js

# The launcher knows it by this label: its replicas run `serve`, on a root that cannot be written.
LABEL roundhouse.image=1
# HOST: `serve` must be reached from outside of its container.
ENV NODE_ENV=production HOST=0.0.0.0
# Everything that is kept is kept here. Not declared as a VOLUME, which would give every replica one.
WORKDIR /var/lib/roundhouse
USER 10001:10001
# Front door, its admin listener, the queue's API and read port; the built-in replica.
EXPOSE 5000 5010 5005 5001 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "/opt/roundhouse/healthcheck.mjs"]
# The kernel gives process 1 no default for signals, and it inherits orphans, which Node would leave as zombies.
ENTRYPOINT ["tini", "--", "roundhouse"]
CMD ["--help"]
