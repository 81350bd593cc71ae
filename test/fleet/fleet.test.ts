// A fleet of real processes that are really killed, stopped and refused.
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { afterEach, test } from "node:test";
import { createFleet } from "../../src/fleet/create-fleet.ts";
import type { Fleet, FleetChange, FleetOptions } from "../../src/fleet/fleet.ts";
import { createProcessLauncher, type ProcessLauncherOptions } from "../../src/fleet/launchers/process.ts";
import { createStaticLauncher, parseUpstream } from "../../src/fleet/launchers/static.ts";
import { isAlive, serverScript, sessionMembers, until } from "./processes.ts";

const fleets: Fleet[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop(0)));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Told {
  readonly lines: string[];
  readonly output: { replica: string; line: string }[];
}

function startable(
  command: readonly string[],
  options: Partial<FleetOptions> = {},
  launcherOptions: Partial<ProcessLauncherOptions> = {},
): { fleet: Fleet; changes: FleetChange[]; told: Told } {
  const told: Told = { lines: [], output: [] };
  const tell = (fields: object, message: string): void => {
    if ("stream" in fields) {
      told.output.push({ replica: String((fields as { replica?: string }).replica), line: message });
    } else told.lines.push(message);
  };
  const log = { info: tell, warn: tell, error: tell };
  const [program = process.execPath, ...words] = command;
  const launcher = createProcessLauncher({ command: [program, ...words], log, ...launcherOptions });
  const fleet = createFleet({ launcher, log, ...options });
  fleets.push(fleet);
  const changes: FleetChange[] = [];
  fleet.onChange((change) => void changes.push(change));
  return { fleet, changes, told };
}

const node = (...words: string[]): string[] => [process.execPath, serverScript, ...words];

const namesOf = (fleet: Fleet): string[] => fleet.serving().map(({ name }) => name);

async function ask(fleet: Fleet, name: string, path = "/"): Promise<Record<string, unknown>> {
  const address = fleet.replicas().find((replica) => replica.name === name)?.address;
  const answer = await fetch(`http://${address?.host}:${address?.port}${path}`);
  return (await answer.json()) as Record<string, unknown>;
}

const servingWithout = (fleet: Fleet, count: number, name: string): Promise<unknown> =>
  until(`${count} serve without ${name}`, () => {
    const names = namesOf(fleet);
    return names.length === count && !names.includes(name);
  });

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
    changes.map(({ replica, from, more }) => [replica.name, from, replica.state, more]),
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

test("a command that does not exist is told once, retried, and start() ends all the same", async () => {
  const { fleet, told } = startable(["/no/such/program"], { replicaCount: 1 });
  await fleet.start();
  assert.deepEqual(fleet.serving(), []);
  const [replica] = fleet.replicas();
  assert.equal(replica?.state, "starting");
  assert.match(replica?.reason ?? "", /there is no program "\/no\/such\/program"/);
  const about = (): string[] => told.lines.filter((line) => line.includes("no program"));
  assert.equal(about().length, 1);
});

test("a command that the system refuses at once ends nothing but its start", async () => {
  const long = "x".repeat(200_000);
  for (const command of [
    [""],
    ["no\0de"],
    [process.execPath, "a\0b"],
    [`${serverScript}/x`],
    ["true", long],
  ]) {
    const { fleet, told } = startable(command, { replicaCount: 1 });
    await fleet.start();
    assert.match(told.lines.join("\n"), /S1 failed to start: it could not be run: /);
    assert.deepEqual(fleet.serving(), []);
  }
});

test("a command that exits at once is tried again with growing pauses, and told once", async () => {
  const { fleet, told } = startable(["sh", "-c", "echo try; exit 7"], { replicaCount: 1 });
  await fleet.start();
  await until("it was tried three times", () => told.output.length >= 3);
  assert.equal(told.lines.filter((line) => line.includes("exited with code 7")).length, 1);
  assert.equal(fleet.desiredCount, 1);
});

test("a replica that finds its port taken moves to another port", async () => {
  const { fleet, told } = startable(node("asks-for-thief"), { replicaCount: 1 });
  const stolen = stealFirst(told);
  await fleet.start();
  const [replica] = fleet.serving();
  assert.equal(replica?.name, "S1");
  assert.notEqual(replica?.address?.port, await stolen);
  assert.equal((await ask(fleet, "S1")).id, "S1");
});

test("a replica whose port answers for somebody else moves, though it stays alive", {
  skip: process.platform === "linux" ? false : "skipped: needs /proc",
}, async () => {
  const { fleet, told } = startable(node("asks-for-thief", "stubborn"), { replicaCount: 1 });
  const stolen = stealFirst(told);
  await fleet.start();
  const [replica] = fleet.serving();
  assert.notEqual(replica?.address?.port, await stolen);
  assert.equal((await ask(fleet, "S1")).id, "S1");
});

/** Takes the first port that a replica announces; then lets it and its successors go on. Gives that port. */
async function stealFirst(told: Told): Promise<number> {
  const announced = (): string[] =>
    told.output.map(({ line }) => line).filter((line) => line.startsWith("thief wanted"));
  const port = Number((await until("a replica announces its port", () => announced()[0])).split(" ")[3]);
  const thief = createServer((_request, response) => response.end("stolen"));
  servers.push(thief);
  await new Promise<void>((resolve) => thief.listen(port, "127.0.0.1", resolve));
  let signalled = 0;
  await until("one of them listens", () => {
    for (const line of announced().slice(signalled)) {
      signalled += 1;
      const pid = Number(line.split(" ").at(-1));
      if (isAlive(pid)) process.kill(pid, "SIGUSR2");
    }
    return told.output.some(({ line }) => line.startsWith("ready"));
  });
  return port;
}

test("added replicas join together in the order given; removed ones finish what they have", async () => {
  const { fleet } = startable(node("slow-exit"));
  await fleet.start();
  await fleet.add(3, ["B", "A"]);
  assert.deepEqual(namesOf(fleet).slice(0, 5), ["S1", "S2", "S3", "B", "A"]);
  assert.deepEqual(
    fleet.serving().map(({ seat }) => seat),
    [1, 2, 3, 4, 5, 6],
  );
  const removed = fleet.replicas().find(({ name }) => name === "B");
  let inFlight = 1;
  fleet.setInFlightOf((name) => (name === "B" ? inFlight : 0));
  const { host, port } = removed?.address ?? {};
  const slow = fetch(`http://${host}:${port}/slow`).then((answer) => answer.text());
  await fleet.remove(1, ["B"]);
  assert.ok(!namesOf(fleet).includes("B"));
  assert.equal(fleet.replicas().find(({ name }) => name === "B")?.state, "draining");
  assert.equal(await slow, "slow done");
  inFlight = 0;
  await until("it is gone", () => !isAlive(removed?.pid as number));
  await until("nobody remembers it", () => fleet.replicas().every(({ name }) => name !== "B"));
  await fleet.add(1, ["B"]);
  assert.equal(fleet.serving().at(-1)?.seat, 4, "the lowest free seat");
});

test("an add that cannot succeed is rolled back whole", async () => {
  const only = "case $SERVER_ID in SLOW) sleep 1000;; S?) exec node $0;; *) exit 5;; esac";
  const { fleet } = startable(["sh", "-c", only, serverScript], { addDeadlineMs: 500 });
  await fleet.start();
  await assert.rejects(fleet.add(2, ["SLOW", "SX"]), {
    code: "TIMEOUT",
    message: /SLOW \(connection refused\)/,
  });
  await assert.rejects(fleet.add(1, ["BROKEN"]), {
    code: "START_FAILED",
    message: /BROKEN exited with code 5/,
  });
  assert.deepEqual(namesOf(fleet), ["S1", "S2", "S3"]);
  assert.equal(fleet.desiredCount, 3);
  await until("what was started has stopped", () => fleet.replicas().length === 3);
});

test("changes are carried out one after another, and refused when the fleet stops", async () => {
  const { fleet } = startable(node(), { replicaCount: 1 });
  await fleet.start();
  const both = [fleet.add(1, ["A"]), fleet.remove(1, ["A"]), fleet.remove(1, ["A"])];
  const [added, removed, again] = await Promise.allSettled(both);
  assert.equal(added?.status, "fulfilled");
  assert.equal(removed?.status, "fulfilled");
  assert.equal((again as PromiseRejectedResult).reason.code, "NOT_FOUND");
  const pending = fleet.add(1, []);
  const pids = await until("it is launched", () => {
    const all = fleet.replicas().map(({ pid }) => pid);
    return all.length >= 2 && all.every((pid) => pid !== null) ? all : null;
  });
  const stopping = fleet.stop(2_000);
  await assert.rejects(pending, { code: "SHUTTING_DOWN" });
  await stopping;
  await assert.rejects(fleet.add(1, []), { code: "SHUTTING_DOWN" });
  assert.ok(!pids.some((pid) => isAlive(pid as number)));
});

test("stopping waits for SIGTERM to be obeyed, also by a shell's children, and kills at the deadline", async () => {
  const grandchild = `sleep 1000 & ${process.execPath} ${serverScript} ignores-term`;
  const { fleet } = startable(["sh", "-c", grandchild], { replicaCount: 2 });
  await fleet.start();
  const pids = fleet.serving().flatMap(({ pid }) => sessionMembers(pid as number));
  assert.equal(pids.length, 6);
  await fleet.stop(1_000);
  assert.deepEqual(pids.filter(isAlive), []);
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
  const told: Told = { lines: [], output: [] };
  const tell = (_fields: object, message: string): void => void told.lines.push(message);
  const log = { info: tell, warn: tell, error: tell };
  let healthy = true;
  const theirs = createServer((_request, response) => response.writeHead(healthy ? 404 : 500).end());
  servers.push(theirs);
  await new Promise<void>((resolve) => theirs.listen(0, "127.0.0.1", resolve));
  const { port } = theirs.address() as { port: number };
  const launcher = createStaticLauncher([
    parseUpstream(`127.0.0.1:${port}@2.5`),
    parseUpstream("127.0.0.1:1"),
  ]);
  const heartbeat = { intervalMs: 50 };
  const fleet = createFleet({ launcher, log, heartbeat });
  fleets.push(fleet);
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
