// Roll-outs with real processes under real load: nothing fails, seats keep their keys, what does not work goes back by
// itself, and what was rolled out survives the front door.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { StatusReport } from "../../src/balancer/admin-api.ts";
import type { RolloutReport } from "../../src/fleet/revision.ts";
import { startLoad } from "../balancer/steady-load.ts";
import { eventually, type RunningFrontDoor, run, up } from "./roundhouse-process.ts";

const directory = mkdtempSync(join(tmpdir(), "roundhouse-rollout-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const server = fileURLToPath(new URL("../fleet/fixtures/versioned-server.mjs", import.meta.url));
const env = { ROUNDHOUSE_TOKEN: "a-token-for-the-tests" };
const quick = ["--settle-ms", "200"];

const start = (...args: string[]) =>
  up(["--key", "path", ...args, "--", process.execPath, server, "1"], { cwd: directory, env });

const roll = (door: RunningFrontDoor, flags: readonly string[], ...words: string[]) =>
  run(
    [
      "rollout",
      "--admin",
      door.adminUrl,
      ...flags,
      ...(words.length === 0 ? [] : ["--", process.execPath, server]),
    ].concat(words),
    { env },
  );

async function asked<T>(door: RunningFrontDoor, path: string, init: RequestInit = {}): Promise<T> {
  return (await (await fetch(`${door.adminUrl}/api/v1/${path}`, init)).json()) as T;
}

const statusOf = (door: RunningFrontDoor) => asked<StatusReport>(door, "status");
const reportOf = (door: RunningFrontDoor) => asked<RolloutReport>(door, "rollout");

const serving = ({ replicas }: StatusReport) => replicas.filter(({ state }) => state === "healthy");
const seatsOf = (status: StatusReport) =>
  serving(status)
    .map(({ seat }) => seat)
    .sort();

async function versionsOf(door: RunningFrontDoor): Promise<string[]> {
  const answers = await Promise.all(
    serving(await statusOf(door)).map(async ({ address }) => (await fetch(`http://${address}/`)).json()),
  );
  return answers.map((answer) => (answer as { version: string }).version);
}

async function ownersOf(door: RunningFrontDoor): Promise<number[]> {
  const keys = Array.from({ length: 30 }, (_, index) => `/page-${index}`);
  const lookups = await Promise.all(
    keys.map((key) => asked<{ candidates: { seat: number }[] }>(door, `ring/lookup?key=${key}`)),
  );
  return lookups.map(({ candidates }) => candidates[0]?.seat ?? 0);
}

const portOf = (door: RunningFrontDoor) => Number(new URL(door.url).port);

test("a roll-out under load loses no request, keeps seats and keys, and survives kill -9", async () => {
  const args = ["--state", join(directory, "survives.json"), "-n", "4"];
  const door = await start(...args);
  const before = await statusOf(door);
  const owners = await ownersOf(door);
  const load = startLoad(portOf(door), "/page-1", 8, 2);
  const others = startLoad(portOf(door), "/page-2", 8, 2);
  const rolled = await roll(door, [...quick, "--batch", "2"], "2");
  assert.equal(rolled.code, 0, rolled.stderr);
  assert.match(rolled.stdout, /rolling out revision 2 .* 0 of 4 seats/);
  assert.match(rolled.stdout, /revision 2 \(.* 2\) is rolled out to 4 seats after \d+ ms\n$/);
  const again = await roll(door, quick);
  assert.equal(again.code, 0, again.stderr);
  await Promise.all([load.stop(), others.stop()]);
  assert.deepEqual([...load.lost, ...others.lost], []);
  assert.ok(load.answered > 100 && others.answered > 100);

  const now = await statusOf(door);
  assert.deepEqual(seatsOf(now), seatsOf(before));
  assert.deepEqual(await ownersOf(door), owners);
  assert.deepEqual(await versionsOf(door), ["2", "2", "2", "2"]);
  const old = new Set(before.replicas.map(({ name }) => name));
  assert.deepEqual(
    serving(now).filter(({ name, revision }) => old.has(name) || revision !== 3),
    [],
  );
  const metrics = await (await fetch(`${door.adminUrl}/metrics`)).text();
  assert.match(metrics, /^roundhouse_rollouts_total\{outcome="complete"\} 2$/m);
  assert.match(metrics, /^roundhouse_revision 3$/m);

  const names = serving(now)
    .map(({ name, seat }) => `${name}@${seat}`)
    .sort();
  await eventually("it is on disk", async () => (await reportOf(door)).endedMs !== null);
  assert.equal((await run(["weight", names[0]?.split("@")[0] ?? "", "1", "--admin", door.adminUrl])).code, 0);
  door.signal("SIGKILL");
  await door.ended;
  const next = await start(...args);
  try {
    const same = await statusOf(next);
    assert.deepEqual(
      serving(same)
        .map(({ name, seat }) => `${name}@${seat}`)
        .sort(),
      names,
    );
    assert.deepEqual(await versionsOf(next), ["2", "2", "2", "2"], "with the program that was rolled out");
  } finally {
    await next.stop();
  }
});

test("what exits, stays silent or fails its requests goes back by itself, and says why", async () => {
  const door = await start("-n", "3");
  const load = startLoad(portOf(door), "/page-1", 4, 2);
  try {
    const exits = await roll(door, quick, "2", "exits");
    assert.equal(exits.code, 1);
    assert.match(exits.stderr, /was rolled back: R\w+ failed to start 3 times: it exited with code 7/);
    const silent = await roll(door, [...quick, "--deadline-ms", "1000"], "3", "silent");
    assert.match(silent.stderr, /was rolled back: R\w+ was not healthy within 1000 ms: .*refused/);
    assert.deepEqual(await versionsOf(door), ["1", "1", "1"]);
    assert.deepEqual(load.lost, []);
    await load.stop();
    // Here requests do fail: that is how it is found out.
    const asking = startLoad(portOf(door), "/page-1", 4, 2);
    const failing = await roll(door, ["--settle-ms", "1500", "--batch", "3"], "4", "fails");
    await asking.stop();
    assert.equal(failing.code, 1);
    assert.match(failing.stderr, /was rolled back: R\w+ is set aside: /);
    assert.deepEqual(await versionsOf(door), ["1", "1", "1"]);
    assert.deepEqual(seatsOf(await statusOf(door)), [1, 2, 3]);
    const report = await reportOf(door);
    assert.equal(report.state, "rolled back");
    assert.equal(report.current.number, 1);
  } finally {
    await door.stop();
  }
});

test("during a roll-out: adding works, a second one is refused, abort takes it back; one replica is restarted", async () => {
  const door = await start("-n", "2");
  try {
    // It stays under way until it is aborted: on the second seat nobody listens before that.
    const rolling = roll(door, [...quick, "--deadline-ms", "600000"], "2", "after", join(directory, "first"));
    await eventually("a seat has been taken over", async () => (await versionsOf(door)).includes("2"));
    const second = await roll(door, [], "3");
    assert.match(
      second.stderr,
      /Cannot roll out: the roll-out of revision 2 .* is under way; wait .* or abort/,
    );
    assert.equal((await run(["add", "A", "--url", door.url])).code, 0);
    assert.match((await roll(door, ["status"])).stdout, /^rolling out revision 2 .*of 3 seats/);
    assert.match((await roll(door, ["abort"])).stdout, /^rolling back revision 2 /);
    assert.match((await rolling).stderr, /was rolled back: it was aborted/);
    assert.deepEqual(await versionsOf(door), ["1", "1", "1"]);
    assert.match((await roll(door, ["abort"])).stderr, /no roll-out to abort/);

    const restarted = await run(["restart", "A", "--admin", door.adminUrl]);
    assert.match(restarted.stdout, /^R\w+ has taken the seat of A\n$/, restarted.stderr);
    assert.match(
      (await run(["restart", "A", "--admin", door.adminUrl])).stderr,
      /Cannot restart replica "A"/,
    );
    assert.deepEqual(seatsOf(await statusOf(door)), [1, 2, 3]);
  } finally {
    await door.stop();
  }
});

test("a program is named with the token only, and only what the launcher can run", async () => {
  const door = await start("-n", "1");
  try {
    const post = (body: string, headers: Record<string, string> = {}) =>
      fetch(`${door.adminUrl}/api/v1/rollout`, { method: "POST", body, headers });
    const refused = await post('{"command":["true"]}');
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /takes the bearer token, from this machine too/);
    const authorization = `Bearer ${env.ROUNDHOUSE_TOKEN}`;
    const image = await post('{"image":"web:2"}', { authorization });
    assert.equal(image.status, 400);
    assert.match(await image.text(), /another image: this launcher can run another command/);
    const wrong = await post('{"command":[],"batch":0}', { authorization });
    assert.match(await wrong.text(), /Cannot roll out: (command|batch): /);
    const mistyped = await run(["rollout", "statsu", "--admin", door.adminUrl], { env });
    assert.equal(mistyped.code, 2);
    assert.match(
      mistyped.stderr,
      /rollout does not know "statsu"; accepted: status, abort, --image statsu, or/,
    );
    assert.equal((await reportOf(door)).state, "none");
    assert.equal((await post("")).status, 200, "a rolling restart names no program");
    await eventually("it ends", async () => (await reportOf(door)).state === "complete");
  } finally {
    await door.stop();
  }
});

test("killed in the middle of a roll-out, it goes on with it", async () => {
  const args = ["--state", join(directory, "middle.json"), "-n", "2"];
  const door = await start(...args);
  const middle = join(directory, "middle");
  assert.equal((await roll(door, ["--no-wait", ...quick], "2", "after", middle)).code, 0);
  await eventually("a seat has been taken over", async () => (await versionsOf(door)).includes("2"));
  const { name } = serving(await statusOf(door)).find(({ revision }) => revision === 2) ?? { name: "" };
  // What was answered as changed is on disk, and what was changed before with it.
  assert.equal((await run(["weight", name, "1", "--admin", door.adminUrl])).code, 0);
  door.signal("SIGKILL");
  await door.ended;
  writeFileSync(`${middle}.open`, "");
  const next = await start(...args);
  try {
    await eventually("it is complete", async () => (await reportOf(next)).state === "complete");
    assert.deepEqual(await versionsOf(next), ["2", "2"]);
    assert.deepEqual(seatsOf(await statusOf(next)), [1, 2]);
  } finally {
    await next.stop();
  }
});

test("a reload that names another command points to the roll-out, and agrees with one that was made", async () => {
  const file = join(directory, "roundhouse.config.json");
  const write = (version: string) =>
    writeFileSync(file, JSON.stringify({ replicas: 1, command: [process.execPath, server, version] }));
  write("1");
  const door = await up(["--config", file], { cwd: directory, env });
  try {
    write("2");
    const refused = await run(["reload", "--admin", door.adminUrl]);
    assert.match(
      refused.stderr,
      /command cannot be changed .*; `roundhouse rollout -- COMMAND` brings another/,
    );
    assert.equal((await roll(door, quick, "2")).code, 0);
    assert.equal((await run(["reload", "--admin", door.adminUrl])).stdout, "Nothing has changed\n");
  } finally {
    await door.stop();
  }
});
