import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerOptions, containerSpec, fingerprint, label } from "./container-spec.ts";

const image = { id: "sha256:1", own: false };
const marks = { fleet: "f", replicaCount: 3, run: "r" };
const spec = (options: Partial<ContainerOptions> = {}, own = false) =>
  containerSpec({ image: "web", ...options }, { ...image, own }, { name: "S1", seat: 1 }, marks);

test("a container is confined unless told otherwise", () => {
  const { HostConfig } = spec();
  assert.deepEqual(HostConfig?.CapDrop, ["ALL"]);
  assert.deepEqual(HostConfig?.SecurityOpt, ["no-new-privileges"]);
  assert.equal(HostConfig?.PidsLimit, 4_096);
  assert.equal(HostConfig?.RestartPolicy?.Name, "no");
  assert.equal(HostConfig?.Privileged, undefined);
  assert.equal(HostConfig?.Binds, undefined);
});

test("limits are given in the engine's units, and swap does not come on top", () => {
  const { HostConfig } = spec({
    cpus: 0.5,
    memoryBytesMax: 2 ** 26,
    pidsMax: 50,
    capabilities: ["CHOWN"],
  });
  assert.equal(HostConfig?.NanoCpus, 500_000_000);
  assert.deepEqual([HostConfig?.Memory, HostConfig?.MemorySwap], [2 ** 26, 2 ** 26]);
  assert.equal(HostConfig?.PidsLimit, 50);
  assert.deepEqual(HostConfig?.CapAdd, ["CHOWN"]);
});

test("an image of our own serves, and cannot be written; another does what it does", () => {
  assert.deepEqual(spec({}, true).Cmd, ["serve"]);
  assert.equal(spec({}, true).HostConfig?.ReadonlyRootfs, true);
  assert.equal(spec({ readOnly: false }, true).HostConfig?.ReadonlyRootfs, undefined);
  assert.equal(spec().Cmd, undefined);
  assert.equal(spec().HostConfig?.ReadonlyRootfs, undefined);
  assert.equal(spec({ readOnly: true }).HostConfig?.ReadonlyRootfs, true);
});

test("the replica's name is its container's, its alias and its SERVER_ID; nothing of our own environment goes along", () => {
  const request = spec({
    network: "net1",
    port: 9000,
    command: ["app", "--port={port}", "{host}", "{id}"],
    env: { A: "1", SERVER_ID: "forged", GONE: undefined },
  });
  assert.equal(request.name, "S1");
  assert.deepEqual(request.Env, ["A=1", "SERVER_ID=S1", "PORT=9000", "HOST=0.0.0.0"]);
  assert.deepEqual(request.Cmd, ["app", "--port=9000", "0.0.0.0", "S1"]);
  assert.deepEqual(request.NetworkingConfig, { EndpointsConfig: { net1: { Aliases: ["S1"] } } });
  assert.equal(spec({ prefix: "web-" }).name, "web-S1");
  assert.equal(spec().NetworkingConfig, undefined, "Docker's own bridge refuses aliases");
});

test("one fingerprint for all replicas of a fleet; another one as soon as anything they share differs", () => {
  const own = { image: "web" };
  const first = fingerprint(own, image);
  assert.equal(spec().Labels?.[label.spec], first);
  const other = containerSpec(own, image, { name: "S2", seat: 2 }, { ...marks, run: "x", replicaCount: 9 });
  assert.equal(other.Labels?.[label.spec], first);
  const changed = [
    fingerprint(own, { ...image, id: "sha256:2" }),
    fingerprint({ ...own, env: { A: "1" } }, image),
    fingerprint({ ...own, command: ["x"] }, image),
    fingerprint({ ...own, network: "net1" }, image),
    fingerprint({ ...own, cpus: 1 }, image),
    fingerprint({ ...own, port: 81 }, image),
    fingerprint({ ...own, labels: { a: "b" } }, image),
  ];
  assert.equal(new Set([first, ...changed]).size, changed.length + 1);
});
