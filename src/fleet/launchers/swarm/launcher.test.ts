// The launcher before a swarm whose records the test changes. What a real swarm does: test/docker/swarm.test.ts.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { type FakeSwarm, startFakeSwarm } from "../../../../test/docker/fake-swarm.ts";
import { until } from "../../../../test/fleet/processes.ts";
import type { Address, Launcher, LaunchHandle } from "../../launcher.ts";
import { label } from "../docker/container-spec.ts";
import type { EngineLauncherOptions } from "../docker/engine-launcher.ts";
import { createSwarmLauncher } from "./launcher.ts";
import type { SwarmNode, SwarmTask } from "./tasks.ts";

let swarm: FakeSwarm;
const launchers: Launcher[] = [];
const said: string[] = [];
const say = (_fields: object, message: string) => void said.push(message);
const log = { info: say, warn: say, error: say };
const environment = process.env.DOCKER_HOST;

beforeEach(async () => {
  swarm = await startFakeSwarm();
  process.env.DOCKER_HOST = `unix://${swarm.path}`;
  said.length = 0;
});

afterEach(async () => {
  for (const launcher of launchers.splice(0)) await launcher.close();
  await swarm.close();
  if (environment === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = environment;
});

async function open(options: Partial<EngineLauncherOptions> = {}): Promise<Launcher> {
  const launcher = await createSwarmLauncher({
    ...{ image: "web:2", network: "net2", fleet: "f", replicaCount: 3, onExit: "stop", drainMs: 1_000, log },
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

function start(launcher: Launcher, name: string, seat = 1): Started {
  const launched: Address[] = [];
  const exited: string[] = [];
  const handle = launcher.start(
    { name, seat, revision: 1, program: {} },
    { launched: (address) => launched.push(address), exited: (reason) => exited.push(reason) },
  );
  return { handle, launched, exited };
}

async function running(launcher: Launcher, name: string, seat = 1): Promise<Started> {
  const started = start(launcher, name, seat);
  await until(`${name} is launched`, () => started.launched.length > 0);
  return started;
}

const idOf = (name: string) => swarm.named(name)?.ID ?? assert.fail(`no service ${name}`);
const replicas = () =>
  [...swarm.services.values()]
    .filter(({ Spec }) => Spec.Labels[label.role] === "replica")
    .map(({ Spec }) => Spec.Name);

test("a replica is a service with one task, and listens at the task's own address", async () => {
  const launcher = await open({ port: 9000, prefix: "web-", cpus: 0.5, memoryBytesMax: 2 ** 26 });
  const { launched, handle } = await running(launcher, "S1");
  assert.deepEqual(launched, [{ host: "10.0.1.2", port: 9000 }]);
  const { Mode, EndpointSpec, TaskTemplate, Labels } = swarm.named("web-S1")?.request ?? {};
  assert.deepEqual(Mode, { Replicated: { Replicas: 1 } });
  assert.deepEqual(EndpointSpec, { Mode: "dnsrr" });
  assert.equal(TaskTemplate?.RestartPolicy?.Condition, "none");
  const limits = { NanoCPUs: 5e8, MemoryBytes: 2 ** 26, Pids: 4_096 };
  assert.deepEqual(TaskTemplate?.Resources?.Limits, limits);
  assert.deepEqual(TaskTemplate?.Networks, [{ Target: "net-id", Aliases: ["S1"] }]);
  const { ContainerSpec = {} } = TaskTemplate as { ContainerSpec?: Record<string, unknown> };
  assert.deepEqual(ContainerSpec.Env, ["PORT=9000", "HOST=0.0.0.0", "SERVER_ID=S1"]);
  assert.deepEqual([ContainerSpec.Image, ContainerSpec.StopGracePeriod], ["sha256:0001", 1e9]);
  assert.deepEqual([Labels?.[label.fleet], Labels?.[label.seat]], ["f", "1"]);
  assert.deepEqual([await handle.rssBytes(), await handle.cpuSeconds()], [20_000_000, 1.5]);
});

test("an image that a registry has is named by its digest, for nodes that must fetch it", async () => {
  swarm.image = { Id: "sha256:0001", RepoDigests: ["else@sha256:02", "r.example:5000/web@sha256:03"] };
  await running(await open({ image: "r.example:5000/web:2" }), "S1");
  const { ContainerSpec } = swarm.named("S1")?.request.TaskTemplate as {
    ContainerSpec: { Image: string };
  };
  assert.equal(ContainerSpec.Image, "r.example:5000/web@sha256:03");
});

test("of a task on another node nothing is known but that it runs", async () => {
  const launcher = await open();
  swarm.begin = { State: "starting" };
  const { handle, launched } = start(launcher, "S1");
  await until("its service is there", () => swarm.named("S1") !== undefined);
  const task = swarm.tasks.get(idOf("S1")) as SwarmTask;
  swarm.tasks.set(idOf("S1"), { ...task, NodeID: "node2", Status: { ...task.Status, State: "running" } });
  await until("it is launched", () => launched.length > 0);
  assert.deepEqual([await handle.rssBytes(), await handle.cpuSeconds()], [null, null]);
});

const ends: readonly [status: SwarmTask["Status"], words: RegExp][] = [
  [
    { State: "failed", Err: "task: non-zero exit (3)", ContainerStatus: { ExitCode: 3 } },
    /^exited with code 3$/,
  ],
  [
    { State: "failed", Err: "task: non-zero exit (137)", ContainerStatus: { ExitCode: 137 } },
    /^was ended by SIGKILL$/,
  ],
  [{ State: "complete", ContainerStatus: { ExitCode: 0 } }, /^exited with code 0$/],
  [
    { State: "failed", Err: 'starting container failed: exec: "x": executable file not found in $PATH' },
    /^could not be started: the image has no program "x"/,
  ],
  [
    { State: "rejected", Err: "No such image: web@sha256:03" },
    /^could not be started: the node alpha has no such image .*push the image to a registry/,
  ],
  [
    { State: "pending", Err: "no suitable node (insufficient resources on 2 nodes)" },
    /^could not be placed: no su/,
  ],
  [{ State: "shutdown" }, /^was shut down by the swarm on alpha$/],
  [{ State: "orphaned" }, /^is lost: its node alpha has not been heard of$/],
];

for (const [status, words] of ends) {
  test(`a task that is ${status.State} (${status.Err ?? ""}) is told in words, and its service removed`, async () => {
    const launcher = await open();
    const { exited } = await running(launcher, "S1");
    swarm.setStatus(idOf("S1"), status);
    await until("its end is told", () => exited.length > 0);
    assert.match(exited[0] ?? "", words);
    await until("its service is gone", () => replicas().length === 0);
  });
}

const listening = () => until("events are listened to", () => swarm.calls.includes("GET /events"));

test("a container of this node that dies is known at once, long before the swarm tells of its task", async () => {
  const launcher = await open();
  const [killed, starved] = [await running(launcher, "S1", 1), await running(launcher, "S2", 2)];
  await listening();
  swarm.tellOf(idOf("S2"), "oom");
  swarm.tellOf(idOf("S2"), "die");
  swarm.tellOf(idOf("S1"), "die", { exitCode: 3 });
  await until("both ends are told", () => killed.exited.length + starved.exited.length === 2);
  assert.deepEqual(killed.exited, ["exited with code 3"]);
  assert.deepEqual(starved.exited, ["was ended by SIGKILL: it needed more memory than its limit"]);
  await until("their services are gone", () => replicas().length === 0);
});

test("another container's end is not a task's, and of a task that never ran the swarm has the last word", async () => {
  const launcher = await open();
  const { exited } = await running(launcher, "S1");
  swarm.begin = { State: "starting" };
  const failing = start(launcher, "S2", 2);
  await until("its service is there", () => swarm.named("S2") !== undefined);
  await listening();
  swarm.tellOf(idOf("S1"), "die", { container: "an-earlier-one" });
  swarm.tellOf(idOf("S2"), "die", { exitCode: 127 });
  swarm.setStatus(idOf("S2"), { State: "rejected", Err: "No such image: web@sha256:03" });
  await until("the swarm's word is told", () => failing.exited.length > 0);
  assert.match(failing.exited[0] ?? "", /^could not be started: the node alpha has no such image/);
  assert.deepEqual(exited, []);
});

const losses: readonly [change: Partial<SwarmNode>, words: string][] = [
  [{ Spec: { Availability: "drain" } }, "has to go: its node alpha was drained"],
  [{ Status: { State: "down" } }, "is lost: its node alpha is down"],
];

for (const [change, words] of losses) {
  test(`a replica ${words}`, async () => {
    const { exited } = await running(await open(), "S1");
    Object.assign(swarm.nodes[0] ?? {}, change);
    await until("it is told", () => exited.length > 0);
    assert.deepEqual(exited, [words]);
    await until("its service is gone", () => replicas().length === 0);
  });
}

test("stopped: the service is removed, and it is over when its task has ended", async () => {
  swarm.endsAtOnce = false;
  const { handle, exited } = await running(await open(), "S1");
  const id = idOf("S1");
  handle.stop();
  await until("the service is removed", () => replicas().length === 0);
  const looks = () => swarm.calls.filter((call) => call === "GET /tasks").length;
  const before = looks();
  await until("it has been looked at twice", () => looks() >= before + 2);
  assert.deepEqual(exited, []);
  swarm.tasks.delete(id);
  await until("it is over", () => exited.length > 0);
  assert.deepEqual(exited, ["was stopped"]);
});

test("killed: a task on this node is killed in its container", async () => {
  swarm.endsAtOnce = false;
  const { handle, exited } = await running(await open(), "S1");
  const id = idOf("S1");
  handle.kill();
  await until("it is over", () => exited.length > 0);
  assert.ok(swarm.calls.includes(`POST /containers/container-of-${id}/kill`));
  assert.deepEqual(replicas(), []);
});

test("what somebody else removes is told; a service of ours that nobody knows is removed", async () => {
  const launcher = await open();
  launcher.expect?.([{ name: "S1", seat: 1 }]);
  const { exited } = await running(launcher, "S1");
  const { request } = swarm.named("S1") ?? {};
  const Labels = { ...request?.Labels, [label.replica]: "lost" };
  const stranger = { ID: "stranger", CreatedAt: new Date().toISOString(), Spec: { Name: "lost", Labels } };
  swarm.services.set("stranger", { ...stranger, request: {} });
  await until("the stranger is gone", () => swarm.named("lost") === undefined);
  swarm.services.delete(idOf("S1"));
  await until("it is told", () => exited.length > 0);
  assert.deepEqual(exited, ["was removed"]);
});

test("with --on-exit keep the next front door takes over what runs as it would be made now", async () => {
  const first = await open({ onExit: "keep" });
  const [kept, other] = [await running(first, "S1", 1), await running(first, "S2", 2)];
  first.letGo?.([
    { name: "S1", seat: 1 },
    { name: "S2", seat: 2 },
  ]);
  await until("they are let go", () => kept.exited.length + other.exited.length === 2);
  await first.close();
  launchers.length = 0;
  const ids = [idOf("S1"), idOf("S2")];
  swarm.setStatus(ids[1] ?? "", { State: "failed", ContainerStatus: { ExitCode: 1 } });

  const second = await open();
  const found = second.found?.replicas ?? [];
  assert.deepEqual(found, [
    { name: "S1", seat: 1 },
    { name: "S2", seat: 2 },
  ]);
  second.expect?.(found);
  for (const { name, seat } of found) await running(second, name, seat);
  assert.equal(idOf("S1"), ids[0]);
  assert.notEqual(idOf("S2"), ids[1], "the one that died meanwhile is made anew");
});

test("a manager that is away ends nobody; a removal that failed is made up for", async () => {
  const launcher = await open();
  const { handle, exited } = await running(launcher, "S1");
  await swarm.stop();
  handle.stop();
  await until("it is said", () => said.some((line) => /watched by heartbeats alone/.test(line)));
  assert.deepEqual(exited, []);
  await swarm.listen();
  await until("the removal is repeated", () => exited.length > 0);
  assert.deepEqual(exited, ["was stopped"]);
});

test("a name that is somebody else's is refused in words", async () => {
  const launcher = await open();
  const stranger = { ID: "stranger", CreatedAt: new Date().toISOString(), Spec: { Name: "S1", Labels: {} } };
  swarm.services.set("stranger", { ...stranger, request: {} });
  const { exited } = start(launcher, "S1");
  await until("it is told", () => exited.length > 0);
  assert.match(exited[0] ?? "", /the name S1 is taken by a service that is not of this fleet/);
});

test("one front door leads a fleet; its mark is a service without tasks", async () => {
  await open();
  assert.deepEqual(swarm.named("f-front-door")?.request.Mode, { Replicated: { Replicas: 0 } });
  await assert.rejects(open(), { code: "FLEET_LED", message: /led by another front door/ });
  await open({ fleet: "g" });
});

test("a front door that cannot have a swarm says why", async () => {
  await assert.rejects(open({ network: undefined }), {
    code: "BAD_CONFIG",
    message: /docker network create/,
  });
  await assert.rejects(open({ network: "none" }), {
    code: "START_FAILED",
    message:
      /there is no network none: make it with "docker network create --driver overlay --attachable none"/,
  });
  swarm.network = { Driver: "bridge", Attachable: false };
  await assert.rejects(open(), { code: "BAD_CONFIG", message: /is a bridge network/ });
  swarm.network = { Driver: "overlay", Attachable: false };
  await assert.rejects(open(), { code: "BAD_CONFIG", message: /is not attachable/ });
  swarm.info = { LocalNodeState: "inactive" };
  await assert.rejects(open(), { code: "START_FAILED", message: /in no swarm .*"docker swarm init"/ });
  swarm.info = { LocalNodeState: "active", ControlAvailable: false };
  await assert.rejects(open(), { code: "START_FAILED", message: /is a worker of its swarm/ });
  assert.equal(swarm.services.size, 0);
});

test("a front door outside of the network is told what that means", async () => {
  await open();
  assert.ok(said.some((line) => /No address of this front door is in the network net2/.test(line)));
});
