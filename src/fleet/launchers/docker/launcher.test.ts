// The launcher before an engine that can be told to fail. What a real engine does: test/docker/.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type FakeEngine, startFakeEngine } from "../../../../test/docker/fake-engine.ts";
import { until } from "../../../../test/fleet/processes.ts";
import type { Address, Launcher, LaunchHandle } from "../../launcher.ts";
import { label } from "./container-spec.ts";
import type { EngineLauncherOptions } from "./engine-launcher.ts";
import { createDockerLauncher } from "./launcher.ts";

let engine: FakeEngine;
const launchers: Launcher[] = [];
const abandoned: Launcher[] = [];
const said: string[] = [];
const say = (_fields: object, message: string) => void said.push(message);
const log = { info: say, warn: say, error: say };
const environment = process.env.DOCKER_HOST;

beforeEach(async () => {
  engine = await startFakeEngine();
  process.env.DOCKER_HOST = `unix://${engine.path}`;
  said.length = 0;
});

afterEach(async () => {
  engine.refuse = () => undefined;
  for (const launcher of [...launchers.splice(0), ...abandoned.splice(0)]) await launcher.close();
  await engine.close();
  if (environment === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = environment;
});

async function open(options: Partial<EngineLauncherOptions> = {}): Promise<Launcher> {
  const launcher = await createDockerLauncher({
    image: "web",
    network: "net1",
    fleet: "f",
    replicaCount: 3,
    onExit: "stop",
    drainMs: 1_000,
    log,
    ...options,
  });
  launchers.push(launcher);
  return launcher;
}

interface Started {
  readonly handle: LaunchHandle;
  readonly launched: Address[];
  readonly exited: string[];
}

function start(launcher: Launcher, name: string, seat = 1, image?: string): Started {
  const launched: Address[] = [];
  const exited: string[] = [];
  const handle = launcher.start(
    { name, seat, revision: image === undefined ? 1 : 2, program: image === undefined ? {} : { image } },
    { launched: (address) => launched.push(address), exited: (reason) => exited.push(reason) },
  );
  return { handle, launched, exited };
}

async function running(launcher: Launcher, name: string, seat = 1): Promise<Started> {
  const started = start(launcher, name, seat);
  await until(`${name} is launched`, () => started.launched.length > 0);
  return started;
}

const replicas = () =>
  [...engine.containers.values()].filter(({ labels }) => labels[label.role] === "replica");
const names = () => replicas().map(({ name }) => name);

test("a replica is made, started, and listens at the container's own address", async () => {
  const launcher = await open({ port: 9000 });
  const { launched, handle } = await running(launcher, "S1");
  assert.deepEqual(launched, [{ host: "127.0.0.1", port: 9000 }]);
  assert.equal(engine.named("S1")?.state, "running");
  assert.deepEqual([await handle.rssBytes(), await handle.cpuSeconds()], [20_000_000, 1.5]);
  assert.equal(engine.calls.filter((call) => call.endsWith("/stats")).length, 1, "one reading for both");
});

test("a container that dies is known at once, with the reason, and is removed", async () => {
  const { exited } = await running(await open(), "S1");
  engine.end(engine.named("S1")?.id ?? "", 3);
  await until("its end is told", () => exited.length > 0);
  assert.deepEqual(exited, ["exited with code 3"]);
  await until("its container is gone", () => names().length === 0);
});

test("stop asks, kill kills, and both leave nothing behind", async () => {
  const launcher = await open();
  const [kind, hard] = [await running(launcher, "S1", 1), await running(launcher, "S2", 2)];
  kind.handle.stop();
  hard.handle.kill();
  await until("both have ended", () => kind.exited.length + hard.exited.length === 2);
  assert.deepEqual([kind.exited, hard.exited], [["exited with code 0"], ["was ended by SIGKILL"]]);
  await launcher.close();
  assert.equal(engine.containers.size, 0, "the mark of the front door is gone too");
});

test("one that is stopped before its container is there is never started", async () => {
  const launcher = await open();
  const { handle, exited } = start(launcher, "S1");
  handle.stop();
  await until("it is over", () => exited.length > 0);
  assert.deepEqual(exited, ["was stopped before it was started"]);
  await launcher.close();
  assert.equal(
    engine.calls.some((call) => call.endsWith("/start")),
    false,
  );
});

test("what happened while the event stream was cut is seen by comparing", async () => {
  const launcher = await open();
  const [dead, gone, well] = [
    await running(launcher, "S1", 1),
    await running(launcher, "S2", 2),
    await running(launcher, "S3", 3),
  ];
  await engine.stop();
  engine.end(engine.named("S1")?.id ?? "", 137, false);
  engine.containers.delete(engine.named("S2")?.id ?? "");
  await engine.listen();
  await until("both ends are told", () => dead.exited.length + gone.exited.length === 2);
  assert.deepEqual([dead.exited, gone.exited], [["was ended by SIGKILL"], ["was removed"]]);
  assert.deepEqual(well.exited, []);
  assert.ok(said.some((line) => /watched by heartbeats alone, and none can be started/.test(line)));
});

test("an engine that is away takes nobody with it; a kill that failed is made up for", async () => {
  const launcher = await open();
  const { handle, exited } = await running(launcher, "S1");
  await engine.stop();
  handle.kill();
  const other = start(launcher, "S2", 2);
  await until("the start fails", () => other.exited.length > 0);
  assert.match(
    other.exited[0] ?? "",
    /could not be started: (there is no Docker engine|the connection to the Docker engine)/,
  );
  assert.deepEqual(exited, []);
  await engine.listen();
  await until("the kill is repeated", () => exited.length > 0);
});

test("a container of ours that nobody knows is removed; somebody else's is left alone", async () => {
  const launcher = await open();
  launcher.expect?.([{ name: "S1", seat: 1 }]);
  await running(launcher, "S1");
  const mark = { [label.fleet]: "f", [label.role]: "replica", [label.replica]: "lost" };
  engine.put("lost", mark, "running");
  engine.put("other", { ...mark, [label.fleet]: "g" }, "running");
  engine.cutStreams();
  await until("the orphan is gone", () => engine.named("lost") === undefined);
  assert.ok(engine.named("other") && engine.named("S1"));
});

test("a stranger that bears our labels and the name of a replica that serves is removed, and the replica serves on", async () => {
  const launcher = await open();
  launcher.expect?.([{ name: "S1", seat: 1 }]);
  const { exited } = await running(launcher, "S1");
  const { id, labels = {} } = engine.named("S1") ?? {};
  engine.put("copied", labels, "running");
  engine.cutStreams();
  await until("the stranger is gone", () => engine.named("copied") === undefined);
  assert.equal(engine.named("S1")?.id, id);
  assert.deepEqual(exited, []);
});

test("closing waits for a comparison under way, which would make the front door's mark anew", async () => {
  const launcher = await open();
  const mark = engine.named("f.front-door")?.id ?? "";
  const held = engine.hold((call) => call === "GET /containers/json");
  engine.cutStreams();
  await held.reached;
  const closed = launcher.close();
  engine.containers.delete(mark);
  held.release();
  await closed;
  assert.equal(engine.named("f.front-door"), undefined);
  assert.equal(
    engine.calls.filter((call) => call === "POST /containers/create").length,
    2,
    "it was under way",
  );
});

const refusals: readonly [call: RegExp, status: number, message: string, words: RegExp][] = [
  [/create$/, 404, "No such image: sha256:0001", /could not be started: there is no image/],
  [/create$/, 500, "no space left on device", /could not be started: the Docker engine's disk is full/],
  [/start$/, 404, "network net1 not found", /could not be started: there is no network net1/],
  [/start$/, 400, 'exec: "x": executable file not found in $PATH', /the image has no program "x"/],
];

for (const [call, status, message, words] of refusals) {
  test(`a start that the engine refuses (${message}) is told in words, and leaves nothing`, async () => {
    const launcher = await open();
    engine.refuse = (seen) => (call.test(seen) ? { status, message } : undefined);
    const { exited } = start(launcher, "S1");
    await until("it is told", () => exited.length > 0);
    assert.match(exited[0] ?? "", words);
    await until("nothing is left", () => names().length === 0);
  });
}

test("a name that is somebody else's is refused in words; one of our own lost containers makes room", async () => {
  const launcher = await open();
  engine.put("S1", {}, "running");
  const { exited } = start(launcher, "S1");
  await until("it is told", () => exited.length > 0);
  assert.match(exited[0] ?? "", /the name S1 is taken by the container .* which is not of this fleet/);
  engine.put("S2", { [label.fleet]: "f", [label.role]: "replica", [label.replica]: "S2" }, "created");
  await running(launcher, "S2");
  assert.equal(engine.named("S2")?.state, "running");
});

test("what a killed front door left is taken over, and the rest of it is removed", async () => {
  const first = await open();
  for (const [index, name] of ["S1", "S2", "S3"].entries()) await running(first, name, index + 1);
  const ids = replicas().map(({ id }) => id);
  engine.end(ids[1] ?? "", 137, false);
  const surplus = { ...engine.named("S1")?.labels, [label.replica]: "X", [label.seat]: "3" };
  engine.put("X", surplus, "exited");
  abandon();

  const second = await open();
  assert.deepEqual(second.found?.replicas, [
    { name: "S1", seat: 1 },
    { name: "S2", seat: 2 },
    { name: "S3", seat: 3 },
  ]);
  second.expect?.(second.found?.replicas ?? []);
  const [s1] = [
    await running(second, "S1", 1),
    await running(second, "S2", 2),
    await running(second, "S3", 3),
  ];
  await until("the surplus is gone", () => engine.named("X") === undefined);
  assert.deepEqual(names().sort(), ["S1", "S2", "S3"]);
  assert.deepEqual([engine.named("S1")?.id, engine.named("S3")?.id], [ids[0], ids[2]]);
  assert.notEqual(engine.named("S2")?.id, ids[1], "the dead one is made anew, under its name");
  engine.end(ids[0] ?? "", 1);
  await until("what was taken over is watched", () => s1?.exited.length === 1);
});

test("a container that was made otherwise is replaced under its name", async () => {
  await running(await open(), "S1");
  const { id } = engine.named("S1") ?? {};
  abandon();
  const second = await open({ cpus: 1 });
  second.expect?.(second.found?.replicas ?? []);
  await running(second, "S1");
  assert.notEqual(engine.named("S1")?.id, id);
});

test("a roll-out's image is looked up, and respawns of the old revision keep theirs", async () => {
  const launcher = await open();
  await running(launcher, "S1");
  engine.image.id = "sha256:0002";
  await running(launcher, "S2", 2);
  const third = start(launcher, "S3", 3, "web:2");
  await until("it is launched", () => third.launched.length > 0);
  assert.deepEqual(
    replicas().map(({ request }) => request.Image),
    ["sha256:0001", "sha256:0001", "sha256:0002"],
  );
  assert.ok(engine.calls.includes("GET /images/web:2/json"));
  assert.deepEqual(launcher.runs, ["image", "command"]);
});

test("with --on-exit keep the desired ones are left running, and the others stop", async () => {
  const launcher = await open({ onExit: "keep" });
  const [kept, leaving] = [await running(launcher, "S1", 1), await running(launcher, "S2", 2)];
  launcher.letGo?.([{ name: "S1", seat: 1 }]);
  for (const { handle } of [kept, leaving]) handle.stop();
  await until("both are over for us", () => kept.exited.length + leaving.exited.length === 2);
  await launcher.close();
  assert.deepEqual(
    [...engine.containers.values()].map(({ name, state }) => [name, state]),
    [["S1", "running"]],
  );
  assert.equal((await open()).letGo, undefined, "by default nothing is left running");
});

/** As after SIGKILL: nothing is removed, and the mark of the front door bears a process that is no more. */
function abandon(): void {
  abandoned.push(...launchers.splice(0));
  markHolder((holder) => holder.replace(/\/\d+\/(\d+)\//, "/1/$1/"));
}

function markHolder(change: (holder: string) => string): void {
  const lock = [...engine.containers.values()].find(({ labels }) => labels[label.role] === "lock");
  assert.ok(lock);
  const labels = lock.labels as Record<string, string>;
  labels["roundhouse.front-door"] = change(labels["roundhouse.front-door"] ?? "");
}

test("a second front door of the same fleet is refused; of another fleet it is not", async () => {
  await open();
  await assert.rejects(open(), { code: "FLEET_LED", message: /led by another front door, process \d+ on / });
  await assert.rejects(open({ prefix: "g-" }), { code: "FLEET_LED" }, "another prefix is no other fleet");
  await open({ fleet: "g", prefix: "g-" });
});

test("a holder that cannot be seen is asked: one that lives answers", async () => {
  await open();
  markHolder((holder) => holder.replace(/^[^/]*\/[^/]*/, "elsewhere/other-boot"));
  await assert.rejects(open(), { code: "FLEET_LED", message: /on elsewhere/ });
});

test("one that does not answer is superseded; when it comes back it starts and ends nothing", async () => {
  const first = await open();
  const { handle, exited } = await running(first, "S1");
  const { id } = engine.named("S1") ?? {};
  markHolder(() => "elsewhere/other-boot/1/2/pid:[3]");
  // It hears nothing: as if its machine had stopped.
  const asked = [...engine.containers.values()].find(({ labels }) => labels[label.role] === "lock");
  engine.refuse = (call) =>
    call.startsWith("DELETE") && !call.endsWith(asked?.id ?? "")
      ? { status: 500, message: "busy" }
      : undefined;
  const second = await open();
  engine.refuse = () => undefined;
  assert.deepEqual(second.found?.replicas, [{ name: "S1", seat: 1 }]);
  engine.cutStreams();
  await until("it notices", () =>
    said.some((line) => /Another front door leads the fleet "f" now/.test(line)),
  );
  handle.kill();
  await until("it lets go", () => exited.length > 0);
  assert.equal(engine.named("S1")?.id, id);
  assert.equal(engine.named("S1")?.state, "running");
});

test("a mark that was cleaned away is made anew", async () => {
  await open();
  const lock = [...engine.containers.values()].find(({ labels }) => labels[label.role] === "lock");
  engine.containers.delete(lock?.id ?? "");
  engine.cutStreams();
  await until("it is there again", () => engine.named("f.front-door") !== undefined);
});

test("a front door that cannot have containers says why, and leaves nothing", async () => {
  engine.refuse = (call) =>
    call === "GET /images/web/json" ? { status: 404, message: "No such image: web:latest" } : undefined;
  await assert.rejects(open(), { code: "START_FAILED", message: /there is no image web:latest/ });
  engine.refuse = (call) =>
    call === "GET /networks/net1" ? { status: 404, message: "network net1 not found" } : undefined;
  await assert.rejects(open(), { code: "START_FAILED", message: /"docker network create net1"/ });
  engine.refuse = (call) => (call === "GET /events" ? { status: 403, message: "Forbidden" } : undefined);
  await assert.rejects(open(), { code: "START_FAILED", message: /forbids it/ });
  assert.equal(engine.containers.size, 0);
  process.env.DOCKER_HOST = "unix:///nowhere/docker.sock";
  await assert.rejects(open(), {
    code: "START_FAILED",
    message: /there is no Docker engine at unix:\/\/\/nowhere\/docker\.sock/,
  });
  process.env.DOCKER_HOST = "tcp://:nonsense";
  await assert.rejects(open(), { code: "BAD_CONFIG", message: /DOCKER_HOST is "tcp:\/\/:nonsense"/ });
});
