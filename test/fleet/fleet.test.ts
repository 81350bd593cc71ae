// A fleet of real processes that are really killed, stopped and outgrown, and are replaced; and one of servers that are
// somebody else's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFleet } from "../../src/fleet/create-fleet.ts";
import { createStaticLauncher, parseUpstream } from "../../src/fleet/launchers/static.ts";
import { isAlive, until } from "./processes.ts";
import { ask, ended, listening, namesOf, node, servingWithout, startable } from "./tested-fleet.ts";

test("replicas get their names, ports, arguments and environment, and their output is told", async () => {
  const { fleet, told } = startable(
    node("{id}:{port}", "{host}{other}"),
    {},
    { env: { GREETING: "hi", PORT: "1" } },
  );
  await fleet.start();
  assert.deepEqual(namesOf(fleet), ["S1", "S2", "S3"]);
  assert.equal(fleet.desiredCount, 3);
  for (const replica of fleet.serving()) {
    const answer = await ask(fleet, replica.name);
    assert.deepEqual(answer, {
      id: replica.name,
      pid: replica.pid,
      words: [`${replica.name}:${replica.address?.port}`, "127.0.0.1{other}"],
      greeting: "hi",
    });
  }
  await until("S2's output arrived", () => told.output.some(({ line }) => line === "ready S2"));
});

test("a killed replica leaves the ring at once and is replaced on its seat", async (t) => {
  const { fleet, changes } = startable(node());
  await fleet.start();
  const [, victim] = fleet.serving();
  assert.ok(victim?.pid);
  const killedMs = performance.now();
  process.kill(victim.pid, "SIGKILL");
  await until("it is out of the ring", () => !namesOf(fleet).includes(victim.name));
  const leftMs = performance.now() - killedMs;
  await servingWithout(fleet, 3, victim.name);
  t.diagnostic(
    `out of the ring ${leftMs.toFixed(0)} ms after the kill, N again after ${(performance.now() - killedMs).toFixed(0)} ms`,
  );
  const successor = fleet.serving().at(-1);
  assert.equal(successor?.seat, victim.seat);
  assert.match(successor?.name ?? "", /^R[0-9a-z]{6}$/);
  assert.equal(fleet.counters.respawns, 1);
  const dead = changes.find(({ replica }) => replica.state === "dead");
  assert.equal(dead?.replica.reason, "was ended by SIGKILL");
});

test("a warm spare takes the seat in the same turn", async () => {
  const { fleet, changes } = startable(node(), { warm: 1, replicaCount: 2 });
  await fleet.start();
  const spare = await until("a spare is warm", () =>
    fleet.spares().find((replica) => replica.state === "healthy"),
  );
  const [victim] = fleet.serving();
  assert.ok(victim?.pid);
  changes.length = 0;
  process.kill(victim.pid, "SIGKILL");
  await until("it is out of the ring", () => !namesOf(fleet).includes(victim.name));
  assert.deepEqual(
    changes.slice(0, 2).map(({ replica, from, more }) => [replica.name, from, replica.state, more]),
    [
      [victim.name, "healthy", "dead", true],
      [spare.name, null, "healthy", false],
    ],
  );
  assert.equal(fleet.serving().find(({ name }) => name === spare.name)?.seat, victim.seat);
  await until("there is another spare", () =>
    fleet.spares().some((replica) => replica.state === "healthy" && replica.name !== spare.name),
  );
});

test("a stopped process is taken out by its heartbeats, killed and replaced", async () => {
  const heartbeat = { intervalMs: 100, timeoutMs: 200 };
  const { fleet } = startable(node(), { heartbeat });
  await fleet.start();
  const [victim] = fleet.serving();
  assert.ok(victim?.pid);
  process.kill(victim.pid, "SIGSTOP");
  await servingWithout(fleet, 3, victim.name);
  await until("it is gone", () => !isAlive(victim.pid as number));
  assert.ok(fleet.counters.heartbeatFailures >= 2);
});

test("a suspect is probed at once", async () => {
  const heartbeat = { intervalMs: 3_600_000, timeoutMs: 200 };
  const { fleet } = startable(node(), { heartbeat });
  await fleet.start();
  const [victim] = fleet.serving();
  assert.ok(victim?.pid);
  process.kill(victim.pid, "SIGSTOP");
  fleet.suspect(victim.name, true);
  fleet.suspect("nobody of that name");
  await servingWithout(fleet, 3, victim.name);
});

test("a replica that outgrows its memory is replaced without a gap", {
  skip: process.platform === "linux" ? false : "skipped: needs /proc",
}, async () => {
  const { fleet, changes } = startable(node(), { replicaCount: 2, maxRssBytes: 120 * 1024 * 1024 });
  await fleet.start();
  const served: number[] = [];
  fleet.onChange(({ more }) => {
    if (!more) served.push(fleet.serving().length);
  });
  for (let count = 0; count < 6; count += 1) await ask(fleet, "S1", "/grow");
  await servingWithout(fleet, 2, "S1");
  assert.ok(Math.min(...served) === 2, "there were always two");
  const drained = changes.find(({ replica }) => replica.state === "draining");
  assert.match(drained?.replica.reason ?? "", /of memory, more than the 120\.0 MiB allowed/);
  assert.equal(fleet.serving().find(({ name }) => name !== "S2")?.seat, 1);
});

test("what each replica uses of the processor is known: a busy one shows", {
  skip: process.platform === "linux" ? false : "skipped: needs /proc",
}, async () => {
  const { fleet } = startable(node(), { replicaCount: 2 });
  await fleet.start();
  await ask(fleet, "S1", "/spin");
  const cores = (name: string) => fleet.usageOf(name)?.cpuCores ?? 0;
  await until("S1 is seen to be busy", () => cores("S1") > 0.2);
  assert.ok(cores("S1") > cores("S2"));
  assert.ok((fleet.usageOf("S2")?.rssBytes ?? 0) > 1_000_000);
  assert.equal(fleet.usageOf("S9"), null);
});

test("servers of somebody else are checked, balanced and never replaced", async () => {
  const untold = (): void => {};
  const log = { info: untold, warn: untold, error: untold };
  let healthy = true;
  const port = await listening((_request, response) => response.writeHead(healthy ? 404 : 500).end());
  const launcher = createStaticLauncher([
    parseUpstream(`127.0.0.1:${port}@2.5`),
    parseUpstream("127.0.0.1:1"),
  ]);
  const heartbeat = { intervalMs: 50 };
  const fleet = ended(createFleet({ launcher, log, heartbeat }));
  await fleet.start();
  assert.deepEqual(
    fleet.serving().map(({ name, seat, weight, pid }) => [name, seat, weight, pid]),
    [["S1", 1, 2.5, null]],
  );
  healthy = false;
  await until("S1 is down", () => fleet.replicas()[0]?.state === "down");
  assert.match(fleet.replicas()[0]?.reason ?? "", /answered 500/);
  healthy = true;
  await until("S1 is back", () => namesOf(fleet).includes("S1"));
  await assert.rejects(fleet.add(1, []), { code: "FULL", message: /only 2 servers were given to balance/ });
  await fleet.remove(1, ["S2"]);
  assert.equal(fleet.desiredCount, 1);
});
